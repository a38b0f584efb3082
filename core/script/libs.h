/* The bindings: one file a subject, `lib_<subject>.c`, required from Lua as
 * `neap.core.<subject>`. Misuse raises; the world's failures return
 * nil, message, code. */
#ifndef NEAP_SCRIPT_LIBS_H
#define NEAP_SCRIPT_LIBS_H

#include <lua.h>

int luaopen_neap_core_loop(lua_State *L);
int luaopen_neap_core_remote(lua_State *L);
int luaopen_neap_core_child(lua_State *L);
int luaopen_neap_core_crypto(lua_State *L);
int luaopen_neap_core_diff(lua_State *L);
int luaopen_neap_core_store(lua_State *L);
int luaopen_neap_core_journal(lua_State *L);
int luaopen_neap_core_json(lua_State *L);
int luaopen_neap_core_match(lua_State *L);
int luaopen_neap_core_memory(lua_State *L);
int luaopen_neap_core_pair(lua_State *L);
int luaopen_neap_core_private(lua_State *L);
int luaopen_neap_core_sys(lua_State *L);
int luaopen_neap_core_taint(lua_State *L);
int luaopen_neap_core_yaml(lua_State *L);

#endif
