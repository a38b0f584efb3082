/* neap-lua FILE [ARG ...]: runs a Lua file with the core's bindings, for the
 * tests and for development. Not installed. */
#include <stdio.h>
#include <stdlib.h>

#include "script/headroom.h"
#include "script/script.h"

static void push_args(lua_State *L, int argc, char **argv)
{
	lua_createtable(L, argc, 0);
	for (int i = 1; i < argc; i++) {
		lua_pushstring(L, argv[i]);
		lua_rawseti(L, -2, i - 1);
	}
	lua_setglobal(L, "arg");
}

int main(int argc, char **argv)
{
	struct script *sc = NULL;
	char *trace = NULL;
	struct err e = {0};
	int status = EXIT_FAILURE;

	if (argc < 2) {
		fprintf(stderr, "usage: neap-lua FILE [ARG ...]\n");
		return 2;
	}
	if (script_new(&sc, script_lua_dir(), &e) < 0)
		goto out;
	push_args(script_lua(sc), argc, argv);
	if (headroom_loadfile(script_lua(sc), argv[1]) != LUA_OK) {
		err_set(&e, ERR_SCRIPT, "%s", lua_tostring(script_lua(sc), -1));
		goto out;
	}
	if (script_call(sc, 0, 0, &trace, &e) == 0)
		status = EXIT_SUCCESS;
out:
	if (status)
		fprintf(stderr, "%s\n", trace ? trace : e.text);
	free(trace);
	script_free(sc);
	return status;
}
