/* ssh_config(5) in Lua: see ssh_config.h. */
#include "ssh_config.h"

#include <lauxlib.h>

#include "box.h"
#include "ssh/config.h"

static int config_gc(lua_State *L)
{
	client_config_release(lua_touserdata(L, 1));
	return 0;
}

static void set_text(lua_State *L, const char *name, const char *text)
{
	lua_pushstring(L, text);
	lua_setfield(L, -2, name);
}

/* Nothing where there is none. */
static void set_list(lua_State *L, const char *name, char *const *list)
{
	if (!list)
		return;
	lua_newtable(L);
	for (lua_Integer i = 1; *list; i++, list++) {
		lua_pushstring(L, *list);
		lua_rawseti(L, -2, i);
	}
	lua_setfield(L, -2, name);
}

static void push_values(lua_State *L, const struct client_config *c)
{
	lua_newtable(L);
	set_text(L, "hostname", c->hostname);
	set_text(L, "user", c->user);
	set_text(L, "stricthostkeychecking", c->strict_checking);
	set_text(L, "identityagent", c->identity_agent);
	set_text(L, "hostkeyalias", c->host_key_alias);
	set_text(L, "proxyjump", c->proxy_jump);
	set_text(L, "proxycommand", c->proxy_command);
	set_list(L, "identityfile", c->identity_file);
	set_list(L, "userknownhostsfile", c->user_known_hosts);
	set_list(L, "globalknownhostsfile", c->global_known_hosts);
	set_list(L, "skipped", c->skipped);
	if (c->port) {
		lua_pushinteger(L, c->port);
		lua_setfield(L, -2, "port");
	}
	if (c->connect_timeout_s) {
		lua_pushinteger(L, c->connect_timeout_s);
		lua_setfield(L, -2, "connecttimeout");
	}
	if (c->identities_only) {
		lua_pushboolean(L, c->identities_only > 0);
		lua_setfield(L, -2, "identitiesonly");
	}
}

int remote_ssh_config(lua_State *L)
{
	const char *host = luaL_checkstring(L, 1);
	const char *path = luaL_optstring(L, 2, NULL);
	struct client_config *c =
	    box_local(L, sizeof(*c), "neap.client_config", config_gc);
	struct err e = {0};

	if (client_config_read(c, host, path, &e) < 0)
		return box_fail(L, &e);
	push_values(L, c);
	return 1;
}
