/* ssh_config(5) in Lua: see ssh/config.h. */
#ifndef NEAP_SCRIPT_SSH_CONFIG_H
#define NEAP_SCRIPT_SSH_CONFIG_H

#include <lua.h>

/* neap.core.remote.ssh_config(host[, path]) -> what it says of the host, by
 * the names of `ssh -G` | nil, message, code */
int remote_ssh_config(lua_State *L);

#endif
