/* The options of a connection and of a request, from the Lua table that holds
 * them and keeps their strings alive. All raise for what makes no sense. */
#ifndef NEAP_SCRIPT_OPTION_H
#define NEAP_SCRIPT_OPTION_H

#include <lua.h>
#include <stdbool.h>

#include "remote/shell.h"

/* The field `name` of the table at `t`; `otherwise` where it is nil. Integers
 * are from 0 to 2^50. */
lua_Integer option_integer(
    lua_State *L, int t, const char *name, lua_Integer otherwise);
bool option_bool(lua_State *L, int t, const char *name, bool otherwise);

/* How to connect. Leaves on the stack what else it borrows from. */
void option_config(lua_State *L, int t, struct shell_config *c);

#endif
