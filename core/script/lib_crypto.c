/* neap.core.crypto: digests and seals (see crypto/seal.h).
 *
 *     crypto.sha256(s) -> hex                     s: string or tainted
 *     crypto.sha1(s) -> 20 bytes                  for passwords kept so
 *     crypto.random_hex(n) -> 2 n hex digits
 *     crypto.base64(s) -> text                    tainted if s is
 *     crypto.load_key(path [, { create = bool }]) -> key | nil, message, code
 *     crypto.key_of(bytes) -> key | nil, message, code    32, or tainted
 *     crypto.seal(key, s, context) -> text        equal for equal arguments
 *     crypto.unseal(key, text, context [, name]) -> tainted | nil, message,
 *         code                                    shown as "<secret:NAME>",
 *                                                 the context by default */
#include <lauxlib.h>

#include "base/sha1.h"
#include "box.h"
#include "crypto/digest.h"
#include "crypto/key.h"
#include "crypto/seal.h"
#include "libs.h"
#include "taint.h"

#define KEY_TYPE "neap.key"

enum { RANDOM_MAX_BYTES = 1024 };

static int crypto_sha256(lua_State *L)
{
	char hex[DIGEST_HEX_SIZE];
	size_t len;
	const char *s = taint_check(L, 1, &len);

	digest_sha256(hex, s, len);
	lua_pushstring(L, hex);
	return 1;
}

static int crypto_sha1(lua_State *L)
{
	uint8_t digest[SHA1_BYTES];
	size_t len;
	const char *s = taint_check(L, 1, &len);

	sha1(digest, s, len);
	lua_pushlstring(L, (const char *)digest, sizeof(digest));
	return 1;
}

static int crypto_random_hex(lua_State *L)
{
	struct err e = {0};
	lua_Integer n = luaL_checkinteger(L, 1);
	struct buf *b = box_buf(L);

	luaL_argcheck(L, n >= 1 && n <= RANDOM_MAX_BYTES, 1, "1 to 1024 bytes");
	b->secret = true;
	if (random_put_hex(b, (size_t)n, &e) < 0)
		return box_fail(L, &e);
	box_push_bytes(L, b);
	return 1;
}

static int crypto_base64(lua_State *L)
{
	size_t len;
	const char *s = taint_check(L, 1, &len);
	struct buf *b = box_buf(L);

	b->secret = taint_is(L, 1);
	base64_put(b, s, len, BASE64_PLAIN);
	if (!taint_is(L, 1)) {
		box_push_bytes(L, b);
		return 1;
	}
	if (buf_failed(b))
		return luaL_error(L, "out of memory");
	taint_add_derived(L, taint_push(L), b->data, b->len, 1);
	return 1;
}

static int free_key(lua_State *L)
{
	struct key **key = lua_touserdata(L, 1);

	key_free(*key);
	*key = NULL;
	return 0;
}

static int crypto_load_key(lua_State *L)
{
	struct err e = {0};
	const char *path = luaL_checkstring(L, 1);
	bool create = false;
	struct key **key;

	if (!lua_isnoneornil(L, 2)) {
		luaL_checktype(L, 2, LUA_TTABLE);
		lua_getfield(L, 2, "create");
		create = lua_toboolean(L, -1);
	}
	key = box_new(L, sizeof(*key), KEY_TYPE, free_key);
	if (key_load(key, path, create, &e) < 0)
		return box_fail(L, &e);
	return 1;
}

static int crypto_key_of(lua_State *L)
{
	struct err e = {0};
	size_t len;
	const char *raw = taint_check(L, 1, &len);

	if (key_of(box_new(L, sizeof(struct key *), KEY_TYPE, free_key), raw,
		len, &e) < 0)
		return box_fail(L, &e);
	return 1;
}

static const struct key *check_key(lua_State *L)
{
	struct key **key = luaL_checkudata(L, 1, KEY_TYPE);

	luaL_argcheck(L, *key, 1, "a key that was closed");
	return *key;
}

static int crypto_seal(lua_State *L)
{
	struct err e = {0};
	const struct key *key = check_key(L);
	size_t len, context_len;
	const char *s = taint_check(L, 2, &len);
	const char *context = luaL_checklstring(L, 3, &context_len);
	struct buf *b = box_buf(L);

	if (seal_put(b, key, s, len, context, context_len, &e) < 0)
		return luaL_error(L, "%s", e.text);
	box_push_bytes(L, b);
	return 1;
}

static int crypto_unseal(lua_State *L)
{
	struct err e = {0};
	const struct key *key = check_key(L);
	size_t len, context_len;
	const char *text = luaL_checklstring(L, 2, &len);
	const char *context = luaL_checklstring(L, 3, &context_len);
	const char *name = luaL_optstring(L, 4, context);
	struct buf *b = box_buf(L);

	b->secret = true;
	if (seal_open(b, key, text, len, context, context_len, &e) < 0)
		return box_fail(L, &e);
	taint_add_wrapped(L, taint_push(L), b->data, b->len, name);
	return 1;
}

static const luaL_Reg funcs[] = {
    {"sha256", crypto_sha256},
    {"sha1", crypto_sha1},
    {"random_hex", crypto_random_hex},
    {"base64", crypto_base64},
    {"load_key", crypto_load_key},
    {"key_of", crypto_key_of},
    {"seal", crypto_seal},
    {"unseal", crypto_unseal},
    {NULL, NULL},
};

int luaopen_neap_core_crypto(lua_State *L)
{
	luaL_newlib(L, funcs);
	return 1;
}
