/* neap.core.yaml: YAML as people write it in inventories (the rules are in
 * state/yaml.h).
 *
 *     yaml.decode(text [, name]) -> v | nil, "NAME:LINE: message", code
 *
 * Null is json.null, so that a key without a value is there. */
#include <lauxlib.h>

#include "box.h"
#include "build.h"
#include "libs.h"
#include "state/yaml.h"

static int free_doc(lua_State *L)
{
	struct yamldoc **doc = lua_touserdata(L, 1);

	yamldoc_free(*doc);
	*doc = NULL;
	return 0;
}

static int yaml_decode(lua_State *L)
{
	struct err e = {0};
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);
	const char *name = luaL_optstring(L, 2, "yaml");
	struct yamldoc **doc =
	    box_local(L, sizeof(*doc), "neap.yaml.doc", free_doc);
	struct build *b = lua_newuserdatauv(L, sizeof(*b), 0);
	struct sink sink = build_sink(b, L);

	if (yamldoc_parse(doc, text, len, name, &e) < 0 ||
	    yamldoc_visit(*doc, &sink, &e) < 0)
		return box_fail(L, &e);
	return 1;
}

static const luaL_Reg funcs[] = {
    {"decode", yaml_decode},
    {NULL, NULL},
};

int luaopen_neap_core_yaml(lua_State *L)
{
	luaL_newlib(L, funcs);
	return 1;
}
