/* neap.core.pair: keys that a team shares secrets with (see crypto/pair.h).
 *
 *     pair.new() -> pair
 *     pair.load(path) -> pair | nil, message, code
 *     pair.parse(what, text) -> pair | nil, message, code     text: or tainted
 *     pair.save(p, path) -> true | nil, message, code         never over a file
 *     pair.public(p) -> text
 *     pair.box(public, value) -> text | nil, message, code
 *     pair.open(p, text, name) -> tainted | nil, message, code
 *     pair.random(n, name) -> n random bytes, tainted */
#include <lauxlib.h>
#include <sys/random.h>

#include "box.h"
#include "crypto/pair.h"
#include "libs.h"
#include "taint.h"

#define PAIR_TYPE "neap.pair"

enum { RANDOM_MAX_BYTES = 256 };

static int free_pair(lua_State *L)
{
	struct pair **p = lua_touserdata(L, 1);

	pair_free(*p);
	*p = NULL;
	return 0;
}

static const struct pair *check_pair(lua_State *L, int arg)
{
	struct pair **p = luaL_checkudata(L, arg, PAIR_TYPE);

	luaL_argcheck(L, *p, arg, "a pair that was closed");
	return *p;
}

static struct pair **push_pair(lua_State *L)
{
	return box_new(L, sizeof(struct pair *), PAIR_TYPE, free_pair);
}

static int new_pair(lua_State *L)
{
	struct err e = {0};

	if (pair_new(push_pair(L), &e) < 0)
		return luaL_error(L, "%s", e.text);
	return 1;
}

static int load_pair(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	struct err e = {0};

	if (pair_load(push_pair(L), path, &e) < 0)
		return box_fail(L, &e);
	return 1;
}

static int parse_pair(lua_State *L)
{
	size_t len;
	const char *what = luaL_checkstring(L, 1);
	const char *text = taint_check(L, 2, &len);
	struct err e = {0};

	if (pair_parse(push_pair(L), what, text, len, &e) < 0)
		return box_fail(L, &e);
	return 1;
}

static int save_pair(lua_State *L)
{
	struct err e = {0};

	if (pair_save(check_pair(L, 1), luaL_checkstring(L, 2), &e) < 0)
		return box_fail(L, &e);
	lua_pushboolean(L, 1);
	return 1;
}

static int public_half(lua_State *L)
{
	struct buf *b = box_buf(L);

	pair_put_public(b, check_pair(L, 1));
	box_push_bytes(L, b);
	return 1;
}

static int box_value(lua_State *L)
{
	size_t len;
	const char *public = luaL_checkstring(L, 1);
	const char *value = taint_check(L, 2, &len);
	struct buf *b = box_buf(L);
	struct err e = {0};

	if (pair_box(b, public, value, len, &e) < 0)
		return box_fail(L, &e);
	box_push_bytes(L, b);
	return 1;
}

static int open_box(lua_State *L)
{
	const struct pair *p = check_pair(L, 1);
	const char *text = luaL_checkstring(L, 2);
	const char *name = luaL_checkstring(L, 3);
	struct buf *b = box_buf(L);
	struct err e = {0};

	b->secret = true;
	if (pair_open(b, p, text, &e) < 0)
		return box_fail(L, &e);
	taint_add_wrapped(L, taint_push(L), b->data, b->len, name);
	return 1;
}

static int random_bytes(lua_State *L)
{
	lua_Integer n = luaL_checkinteger(L, 1);
	const char *name = luaL_checkstring(L, 2);
	struct buf *b = box_buf(L);
	char *room;

	luaL_argcheck(L, n >= 1 && n <= RANDOM_MAX_BYTES, 1, "1 to 256 bytes");
	b->secret = true;
	if (!(room = buf_reserve(b, (size_t)n)))
		return luaL_error(L, "out of memory");
	if (getrandom(room, (size_t)n, 0) != (ssize_t)n)
		return luaL_error(L, "no source of random bytes");
	buf_grown(b, (size_t)n);
	taint_add_wrapped(L, taint_push(L), b->data, b->len, name);
	return 1;
}

static const luaL_Reg funcs[] = {
    {"new", new_pair},
    {"load", load_pair},
    {"parse", parse_pair},
    {"save", save_pair},
    {"public", public_half},
    {"box", box_value},
    {"open", open_box},
    {"random", random_bytes},
    {NULL, NULL},
};

int luaopen_neap_core_pair(lua_State *L)
{
	luaL_newlib(L, funcs);
	return 1;
}
