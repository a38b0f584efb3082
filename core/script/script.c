/* The Lua state of a run: see script.h. */
#include "script.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bundle.h"
#include "headroom.h"
#include "libs.h"
#include "memory.h"

struct script {
	lua_State *L;
	struct memory memory;
};

static const luaL_Reg libs[] = {
    {"neap.core.loop", luaopen_neap_core_loop},
    {"neap.core.remote", luaopen_neap_core_remote},
    {"neap.core.child", luaopen_neap_core_child},
    {"neap.core.crypto", luaopen_neap_core_crypto},
    {"neap.core.diff", luaopen_neap_core_diff},
    {"neap.core.store", luaopen_neap_core_store},
    {"neap.core.json", luaopen_neap_core_json},
    {"neap.core.match", luaopen_neap_core_match},
    {"neap.core.memory", luaopen_neap_core_memory},
    {"neap.core.journal", luaopen_neap_core_journal},
    {"neap.core.pair", luaopen_neap_core_pair},
    {"neap.core.private", luaopen_neap_core_private},
    {"neap.core.sys", luaopen_neap_core_sys},
    {"neap.core.taint", luaopen_neap_core_taint},
    {"neap.core.yaml", luaopen_neap_core_yaml},
    {NULL, NULL},
};

static int on_error(lua_State *L)
{
	const char *msg = lua_tostring(L, 1);

	if (!msg && luaL_callmeta(L, 1, "__tostring"))
		msg = lua_tostring(L, -1);
	luaL_traceback(L, L, msg ? msg : "error object is not a string", 1);
	return 1;
}

static void preload(lua_State *L)
{
	luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
	for (const luaL_Reg *lib = libs; lib->name; lib++) {
		lua_pushcfunction(L, lib->func);
		lua_setfield(L, -2, lib->name);
	}
	lua_pop(L, 1);
}

/* The bundle of bytecode that belongs to a folder of sources, or NULL. */
static const char *bundle_of(const char *lua_dir)
{
	if (!strcmp(lua_dir, NEAP_SOURCE_LUA_DIR))
		return NEAP_BUILD_BUNDLE;
	if (!strcmp(lua_dir, NEAP_INSTALL_LUA_DIR))
		return NEAP_INSTALL_BUNDLE;
	return NULL;
}

/* Not the incremental one, which shrinks stacks at any time: see headroom.h.
 * With many hosts there are many coroutines, each of which is walked every
 * time; so memory may double before what is young is collected, and become
 * four times what it is now before the rest is. */
void script_settle(lua_State *L)
{
	enum { MINOR_PERCENT = 100, MAJOR_PERCENT = 300 };

	lua_gc(L, LUA_GCINC, 0, 0, 0);
	lua_gc(L, LUA_GCGEN, MINOR_PERCENT, MAJOR_PERCENT);
}

static int open_all(lua_State *L)
{
	const char *dir = lua_tostring(L, 1);

	script_settle(L);
	luaL_openlibs(L);
	headroom_open(L);
	preload(L);
	lua_getglobal(L, "package");
	lua_pushfstring(L, "%s/?.lua", dir);
	lua_setfield(L, -2, "path");
	lua_pushliteral(L, "");
	lua_setfield(L, -2, "cpath");
	if (bundle_of(dir))
		bundle_open(L, bundle_of(dir), dir);
	return 0;
}

int script_new(struct script **out, const char *lua_dir, struct err *e)
{
	struct script *sc = calloc(1, sizeof(*sc));
	int rc;

	if (!sc || !(sc->L = lua_newstate(memory_alloc, &sc->memory))) {
		free(sc);
		return err_set(e, ERR_NOMEM, "out of memory");
	}
	lua_pushcfunction(sc->L, open_all);
	lua_pushstring(sc->L, lua_dir);
	if ((rc = script_call(sc, 1, 0, NULL, e)) < 0) {
		script_free(sc);
		return rc;
	}
	*out = sc;
	return 0;
}

void script_free(struct script *sc)
{
	if (!sc)
		return;
	lua_close(sc->L);
	free(sc);
}

lua_State *script_lua(struct script *sc)
{
	return sc->L;
}

int script_call(
    struct script *sc, int nargs, int nresults, char **trace, struct err *e)
{
	lua_State *L = sc->L;
	int base = lua_gettop(L) - nargs;
	const char *msg;

	lua_pushcfunction(L, on_error);
	lua_insert(L, base);
	if (lua_pcall(L, nargs, nresults, base) == LUA_OK) {
		lua_remove(L, base);
		return 0;
	}
	msg = lua_tostring(L, -1);
	if (msg && strstr(msg, "not enough memory"))
		msg = NULL; /* a module that could not be loaded for that */
	err_set(e, ERR_SCRIPT, "%s", msg ? msg : "out of memory");
	if (trace)
		*trace = strdup(e->text);
	if (trace && msg) {
		free(*trace);
		*trace = strdup(msg);
	}
	lua_settop(L, base - 1);
	return ERR_SCRIPT;
}

const char *script_lua_dir(void)
{
	const char *dir = getenv("NEAP_LUA_DIR");

	if (dir && *dir)
		return dir;
	if (access(NEAP_SOURCE_LUA_DIR "/neap", R_OK) == 0)
		return NEAP_SOURCE_LUA_DIR;
	return NEAP_INSTALL_LUA_DIR;
}
