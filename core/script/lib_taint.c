/* neap.core.taint: secrets that can be handed on and that nobody sees (see
 * taint.h).
 *
 *     taint.new(value, name)      a secret, shown as "<secret:NAME>"
 *     taint.wrap(text, name)      a text with a secret somewhere in it is
 *                                 secret as a whole; of several lines, they
 *                                 are not looked for by mask(), unless it is a
 *                                 private key
 *     taint.is(v)
 *     taint.among(t)              the keys of those members of a table that
 *                                 are secret, or nil where none is
 *     a .. b                      with strings and numbers on either side
 *     taint.format(fmt, ...)      as string.format; %s and %q take secrets
 *     taint.concat(list[, sep])   as table.concat; a plain string if no secret
 *     taint.equal(a, b)           compares clear text, of strings as well
 *     taint.length(v)
 *     taint.names(v)              the names of the secrets in it, sorted by
 *                                 place, each once
 *     taint.reveal(v)             the clear text: for the engine only
 *     taint.mask(text)            text with all secrets of this process
 *                                 replaced, and how many there were
 *
 * tostring(v) is the masked text. `==` compares the clear text of two tainted
 * values; Lua itself finds a string and a tainted value unequal. */
#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

#include "box.h"
#include "libs.h"
#include "taint.h"

typedef void add_fn(
    lua_State *L, struct taint *t, const char *s, size_t len, const char *name);

/* (value, name) -> tainted, as `add` has it */
static int make(lua_State *L, add_fn *add)
{
	size_t len;
	const char *value = taint_check(L, 1, &len);
	const char *name = luaL_checkstring(L, 2);

	add(L, taint_push(L), value, len, name);
	return 1;
}

static int taint_new(lua_State *L)
{
	return make(L, taint_add_secret);
}

static int taint_wrap(lua_State *L)
{
	return make(L, taint_add_wrapped);
}

static int taint_is_(lua_State *L)
{
	luaL_checkany(L, 1);
	lua_pushboolean(L, taint_is(L, 1));
	return 1;
}

static int taint_among(lua_State *L)
{
	lua_Integer count = 0;

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	lua_pushnil(L); /* the list, once there is one to be named */
	lua_pushnil(L);
	while (lua_next(L, 1)) {
		if (taint_is(L, -1)) {
			if (!count) {
				lua_newtable(L);
				lua_replace(L, 2);
			}
			lua_pushvalue(L, -2);
			lua_rawseti(L, 2, ++count);
		}
		lua_pop(L, 1);
	}
	return 1;
}

static int taint_reveal(lua_State *L)
{
	size_t len;
	const char *s = taint_check(L, 1, &len);

	lua_pushlstring(L, s, len);
	return 1;
}

static int taint_names(lua_State *L)
{
	luaL_checkany(L, 1);
	taint_push_names(L, 1);
	return 1;
}

static int taint_mask_(lua_State *L)
{
	size_t len, count;
	const char *text = luaL_checklstring(L, 1, &len);
	struct buf *b = box_buf(L);

	count = taint_mask(L, text, len, b);
	if (count)
		box_push_bytes(L, b);
	else
		lua_pushvalue(L, 1);
	lua_pushinteger(L, (lua_Integer)count);
	return 2;
}

/* A result that holds no secret is a string. */
static int finish(lua_State *L, int out)
{
	size_t len;
	const char *s;

	if (taint_has_secret(L, out)) {
		lua_pushvalue(L, out);
		return 1;
	}
	s = taint_bytes(L, out, &len);
	lua_pushlstring(L, s, len);
	return 1;
}

static int taint_concat(lua_State *L)
{
	struct taint *t;
	lua_Integer from, to;

	luaL_checktype(L, 1, LUA_TTABLE);
	if (lua_isnoneornil(L, 2)) {
		lua_settop(L, 4);
		lua_pushliteral(L, "");
		lua_replace(L, 2);
	}
	lua_settop(L, 4);
	from = luaL_optinteger(L, 3, 1);
	to = lua_isnil(L, 4) ? luaL_len(L, 1) : luaL_checkinteger(L, 4);
	t = taint_push(L);
	for (lua_Integer i = from; i <= to; i++) {
		if (i > from)
			taint_add_value(L, t, 2);
		lua_geti(L, 1, i);
		if (!taint_is(L, -1) && !lua_isstring(L, -1))
			return luaL_error(L,
			    "invalid value (at index %I) in table for "
			    "'concat': a %s",
			    (LUAI_UACINT)i, luaL_typename(L, -1));
		taint_add_value(L, t, -1);
		lua_pop(L, 1);
	}
	return finish(L, 5);
}

/* One conversion of a format: "%", flags, width, precision, letter. */
static const char *end_of_spec(lua_State *L, const char *at, const char *end)
{
	const char *p = at + 1;

	while (p < end && *p && strchr("-+ #0123456789.", *p))
		p++;
	if (p >= end || p - at > 20)
		luaL_error(L, "invalid conversion '%s' to 'format'", at);
	return p + 1;
}

/* A secret as Lua's %q writes a string, by way of `b`. */
static void add_quoted(lua_State *L, struct taint *t, struct buf *b, int arg)
{
	size_t len;
	const char *s = taint_check(L, arg, &len);

	buf_clear(b);
	buf_putc(b, '"');
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '"' || s[i] == '\\' || s[i] == '\n')
			buf_printf(b, "\\%c", s[i]);
		else if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			buf_printf(b, "\\%03d", s[i]);
		else
			buf_putc(b, s[i]);
	}
	buf_putc(b, '"');
	if (buf_failed(b))
		luaL_error(L, "out of memory");
	taint_add_derived(L, t, b->data, b->len, arg);
}

/* Whatever is not secret is Lua's own string.format's business. */
static void add_plain_spec(
    lua_State *L, struct taint *t, const char *spec, size_t len, int arg)
{
	size_t n;
	const char *s;

	lua_pushvalue(L, lua_upvalueindex(1));
	lua_pushlstring(L, spec, len);
	lua_pushvalue(L, arg);
	lua_call(L, 2, 1);
	s = lua_tolstring(L, -1, &n);
	taint_add_plain(L, t, s, n);
	lua_pop(L, 1);
}

static void add_spec(lua_State *L, struct taint *t, struct buf *quoted,
    const char *spec, size_t len, int arg)
{
	luaL_checkany(L, arg);
	if (!taint_is(L, arg))
		add_plain_spec(L, t, spec, len, arg);
	else if (len == 2 && spec[1] == 's')
		taint_add_value(L, t, arg);
	else if (len == 2 && spec[1] == 'q')
		add_quoted(L, t, quoted, arg);
	else
		luaL_argerror(L, arg, "a secret goes only with %s or %q");
}

static int taint_format(lua_State *L)
{
	size_t len;
	const char *at = luaL_checklstring(L, 1, &len);
	const char *end = at + len, *mark;
	int top = lua_gettop(L), arg = 1;
	struct taint *t = taint_push(L);
	/* One for all: Lua 5.4.4's lua_pop() of a value that is to be closed
	 * does not survive that the stack moves. */
	struct buf *quoted = box_buf(L);

	quoted->secret = true;
	while ((mark = memchr(at, '%', (size_t)(end - at)))) {
		const char *next = end_of_spec(L, mark, end);

		taint_add_plain(L, t, at, (size_t)(mark - at));
		at = next;
		if (next - mark == 2 && mark[1] == '%') {
			taint_add_plain(L, t, "%", 1);
			continue;
		}
		if (++arg > top)
			return luaL_argerror(L, arg, "no value");
		add_spec(L, t, quoted, mark, (size_t)(next - mark), arg);
	}
	taint_add_plain(L, t, at, (size_t)(end - at));
	return finish(L, top + 1);
}

/* The value that the argument stands for, if it is one of the upvalue's. */
static void stand_in(lua_State *L, int arg)
{
	if (!lua_istable(L, arg))
		return;
	lua_pushvalue(L, arg);
	if (lua_rawget(L, lua_upvalueindex(1)) == LUA_TNIL)
		lua_pop(L, 1);
	else
		lua_replace(L, arg);
}

/* (a, b) -> a .. b; a string unless one of them is tainted */
static int join(lua_State *L)
{
	struct taint *t;

	lua_settop(L, 2);
	for (int arg = 1; arg <= 2; arg++) {
		stand_in(L, arg);
		if (!taint_is(L, arg) && !lua_isstring(L, arg))
			return luaL_error(L,
			    "attempt to concatenate a %s value",
			    luaL_typename(L, arg));
	}
	if (taint_is(L, 1) || taint_is(L, 2)) {
		t = taint_push(L);
		taint_add_value(L, t, 1);
		taint_add_value(L, t, 2);
	} else {
		lua_concat(L, 2);
	}
	return 1;
}

static int taint_joiner(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	lua_pushcclosure(L, join, 1);
	return 1;
}

static const luaL_Reg funcs[] = {
    {"new", taint_new},
    {"wrap", taint_wrap},
    {"is", taint_is_},
    {"among", taint_among},
    {"equal", taint_equal},
    {"length", taint_length},
    {"names", taint_names},
    {"reveal", taint_reveal},
    {"mask", taint_mask_},
    {"concat", taint_concat},
    {"joiner", taint_joiner},
    {NULL, NULL},
};

int luaopen_neap_core_taint(lua_State *L)
{
	luaL_newlib(L, funcs);
	luaL_requiref(L, LUA_STRLIBNAME, luaopen_string, 0);
	lua_getfield(L, -1, "format");
	lua_remove(L, -2);
	lua_pushcclosure(L, taint_format, 1);
	lua_setfield(L, -2, "format");
	return 1;
}
