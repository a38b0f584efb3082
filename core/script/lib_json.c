/* neap.core.json: JSON in one canonical form (see state/json.h).
 *
 *     json.encode(v [, { indent = 2 }]) -> text   keys sorted by their bytes
 *     json.decode(text) -> v | nil, message, code
 *     json.null                null, where nil would make a hole
 *     json.array(t) -> t       t is a list even when it is empty
 *     json.is_array(v)
 *
 * A table with the keys 1..n is a list, any other must have strings for keys;
 * the empty table is an object. Lists that were decoded stay lists when they
 * are emptied. What has no form in JSON (a function, NaN, a secret, a table
 * in itself) raises an error that says where it stands. */
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "box.h"
#include "build.h"
#include "libs.h"
#include "state/json.h"
#include "taint.h"

/* Where the encoder is, for error messages. */
struct step {
	const char *key; /* NULL in a list */
	lua_Integer index;
};

struct encoder {
	lua_State *L;
	struct buf *to;
	int indent; /* 0: all in one line */
	int depth;
	struct step path[DATUM_DEPTH_MAX + 1];
};

static int refuse(struct encoder *enc, const char *what)
{
	lua_State *L = enc->L;
	luaL_Buffer b;

	luaL_buffinit(L, &b);
	for (int i = 1; i <= enc->depth; i++) {
		const struct step *step = &enc->path[i];

		if (step->key)
			lua_pushfstring(L, "%s%s", i > 1 ? "." : "", step->key);
		else
			lua_pushfstring(L, "[%I]", (LUAI_UACINT)step->index);
		luaL_addvalue(&b);
	}
	luaL_pushresult(&b);
	if (enc->depth == 0)
		return luaL_error(L, "%s has no form in JSON", what);
	return luaL_error(
	    L, "'%s': %s has no form in JSON", lua_tostring(L, -1), what);
}

static void new_line(struct encoder *enc)
{
	if (!enc->indent)
		return;
	buf_putc(enc->to, '\n');
	for (int i = 0; i < enc->depth * enc->indent; i++)
		buf_putc(enc->to, ' ');
}

static void encode(struct encoder *enc);

static void begin_item(struct encoder *enc, size_t i)
{
	if (i > 0)
		buf_putc(enc->to, ',');
	new_line(enc);
}

static void end_items(struct encoder *enc, size_t n, char bracket)
{
	enc->depth--;
	if (n)
		new_line(enc);
	buf_putc(enc->to, bracket);
}

/* The list on top of the stack. */
static void encode_list(struct encoder *enc, size_t n)
{
	lua_State *L = enc->L;
	struct step *step = &enc->path[++enc->depth];

	buf_putc(enc->to, '[');
	step->key = NULL;
	for (size_t i = 0; i < n; i++) {
		step->index = (lua_Integer)i + 1;
		begin_item(enc, i);
		lua_rawgeti(L, -1, step->index);
		encode(enc);
		lua_pop(L, 1);
	}
	end_items(enc, n, ']');
}

struct key {
	const char *data; /* borrowed from the table */
	size_t len;
};

static int compare(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	int c = memcmp(x->data, y->data, x->len < y->len ? x->len : y->len);

	if (c)
		return c;
	return (x->len > y->len) - (x->len < y->len);
}

/* Pushes a block with the n keys of the table on top of the stack, sorted.
 * They live as long as they are keys of it. */
static struct key *sorted_keys(struct encoder *enc, size_t n)
{
	lua_State *L = enc->L;
	struct key *keys = lua_newuserdatauv(L, n * sizeof(*keys) + 1, 0);
	size_t i = 0;

	lua_pushnil(L);
	while (lua_next(L, -3)) {
		lua_pop(L, 1);
		if (lua_type(L, -1) != LUA_TSTRING)
			refuse(enc, "a table with other keys than strings or "
				    "1 to n");
		keys[i].data = lua_tolstring(L, -1, &keys[i].len);
		i++;
	}
	qsort(keys, n, sizeof(*keys), compare);
	return keys;
}

/* The map with n keys on top of the stack. */
static void encode_map(struct encoder *enc, size_t n)
{
	lua_State *L = enc->L;
	struct key *keys = sorted_keys(enc, n);
	struct step *step = &enc->path[++enc->depth];

	buf_putc(enc->to, '{');
	for (size_t i = 0; i < n; i++) {
		step->key = keys[i].data;
		begin_item(enc, i);
		jsonput_string(enc->to, keys[i].data, keys[i].len, true);
		buf_puts(enc->to, enc->indent ? ": " : ":");
		lua_pushlstring(L, keys[i].data, keys[i].len);
		lua_rawget(L, -3);
		encode(enc);
		lua_pop(L, 1);
	}
	end_items(enc, n, '}');
	lua_pop(L, 1);
}

static void encode_table(struct encoder *enc)
{
	lua_State *L = enc->L;
	size_t n = 0, len = lua_rawlen(L, -1);

	if (enc->depth == DATUM_DEPTH_MAX)
		refuse(enc, "a table this deep, or in itself,");
	luaL_checkstack(L, 8, "too many levels");
	for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
		n++;
	if (n == 0 && build_is_list(L, -1)) {
		buf_puts(enc->to, "[]");
		return;
	}
	for (size_t i = 1; len && n == len && i <= n; i++) {
		if (lua_rawgeti(L, -1, (lua_Integer)i) == LUA_TNIL)
			len = 0;
		lua_pop(L, 1);
	}
	if (n > 0 && n == len)
		encode_list(enc, n);
	else
		encode_map(enc, n);
}

static void encode_number(struct encoder *enc)
{
	if (lua_isinteger(enc->L, -1))
		jsonput_integer(enc->to, lua_tointeger(enc->L, -1));
	else if (!jsonput_number(enc->to, lua_tonumber(enc->L, -1)))
		refuse(enc, "a number that is not finite");
}

/* The value on top of the stack, which stays there. */
static void encode(struct encoder *enc)
{
	lua_State *L = enc->L;
	size_t len;
	const char *s;

	if (enc->to->len > DATUM_TEXT_MAX_BYTES)
		luaL_error(L, "JSON would be larger than %d bytes",
		    DATUM_TEXT_MAX_BYTES);
	switch (lua_type(L, -1)) {
	case LUA_TBOOLEAN:
		buf_puts(enc->to, lua_toboolean(L, -1) ? "true" : "false");
		return;
	case LUA_TNUMBER:
		encode_number(enc);
		return;
	case LUA_TSTRING:
		s = lua_tolstring(L, -1, &len);
		jsonput_string(enc->to, s, len, false);
		return;
	case LUA_TTABLE:
		encode_table(enc);
		return;
	default:
		if (build_is_null(L, -1))
			buf_puts(enc->to, "null");
		else if (taint_is(L, -1))
			refuse(enc, "a secret (seal it first)");
		else
			refuse(enc, luaL_typename(L, -1));
	}
}

static int json_encode(lua_State *L)
{
	struct encoder *enc;

	luaL_checkany(L, 1);
	lua_settop(L, 2);
	enc = lua_newuserdatauv(L, sizeof(*enc), 0);
	memset(enc, 0, sizeof(*enc));
	enc->L = L;
	if (!lua_isnil(L, 2)) {
		luaL_checktype(L, 2, LUA_TTABLE);
		lua_getfield(L, 2, "indent");
		enc->indent = (int)luaL_optinteger(L, -1, 0);
		luaL_argcheck(L, enc->indent >= 0 && enc->indent <= 8, 2,
		    "indent is 0 to 8");
	}
	enc->to = box_buf(L);
	lua_pushvalue(L, 1);
	encode(enc);
	box_push_bytes(L, enc->to);
	return 1;
}

static int free_doc(lua_State *L)
{
	struct jsondoc **doc = lua_touserdata(L, 1);

	jsondoc_free(*doc);
	*doc = NULL;
	return 0;
}

static int json_decode(lua_State *L)
{
	struct err e = {0};
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);
	struct jsondoc **doc =
	    box_local(L, sizeof(*doc), "neap.json.doc", free_doc);
	struct build *b = lua_newuserdatauv(L, sizeof(*b), 0);
	struct sink sink = build_sink(b, L);

	if (jsondoc_parse(doc, text, len, &e) == 0 &&
	    jsondoc_visit(*doc, &sink, &e) == 0)
		return 1;
	/* That is no fault of the text, and callers know that theirs is one. */
	if (e.code == ERR_NOMEM)
		return luaL_error(L, "out of memory");
	return box_fail(L, &e);
}

static int json_array(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	luaL_argcheck(L, build_is_list(L, 1) || !lua_getmetatable(L, 1), 1,
	    "has a metatable of its own");
	build_mark_list(L);
	return 1;
}

static int json_is_array(lua_State *L)
{
	lua_pushboolean(L, lua_istable(L, 1) && build_is_list(L, 1));
	return 1;
}

static const luaL_Reg funcs[] = {
    {"encode", json_encode},
    {"decode", json_decode},
    {"array", json_array},
    {"is_array", json_is_array},
    {NULL, NULL},
};

int luaopen_neap_core_json(lua_State *L)
{
	luaL_newlib(L, funcs);
	build_push_null(L);
	lua_setfield(L, -2, "null");
	return 1;
}
