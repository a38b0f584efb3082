/* The Lua state of a run: see script.h. */
#include "script.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libs.h"
#include "memory.h"

struct script {
	lua_State *L;
	struct memory memory;
};

static const luaL_Reg libs[] = {
	{ "neap.core.loop", luaopen_neap_core_loop },
	{ "neap.core.remote", luaopen_neap_core_remote },
	{ "neap.core.crypto", luaopen_neap_core_crypto },
	{ "neap.core.diff", luaopen_neap_core_diff },
	{ "neap.core.store", luaopen_neap_core_store },
	{ "neap.core.json", luaopen_neap_core_json },
	{ "neap.core.match", luaopen_neap_core_match },
	{ "neap.core.memory", luaopen_neap_core_memory },
	{ "neap.core.sys", luaopen_neap_core_sys },
	{ "neap.core.taint", luaopen_neap_core_taint },
	{ "neap.core.yaml", luaopen_neap_core_yaml },
	{ NULL, NULL },
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

static const char *bytecode_dir(const char *lua_dir)
{
	if (!strcmp(lua_dir, NEAP_SOURCE_LUA_DIR))
		return NEAP_BUILD_BYTECODE_DIR;
	if (!strcmp(lua_dir, NEAP_INSTALL_LUA_DIR))
		return NEAP_INSTALL_BYTECODE_DIR;
	return NULL;
}

/* Whether bytecode may stand for its source: there and not older. */
static bool is_fresh(const char *bytecode, const char *source)
{
	struct stat compiled, written;

	return stat(bytecode, &compiled) == 0 &&
	    (stat(source, &written) < 0 ||
		compiled.st_mtime >= written.st_mtime);
}

/* A searcher of require(): upvalues are the folders of bytecode and source. */
static int search_bytecode(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);
	const char *path = luaL_gsub(L, name, ".", "/");
	const char *bytecode = lua_pushfstring(L, "%s/%s.luac",
	    lua_tostring(L, lua_upvalueindex(1)), path);
	const char *source = lua_pushfstring(L, "%s/%s.lua",
	    lua_tostring(L, lua_upvalueindex(2)), path);

	if (!is_fresh(bytecode, source))
		return 0;
	if (luaL_loadfilex(L, bytecode, "b") != LUA_OK)
		return 1; /* why it cannot be read, for require's message */
	lua_pushstring(L, source);
	return 2;
}

/* Puts the searcher before the one of package.path; `package` is on top. */
static void add_searcher(lua_State *L, const char *bytecode, const char *source)
{
	lua_getfield(L, -1, "searchers");
	for (lua_Integer i = luaL_len(L, -1); i >= 2; i--) {
		lua_rawgeti(L, -1, i);
		lua_rawseti(L, -2, i + 1);
	}
	lua_pushstring(L, bytecode);
	lua_pushstring(L, source);
	lua_pushcclosure(L, search_bytecode, 2);
	lua_rawseti(L, -2, 2);
	lua_pop(L, 1);
}

static int open_all(lua_State *L)
{
	const char *dir = lua_tostring(L, 1);

	lua_gc(L, LUA_GCGEN, 0, 0);
	luaL_openlibs(L);
	preload(L);
	lua_getglobal(L, "package");
	lua_pushfstring(L, "%s/?.lua", dir);
	lua_setfield(L, -2, "path");
	lua_pushliteral(L, "");
	lua_setfield(L, -2, "cpath");
	if (bytecode_dir(dir))
		add_searcher(L, bytecode_dir(dir), dir);
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

int script_call(struct script *sc, int nargs, int nresults, char **trace,
    struct err *e)
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
