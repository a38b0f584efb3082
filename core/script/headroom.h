/* Lua functions with room to spare on the stack, without which `..` on a
 * secret is not safe.
 *
 * Lua 5.4.4, which is Debian 12's, keeps the address of the stack's top over
 * the call of a __concat metamethod (luaV_concat; 5.4.7 does not). Where the
 * stack moves in that call, "a" .. secret .. "b" is written to freed memory:
 * measured, a wrong value or a crash at every tenth depth of calls. So the
 * stack must never move in it, which takes three things:
 *
 *	- the call never needs a larger stack: each Lua function is given
 *	  HEADROOM slots above what it uses itself, by its bytecode, and Lua
 *	  sees to it that they are there when the function is entered;
 *	- __concat is C, calls no Lua and takes few slots, and so do all
 *	  finalizers, which may run in it; playbooks have neither of the two;
 *	- the collector is generational, which shrinks no stack (script.c).
 *
 *	frame    | locals, temporaries     | HEADROOM                    |
 *	..                         a  b  c | f b c | __concat | finalizer |
 */
#ifndef NEAP_SCRIPT_HEADROOM_H
#define NEAP_SCRIPT_HEADROOM_H

#include <lua.h>

/* Of the 255 slots that a function may have. 45 are needed: 3 and
 * LUA_MINSTACK for the call of __concat, 2 and LUA_MINSTACK for that of a
 * finalizer in it. */
enum { HEADROOM = 64 };

/* As luaL_loadfile(), for text. */
int headroom_loadfile(lua_State *L, const char *path);

/* Lets load(), dofile() and require() of this state give all functions
 * headroom. What load() is given in binary must come of string.dump(), which
 * keeps it. There is no loadfile() from then on. */
void headroom_open(lua_State *L);

#endif
