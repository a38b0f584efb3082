/* Builds a Lua value out of data (state/datum.h): maps become tables, lists
 * become sequences that json.encode() knows for lists even where they are
 * empty, null becomes json.null. A key that stands twice is an error. */
#ifndef NEAP_SCRIPT_BUILD_H
#define NEAP_SCRIPT_BUILD_H

#include <lua.h>

#include "state/datum.h"

struct build {
	lua_State *L;
	int depth;			       /* open lists and maps */
	lua_Integer next[DATUM_DEPTH_MAX + 1]; /* a list's next index; 0: map */
};

/* A sink that leaves the finished value on the stack of `L`; `b` lives as
 * long as the visit. On failure the stack holds what was built so far. It
 * raises when Lua runs out of memory. */
struct sink build_sink(struct build *b, lua_State *L);

/* Pushes json.null; tells whether the value at `idx` is it. */
void build_push_null(lua_State *L);
int build_is_null(lua_State *L, int idx);

/* Marks the table on top of the stack as a list; tells whether the table at
 * `idx` is marked. */
void build_mark_list(lua_State *L);
int build_is_list(lua_State *L, int idx);

#endif
