/* neap.core.child: programs of the operator's machine (see base/child.h).
 *
 *     child.run { "git", "fetch", ... [, input = text] [, timeout_ms = n]
 *         [, env = { "NAME=VALUE", ... }] }
 *         -> { status = n, out = text, err = text } | nil, message, code */
#include <lauxlib.h>

#include "base/child.h"
#include "box.h"
#include "libs.h"

#define TYPE "neap.child.run"

static int free_run(lua_State *L)
{
	struct child *child = lua_touserdata(L, 1);

	buf_release(&child->out);
	buf_release(&child->err);
	return 0;
}

/* The strings of the list at `index`, ending with NULL; they stay its own. */
static const char **get_list(lua_State *L, int index)
{
	size_t n = lua_rawlen(L, index);
	const char **list = lua_newuserdatauv(L, (n + 1) * sizeof(*list), 0);

	for (size_t i = 0; i < n; i++) {
		if (lua_rawgeti(L, index, (lua_Integer)i + 1) != LUA_TSTRING)
			luaL_error(L, "child: a word is not a string");
		list[i] = lua_tostring(L, -1);
		lua_pop(L, 1);
	}
	list[n] = NULL;
	return list;
}

static void push_buf(lua_State *L, const char *key, const struct buf *b)
{
	lua_pushlstring(L, b->data ? b->data : "", b->len);
	lua_setfield(L, -2, key);
}

static int child_run_(lua_State *L)
{
	struct child *child;
	struct err e = {0};

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	luaL_argcheck(L, lua_rawlen(L, 1) > 0, 1, "a program is wanted");
	child = box_local(L, sizeof(*child), TYPE, free_run);
	*child = (struct child){0};
	child->argv = get_list(L, 1);
	if (lua_getfield(L, 1, "env") == LUA_TTABLE)
		child->env = get_list(L, lua_gettop(L));
	lua_getfield(L, 1, "input");
	child->input = luaL_optlstring(L, -1, NULL, &child->input_len);
	lua_getfield(L, 1, "timeout_ms");
	child->timeout_ms = (int)luaL_optinteger(L, -1, 0);
	if (child_run(child, &e) < 0)
		return box_fail(L, &e);
	lua_createtable(L, 0, 3);
	lua_pushinteger(L, child->status);
	lua_setfield(L, -2, "status");
	push_buf(L, "out", &child->out);
	push_buf(L, "err", &child->err);
	return 1;
}

int luaopen_neap_core_child(lua_State *L)
{
	lua_createtable(L, 0, 1);
	lua_pushcfunction(L, child_run_);
	lua_setfield(L, -2, "run");
	return 1;
}
