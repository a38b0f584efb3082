/* Options out of a Lua table: see option.h. */
#include "option.h"

#include <lauxlib.h>
#include <string.h>

#include "taint.h"

/* Far more than any, and little enough to be reckoned with. */
#define OPTION_MAX ((lua_Integer)1 << 50)

/* A string, which may be a secret where `secret`. */
static const char *option_text(
    lua_State *L, int t, const char *name, bool secret)
{
	const char *value;
	size_t len;

	if (lua_getfield(L, t, name) == LUA_TNIL) {
		lua_pop(L, 1);
		return NULL;
	}
	if (lua_type(L, -1) != LUA_TSTRING && !(secret && taint_is(L, -1)))
		luaL_error(L, "'%s' must be a string%s", name,
		    secret ? " or a secret" : "");
	value = taint_bytes(L, -1, &len);
	if (strlen(value) != len)
		luaL_error(L, "'%s' must not hold a zero byte", name);
	lua_pop(L, 1);
	return value;
}

static const char *option_string(lua_State *L, int t, const char *name)
{
	return option_text(L, t, name, false);
}

lua_Integer option_integer(
    lua_State *L, int t, const char *name, lua_Integer otherwise)
{
	lua_Integer value = otherwise;
	int ok = 1;

	if (lua_getfield(L, t, name) != LUA_TNIL)
		value = lua_tointegerx(L, -1, &ok);
	if (!ok || value < 0 || value > OPTION_MAX)
		luaL_error(L, "'%s' must be a whole number from 0 to %I", name,
		    (LUAI_UACINT)OPTION_MAX);
	lua_pop(L, 1);
	return value;
}

bool option_bool(lua_State *L, int t, const char *name, bool otherwise)
{
	bool value = otherwise;

	if (lua_getfield(L, t, name) != LUA_TNIL)
		value = lua_toboolean(L, -1);
	lua_pop(L, 1);
	return value;
}

/* Leaves the list (a userdata) on the stack, so that it lives as long. */
static const char *const *option_list(lua_State *L, int t, const char *name)
{
	const char **list;
	lua_Integer n;

	if (lua_getfield(L, t, name) == LUA_TNIL)
		return NULL;
	if (lua_type(L, -1) != LUA_TTABLE)
		luaL_error(L, "'%s' must be a list of strings", name);
	n = luaL_len(L, -1);
	list = lua_newuserdatauv(L, ((size_t)n + 1) * sizeof(*list), 0);
	for (lua_Integer i = 0; i < n; i++) {
		if (lua_rawgeti(L, -2, i + 1) != LUA_TSTRING)
			luaL_error(L, "'%s' must be a list of strings", name);
		list[i] = lua_tostring(L, -1);
		lua_pop(L, 1);
	}
	list[n] = NULL;
	return list;
}

static const char *option_must(lua_State *L, int t, const char *name)
{
	const char *value = option_string(L, t, name);

	if (!value)
		luaL_error(L, "'%s' is missing", name);
	return value;
}

void option_config(lua_State *L, int t, struct shell_config *c)
{
	static const char *const checks[] = {"strict", "accept-new", NULL};
	const char *user = option_string(L, t, "become_user");
	lua_Integer port = option_integer(L, t, "port", 22);

	if (port < 1 || port > 65535)
		luaL_error(L, "'port' must be from 1 to 65535");
	*c = (struct shell_config){
	    .session =
		{
		    .name = option_must(L, t, "name"),
		    .address = option_must(L, t, "address"),
		    .port = (uint16_t)port,
		    .host_key_alias = option_string(L, t, "host_key_alias"),
		    .user = option_string(L, t, "user"),
		    .identities = option_list(L, t, "identities"),
		    .agent = option_bool(L, t, "agent", true),
		    .password = option_text(L, t, "password", true),
		    .known_hosts = option_list(L, t, "known_hosts"),
		    .accept_key = option_string(L, t, "accept_key"),
		    .certified_key = option_string(L, t, "certified_key"),
		    .certified_type = option_string(L, t, "certified_type"),
		    .proxy_command = option_string(L, t, "proxy_command"),
		    .connect_ms =
			option_integer(L, t, "connect_timeout_ms", 10000),
		    .auth_ms = option_integer(L, t, "auth_timeout_ms", 20000),
		},
	    .become_password = option_text(L, t, "become_password", true),
	};
	lua_getfield(L, t, "host_key_check");
	c->session.accept_new = luaL_checkoption(L, -1, "strict", checks) == 1;
	if (option_bool(L, t, "become", false))
		c->become = user ? user : "root";
}
