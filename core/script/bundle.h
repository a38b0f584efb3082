/* The Lua library as bytecode in one file, mapped into memory.
 *
 *	neap.apt 1f40 2a1 \n      module, offset and size, both in hex
 *	...
 *	\n
 *	bytecode of all modules
 *
 * Reading 12,000 lines of Lua is most of what a short run costs; bytecode is
 * read several times faster, and one file costs a fraction of what opening a
 * hundred does. compile.lua writes it. */
#ifndef NEAP_SCRIPT_BUNDLE_H
#define NEAP_SCRIPT_BUNDLE_H

#include <lua.h>

/* Puts a searcher of require() that finds modules in the file `path` before
 * the one that looks for their source; their source is below `source`, and one
 * that is newer than the bundle goes before its bytecode. Nothing happens
 * where there is no such file. */
void bundle_open(lua_State *L, const char *path, const char *source);

#endif
