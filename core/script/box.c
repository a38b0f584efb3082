/* Boxes: see box.h. */
#include "box.h"

#include <string.h>

/* The metatable is registered when it is whole: memory may run out in
 * between, and a later box must not get one without __gc. */
static void push_metatable(
    lua_State *L, const char *type, lua_CFunction release)
{
	if (luaL_getmetatable(L, type) != LUA_TNIL)
		return;
	lua_pop(L, 1);
	lua_createtable(L, 0, 3);
	lua_pushstring(L, type);
	lua_setfield(L, -2, "__name");
	lua_pushcfunction(L, release);
	lua_setfield(L, -2, "__gc");
	lua_pushcfunction(L, release);
	lua_setfield(L, -2, "__close");
	lua_pushvalue(L, -1);
	lua_setfield(L, LUA_REGISTRYINDEX, type);
}

void *box_new(
    lua_State *L, size_t size, const char *type, lua_CFunction release)
{
	void *box = lua_newuserdatauv(L, size, 0);

	memset(box, 0, size);
	push_metatable(L, type, release);
	lua_setmetatable(L, -2);
	return box;
}

void *box_local(
    lua_State *L, size_t size, const char *type, lua_CFunction release)
{
	void *box = box_new(L, size, type, release);

	lua_toclose(L, -1);
	return box;
}

static int release_buf(lua_State *L)
{
	buf_release(lua_touserdata(L, 1));
	return 0;
}

struct buf *box_buf(lua_State *L)
{
	return box_local(L, sizeof(struct buf), "neap.buf", release_buf);
}

void box_push_bytes(lua_State *L, const struct buf *b)
{
	if (buf_failed(b))
		luaL_error(L, "out of memory");
	lua_pushlstring(L, b->data ? b->data : "", b->len);
}

int box_fail(lua_State *L, const struct err *e)
{
	luaL_pushfail(L);
	lua_pushstring(L, e->text);
	lua_pushstring(L, err_name(e->code));
	return 3;
}
