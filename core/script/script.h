/* The one Lua state of a run: the engine's policy, the resource types and
 * (in a sandbox that the Lua side makes) the playbooks live in it.
 *
 * C keeps its invariants when any Lua call may longjmp: every call from C
 * into Lua goes through script_call(), one pcall with a traceback. */
#ifndef NEAP_SCRIPT_SCRIPT_H
#define NEAP_SCRIPT_SCRIPT_H

#include <lua.h>

#include "base/err.h"

struct script;

/* A new state with the standard libraries, the `neap.core.*` bindings and
 * `lua_dir` as the place where require() looks for `neap.*`. A module that
 * stands in the build's or the installation's bytecode, and is not older
 * than its source, is taken from there. Returns 0,
 * ERR_NOMEM or ERR_SCRIPT; *out is then the caller's, to script_free(). */
int script_new(struct script **out, const char *lua_dir, struct err *e);
void script_free(struct script *sc);

/* The Lua state, borrowed. */
lua_State *script_lua(struct script *sc);

/* Tells the collector that what is there now is there to stay: from here on it
 * waits for memory to grow over that. */
void script_settle(lua_State *L);

/* Calls the function and its `nargs` arguments on the stack of `sc`, leaving
 * `nresults` there. Returns 0 or ERR_SCRIPT with the message and a traceback
 * in `e` (the whole of it, which may be long, in *trace if that is not NULL:
 * the caller's to free()). */
int script_call(
    struct script *sc, int nargs, int nresults, char **trace, struct err *e);

/* The directory of the library: $NEAP_LUA_DIR, else the source tree that the
 * program was built in if it stands there, else where it was installed. */
const char *script_lua_dir(void);

#endif
