/* Secrets in Lua: values that can be put together and handed on, and that
 * nobody sees.
 *
 * A tainted value is a string of which pieces are secret:
 *
 *     "password=" .. secret "db" .. "\n"
 *      bytes  p a s s w o r d = h u n t e r 2 \n
 *      spans                    [ db        ]
 *
 * tostring() shows "password=<secret:db>\n". Its memory is wiped when Lua
 * collects it; Lua strings that a value was made of are Lua's, and are not. */
#ifndef NEAP_SCRIPT_TAINT_H
#define NEAP_SCRIPT_TAINT_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Whether the value at `idx` is tainted. */
bool taint_is(lua_State *L, int idx);

/* The clear bytes of the argument `arg`, a string, a number or a tainted
 * value; raises for anything else. Borrowed from the value. */
const char *taint_check(lua_State *L, int arg, size_t *len);

/* As taint_check, for any stack index; NULL where it is nothing of the
 * kind. */
const char *taint_bytes(lua_State *L, int idx, size_t *len);

/* Pushes a tainted value, empty at first. */
struct taint;
struct taint *taint_push(lua_State *L);

/* Append to a value: bytes that are no secret, bytes that are (and that
 * taint_mask() knows from then on), any Lua value that taint_bytes() takes.
 * They raise when memory runs out. */
void taint_add_plain(lua_State *L, struct taint *t, const char *s, size_t len);
void taint_add_secret(
    lua_State *L, struct taint *t, const char *s, size_t len, const char *name);
void taint_add_value(lua_State *L, struct taint *t, int idx);

/* Appends bytes that are secret as a whole because a secret is somewhere in
 * them, such as a configuration file. Unless they are one line, or a private
 * key, taint_mask() does not look for them: their lines are mostly common
 * ones, which would vanish from all output. */
void taint_add_wrapped(
    lua_State *L, struct taint *t, const char *s, size_t len, const char *name);

/* Appends bytes that were made of the tainted value at `idx`, as a secret by
 * the name of the first that is in it. */
void taint_add_derived(
    lua_State *L, struct taint *t, const char *s, size_t len, int idx);

/* Whether anything in the tainted value at `idx` is secret. */
bool taint_has_secret(lua_State *L, int idx);

/* Functions for Lua: (a, b) -> whether their clear bytes are the same, (v) ->
 * how many it has. */
int taint_equal(lua_State *L);
int taint_length(lua_State *L);

/* Pushes the list of the names of the secrets in the value at `idx`, in
 * order, each once. */
void taint_push_names(lua_State *L, int idx);

/* Appends the value at `idx` as it may be shown: a tainted value with the
 * names of its secrets, a string masked. */
void taint_add_shown(lua_State *L, struct buf *to, int idx);

/* Appends `text` with every secret of this Lua state replaced by its name, and
 * returns how many there were. */
size_t taint_mask(lua_State *L, const char *text, size_t len, struct buf *to);

#endif
