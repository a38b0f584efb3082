/* Lua values out of data: see build.h. */
#include "build.h"

#include <lauxlib.h>
#include <stdbool.h>

#define LIST_TYPE "neap.json.list"
#define NULL_KEY "neap.json.null"

static int null_tostring(lua_State *L)
{
	lua_pushliteral(L, "null");
	return 1;
}

void build_push_null(lua_State *L)
{
	if (lua_getfield(L, LUA_REGISTRYINDEX, NULL_KEY) != LUA_TNIL)
		return;
	lua_pop(L, 1);
	lua_newuserdatauv(L, 1, 0);
	lua_createtable(L, 0, 2);
	lua_pushliteral(L, "null");
	lua_setfield(L, -2, "__name");
	lua_pushcfunction(L, null_tostring);
	lua_setfield(L, -2, "__tostring");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, -2);
	lua_pushvalue(L, -1);
	lua_setfield(L, LUA_REGISTRYINDEX, NULL_KEY);
}

int build_is_null(lua_State *L, int idx)
{
	int same;

	if (lua_type(L, idx) != LUA_TUSERDATA)
		return 0;
	idx = lua_absindex(L, idx);
	build_push_null(L);
	same = lua_rawequal(L, idx, -1);
	lua_pop(L, 1);
	return same;
}

void build_mark_list(lua_State *L)
{
	luaL_newmetatable(L, LIST_TYPE);
	lua_setmetatable(L, -2);
}

int build_is_list(lua_State *L, int idx)
{
	int same;

	if (!lua_getmetatable(L, idx))
		return 0;
	luaL_getmetatable(L, LIST_TYPE);
	same = lua_rawequal(L, -1, -2);
	lua_pop(L, 2);
	return same;
}

/* Puts the value on top of the stack where it belongs. Below it is its list,
 * or its map and its key, or nothing. */
static void attach(struct build *b)
{
	if (b->depth == 0)
		return;
	if (b->next[b->depth])
		lua_rawseti(b->L, -2, b->next[b->depth]++);
	else
		lua_rawset(b->L, -3);
}

static int open_table(struct build *b, const struct datum *d, struct err *e)
{
	bool list = d->kind == DATUM_LIST;
	int hint = d->count < 1000 ? (int)d->count : 1000;

	if (b->depth == DATUM_DEPTH_MAX)
		return err_set(
		    e, ERR_LIMIT, "deeper than %d levels", DATUM_DEPTH_MAX);
	luaL_checkstack(b->L, 8, "too many levels");
	lua_createtable(b->L, list ? hint : 0, list ? 0 : hint);
	if (list)
		build_mark_list(b->L);
	b->next[++b->depth] = list;
	return 0;
}

static int push_key(struct build *b, const struct datum *d, struct err *e)
{
	bool twice;

	lua_pushlstring(b->L, d->data, d->len);
	lua_pushvalue(b->L, -1);
	twice = lua_rawget(b->L, -3) != LUA_TNIL;
	lua_pop(b->L, 1);
	if (twice)
		return err_set(e, ERR_PARSE, "the key '%s' stands twice",
		    lua_tostring(b->L, -1));
	return 0;
}

static int put(void *ctx, const struct datum *d, struct err *e)
{
	struct build *b = ctx;

	switch (d->kind) {
	case DATUM_LIST:
	case DATUM_MAP:
		return open_table(b, d, e);
	case DATUM_KEY:
		return push_key(b, d, e);
	case DATUM_END:
		b->depth--;
		break;
	case DATUM_NULL:
		build_push_null(b->L);
		break;
	case DATUM_FALSE:
	case DATUM_TRUE:
		lua_pushboolean(b->L, d->kind == DATUM_TRUE);
		break;
	case DATUM_INTEGER:
		lua_pushinteger(b->L, d->integer);
		break;
	case DATUM_NUMBER:
		lua_pushnumber(b->L, d->number);
		break;
	case DATUM_STRING:
		lua_pushlstring(b->L, d->data, d->len);
		break;
	}
	attach(b);
	return 0;
}

struct sink build_sink(struct build *b, lua_State *L)
{
	b->L = L;
	b->depth = 0;
	luaL_checkstack(L, 8, "too many levels");
	return (struct sink){put, b};
}
