/* neap.core.match: Lua's patterns within a budget, for the sandbox. */
#include <lauxlib.h>

#include "libs.h"
#include "match.h"

static int push_capture(lua_State *L, const struct match *m, int i)
{
	const struct match_capture *c = &m->capture[i];

	if (c->len == CAPTURE_POSITION)
		lua_pushinteger(L, c->start - m->subject + 1);
	else
		lua_pushlstring(L, c->start, (size_t)c->len);
	return 1;
}

static int push_found(
    lua_State *L, const struct match *m, const char *s, const char *e)
{
	luaL_checkstack(L, m->level + 2, "too many captures");
	lua_pushinteger(L, s - m->subject + 1);
	lua_pushinteger(L, e - m->subject);
	for (int i = 0; i < m->level; i++)
		push_capture(L, m, i);
	return 2 + m->level;
}

/* exec(subject, pattern, init, last, literal) -> first, last, captures...
 * | nil. The first match from position `init` on that does not end at `last`
 * (-1: any end will do); `literal`: a ^ at the start is no anchor. Raises
 * where the pattern is malformed or the budget spent. */
static int match_exec(lua_State *L)
{
	size_t len, pattern_len;
	const char *subject = luaL_checklstring(L, 1, &len);
	const char *pattern = luaL_checklstring(L, 2, &pattern_len);
	lua_Integer init = luaL_checkinteger(L, 3);
	lua_Integer last = luaL_checkinteger(L, 4);
	bool anchored =
	    pattern_len > 0 && *pattern == '^' && !lua_toboolean(L, 5);
	struct match m = {
	    .subject = subject,
	    .subject_end = subject + len,
	    .pattern_end = pattern + pattern_len,
	    .budget = lua_touserdata(L, lua_upvalueindex(1)),
	};

	luaL_argcheck(L, init >= 1, 3, "is below 1");
	luaL_pushfail(L);
	if (init > (lua_Integer)len + 1)
		return 1;
	for (const char *s = subject + init - 1; s <= m.subject_end; s++) {
		const char *e = match_at(&m, s, pattern + anchored);

		if (m.error)
			return luaL_error(L, "%s", m.error);
		if (e && e - subject != last)
			return push_found(L, &m, s, e);
		if (anchored)
			break;
	}
	return 1;
}

/* budget(steps): from now on exec() may look at so many characters in all */
static int match_budget(lua_State *L)
{
	long long *budget = lua_touserdata(L, lua_upvalueindex(1));

	*budget = luaL_checkinteger(L, 1);
	return 0;
}

/* What stands in a pattern that can be tried at several lengths. */
static int repeats_of(const char *p, const char *end)
{
	int n = 0;

	for (; p < end; p++) {
		if (*p == '*' || *p == '+' || *p == '?' || *p == '-' ||
		    (*p == '%' && p + 1 < end && (p[1] == 'b' || p[1] == 'f')))
			n++;
	}
	return n;
}

/* Whether Lua's own matcher, which cannot be stopped, needs at most so many
 * steps: the length of the subject to the power of what repeats. */
static bool is_quick(lua_State *L, double most)
{
	size_t len, pattern_len;
	const char *pattern = lua_tolstring(L, 2, &pattern_len);
	double steps;

	lua_tolstring(L, 1, &len);
	steps = (double)len + 1;
	for (int n = repeats_of(pattern, pattern + pattern_len);
	     n > 0 && steps <= most; n--)
		steps *= (double)len + 1;
	return steps <= most;
}

static int call_either(lua_State *L)
{
	lua_CFunction native = lua_tocfunction(L, lua_upvalueindex(1));
	double most;

	lua_getfield(L, lua_upvalueindex(3), "safe_steps");
	most = lua_tonumber(L, -1);
	lua_pop(L, 1);
	if (lua_type(L, 1) == LUA_TSTRING && lua_type(L, 2) == LUA_TSTRING &&
	    is_quick(L, most))
		return native(L);
	lua_pushvalue(L, lua_upvalueindex(2));
	lua_insert(L, 1);
	lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
	return lua_gettop(L);
}

/* either(native, bounded, module) -> a function of (subject, pattern, ...):
 * Lua's own where that takes at most `module.safe_steps`, else the other. */
static int match_either(lua_State *L)
{
	luaL_argcheck(L, lua_iscfunction(L, 1), 1, "is no C function");
	luaL_checktype(L, 2, LUA_TFUNCTION);
	luaL_checktype(L, 3, LUA_TTABLE);
	lua_settop(L, 3);
	lua_pushcclosure(L, call_either, 3);
	return 1;
}

static const luaL_Reg funcs[] = {
    {"exec", match_exec},
    {"budget", match_budget},
    {"either", match_either},
    {NULL, NULL},
};

int luaopen_neap_core_match(lua_State *L)
{
	long long *budget;

	luaL_newlibtable(L, funcs);
	budget = lua_newuserdatauv(L, sizeof(*budget), 0);
	*budget = 0;
	luaL_setfuncs(L, funcs, 1);
	return 1;
}
