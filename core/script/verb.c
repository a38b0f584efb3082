/* From the command line into Lua: see verb.h. */
#include "verb.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "script.h"

struct verb_call {
	const char *name;
	const struct option_value *options;
	size_t n;
	char *const *args;
	size_t nargs;
};

static void append(lua_State *L, const char *field, const char *text)
{
	luaL_getsubtable(L, -1, field);
	lua_pushstring(L, text);
	lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
	lua_pop(L, 1);
}

static void set_pair(lua_State *L, const char *field, const char *text)
{
	const char *eq = strchr(text, '=');

	luaL_getsubtable(L, -1, field);
	lua_pushlstring(L, text, (size_t)(eq - text));
	lua_pushstring(L, eq + 1);
	lua_rawset(L, -3);
	lua_pop(L, 1);
}

static void count_up(lua_State *L, const char *field)
{
	lua_Integer n;

	lua_getfield(L, -1, field);
	n = lua_tointeger(L, -1);
	lua_pop(L, 1);
	lua_pushinteger(L, n + 1);
	lua_setfield(L, -2, field);
}

static void set_option(lua_State *L, const struct option_value *o)
{
	switch (o->kind) {
	case OPTION_FLAG:
		lua_pushboolean(L, 1);
		lua_setfield(L, -2, o->field);
		break;
	case OPTION_COUNT:
		count_up(L, o->field);
		break;
	case OPTION_TEXT:
		lua_pushstring(L, o->text);
		lua_setfield(L, -2, o->field);
		break;
	case OPTION_INTEGER:
		lua_pushinteger(L, strtoll(o->text, NULL, 10));
		lua_setfield(L, -2, o->field);
		break;
	case OPTION_LIST:
		append(L, o->field, o->text);
		break;
	case OPTION_PAIR:
		set_pair(L, o->field, o->text);
		break;
	}
}

/* Pushes the verb's function, with all that it needs loaded. */
static void load_verb(lua_State *L, const char *name)
{
	lua_gc(L, LUA_GCSTOP);
	lua_getglobal(L, "require");
	lua_pushfstring(L, "neap.verbs.%s", name);
	lua_call(L, 1, 1);
	lua_gc(L, LUA_GCRESTART);
	script_settle(L);
}

/* Runs in protected mode: (call) -> exit code. */
static int call_verb(lua_State *L)
{
	const struct verb_call *call = lua_touserdata(L, 1);

	load_verb(L, call->name);
	lua_newtable(L);
	for (size_t i = 0; i < call->n; i++)
		set_option(L, &call->options[i]);
	lua_createtable(L, (int)call->nargs, 0);
	for (size_t i = 0; i < call->nargs; i++) {
		lua_pushstring(L, call->args[i]);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	lua_setfield(L, -2, "args");
	lua_call(L, 1, 1);
	return 1;
}

static int check_option(const struct option_value *o, struct err *e)
{
	char *end;

	if (o->kind == OPTION_PAIR &&
	    (!strchr(o->text, '=') || o->text[0] == '='))
		return err_set(e, ERR_USAGE, "'%s' is not KEY=VALUE", o->text);
	if (o->kind == OPTION_INTEGER) {
		errno = 0;
		if (strtoll(o->text, &end, 10) < 0 || *end || errno ||
		    end == o->text)
			return err_set(e, ERR_USAGE,
			    "'%s' is not a whole number", o->text);
	}
	return 0;
}

int verb_run(int *status, struct script *sc, const char *name,
    const struct option_value *options, size_t n, char *const *args,
    size_t nargs, char **trace, struct err *e)
{
	struct verb_call call = {name, options, n, args, nargs};
	lua_State *L = script_lua(sc);
	int rc;

	for (size_t i = 0; i < n; i++)
		if ((rc = check_option(&options[i], e)) < 0)
			return rc;
	lua_pushcfunction(L, call_verb);
	lua_pushlightuserdata(L, &call);
	if ((rc = script_call(sc, 1, 1, trace, e)) < 0)
		return rc;
	*status = (int)lua_tointeger(L, -1);
	lua_pop(L, 1);
	return 0;
}
