/* Boxes: how C memory lives through calls that may longjmp.
 *
 * Lua owns the box, the box owns the C object. The box is made first, empty
 * (all zero bytes), with the metatable that frees what will be in it; then it
 * is filled. `release` gets the box as argument 1 and must leave it empty, as
 * it may be called twice (__close, then __gc). */
#ifndef NEAP_SCRIPT_BOX_H
#define NEAP_SCRIPT_BOX_H

#include <lauxlib.h>
#include <lua.h>

#include "base/buf.h"
#include "base/err.h"

/* Pushes an empty box of `size` bytes whose metatable, registered as `type`,
 * has `release` as __gc and __close. */
void *box_new(
    lua_State *L, size_t size, const char *type, lua_CFunction release);

/* The same for a box that no one but the present C function uses: it is
 * released when that returns or fails. */
void *box_local(
    lua_State *L, size_t size, const char *type, lua_CFunction release);

/* Pushes a box with an empty buffer, released with the present function. */
struct buf *box_buf(lua_State *L);

/* Pushes the buffer's bytes as a string; raises if it ran out of memory. */
void box_push_bytes(lua_State *L, const struct buf *b);

/* Pushes nil, message, code of `e`, and returns 3. */
int box_fail(lua_State *L, const struct err *e);

#endif
