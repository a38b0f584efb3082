/* neap.core.memory: the bound on this Lua state's memory. */
#include <lauxlib.h>

#include "libs.h"
#include "memory.h"

/* The state's struct memory, if it was made with memory_alloc. */
static struct memory *of_state(lua_State *L)
{
	void *ud;

	if (lua_getallocf(L, &ud) != memory_alloc)
		luaL_error(L, "this Lua state's memory is not counted");
	return ud;
}

/* used() -> bytes */
static int memory_used(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)of_state(L)->used_bytes);
	return 1;
}

/* limit(bytes): no more than so many from now on; 0: no bound. What is held
 * already stays. */
static int memory_limit(lua_State *L)
{
	struct memory *m = of_state(L);
	lua_Integer bytes = luaL_checkinteger(L, 1);

	luaL_argcheck(L, bytes >= 0, 1, "is negative");
	m->limit_bytes = (size_t)bytes;
	if (bytes && m->limit_bytes < m->used_bytes)
		m->limit_bytes = m->used_bytes;
	return 0;
}

static const luaL_Reg funcs[] = {
    {"used", memory_used},
    {"limit", memory_limit},
    {NULL, NULL},
};

int luaopen_neap_core_memory(lua_State *L)
{
	luaL_newlib(L, funcs);
	return 1;
}
