/* Secrets in Lua: see taint.h. */
#include "taint.h"

#include <lauxlib.h>
#include <stdint.h>
#include <string.h>

#include "box.h"
#include "mask.h"

#define TYPE "neap.secret"
#define MASK_TYPE "neap.mask"

struct span {
	size_t start, len;
	const char *name; /* the mask's */
};

struct taint {
	struct buf bytes;
	struct buf spans; /* of struct span */
};

static int free_mask(lua_State *L)
{
	struct mask **m = lua_touserdata(L, 1);

	mask_free(*m);
	*m = NULL;
	return 0;
}

/* The mask of this Lua state, made at the first use. */
static struct mask *get_mask(lua_State *L)
{
	struct mask **box;

	if (lua_getfield(L, LUA_REGISTRYINDEX, MASK_TYPE ".value") ==
	    LUA_TNIL) {
		lua_pop(L, 1);
		box = box_new(L, sizeof(*box), MASK_TYPE, free_mask);
		if (!(*box = mask_new()))
			luaL_error(L, "out of memory");
		lua_pushvalue(L, -1);
		lua_setfield(L, LUA_REGISTRYINDEX, MASK_TYPE ".value");
	}
	box = lua_touserdata(L, -1);
	lua_pop(L, 1);
	return *box;
}

static struct taint *to_taint(lua_State *L, int idx)
{
	return luaL_testudata(L, idx, TYPE);
}

bool taint_is(lua_State *L, int idx)
{
	return to_taint(L, idx) != NULL;
}

static const char *bytes_of(const struct taint *t, size_t *len)
{
	*len = t->bytes.len;
	return t->bytes.data ? t->bytes.data : "";
}

const char *taint_bytes(lua_State *L, int idx, size_t *len)
{
	struct taint *t = to_taint(L, idx);

	return t ? bytes_of(t, len) : lua_tolstring(L, idx, len);
}

const char *taint_check(lua_State *L, int arg, size_t *len)
{
	struct taint *t = to_taint(L, arg);

	return t ? bytes_of(t, len) : luaL_checklstring(L, arg, len);
}

static void check_memory(lua_State *L, const struct taint *t)
{
	if (buf_failed(&t->bytes) || buf_failed(&t->spans))
		luaL_error(L, "out of memory");
}

static void add_span(
    struct taint *t, size_t start, size_t len, const char *name)
{
	struct span span = {start, len, name};

	buf_put(&t->spans, &span, sizeof(span));
}

static const struct span *spans_of(const struct taint *t, size_t *n)
{
	*n = t->spans.len / sizeof(struct span);
	return (const struct span *)(const void *)t->spans.data;
}

void taint_add_plain(lua_State *L, struct taint *t, const char *s, size_t len)
{
	buf_put(&t->bytes, s, len);
	check_memory(L, t);
}

void taint_add_secret(
    lua_State *L, struct taint *t, const char *s, size_t len, const char *name)
{
	const char *kept = mask_add(get_mask(L), name, s, len);

	if (!kept)
		luaL_error(L, "out of memory");
	add_span(t, t->bytes.len, len, kept);
	buf_put(&t->bytes, s, len);
	check_memory(L, t);
}

void taint_add_wrapped(
    lua_State *L, struct taint *t, const char *s, size_t len, const char *name)
{
	const char *eol = memchr(s, '\n', len);
	const char *kept;

	if (!eol || eol + 1 == s + len ||
	    memmem(s, len, "PRIVATE KEY-----", 16)) {
		taint_add_secret(L, t, s, len, name);
		return;
	}
	if (!(kept = mask_name(get_mask(L), name)))
		luaL_error(L, "out of memory");
	add_span(t, t->bytes.len, len, kept);
	taint_add_plain(L, t, s, len);
}

void taint_add_value(lua_State *L, struct taint *t, int idx)
{
	const struct taint *from = to_taint(L, idx);
	size_t len, n;
	const char *s = taint_bytes(L, idx, &len);
	size_t base = t->bytes.len;

	if (!s)
		luaL_error(L, "a %s cannot be joined to a secret",
		    luaL_typename(L, idx));
	if (from) {
		const struct span *spans = spans_of(from, &n);

		for (size_t i = 0; i < n; i++)
			add_span(t, base + spans[i].start, spans[i].len,
			    spans[i].name);
	}
	taint_add_plain(L, t, s, len);
}

bool taint_has_secret(lua_State *L, int idx)
{
	const struct taint *t = to_taint(L, idx);

	return t && t->spans.len > 0;
}

void taint_push_names(lua_State *L, int idx)
{
	const struct taint *t = to_taint(L, idx);
	size_t n = 0;
	const struct span *spans = t ? spans_of(t, &n) : NULL;
	lua_Integer count = 0;

	lua_newtable(L);
	for (size_t i = 0; i < n; i++) {
		size_t j = 0;

		while (spans[j].name != spans[i].name)
			j++;
		if (j < i)
			continue;
		lua_pushstring(L, spans[i].name);
		lua_rawseti(L, -2, ++count);
	}
}

void taint_add_derived(
    lua_State *L, struct taint *t, const char *s, size_t len, int idx)
{
	const struct taint *from = to_taint(L, idx);
	size_t n = 0;
	const struct span *spans = from ? spans_of(from, &n) : NULL;

	if (n == 0)
		taint_add_plain(L, t, s, len);
	else
		taint_add_secret(L, t, s, len, spans[0].name);
}

void taint_add_shown(lua_State *L, struct buf *to, int idx)
{
	const struct taint *t = to_taint(L, idx);
	size_t len, n = 0, at = 0;
	const char *s = taint_bytes(L, idx, &len);
	const struct span *spans = t ? spans_of(t, &n) : NULL;

	for (size_t i = 0; i < n; i++) {
		taint_mask(L, s + at, spans[i].start - at, to);
		buf_printf(to, "<secret:%s>", spans[i].name);
		at = spans[i].start + spans[i].len;
	}
	if (s)
		taint_mask(L, s + at, len - at, to);
}

size_t taint_mask(lua_State *L, const char *text, size_t len, struct buf *to)
{
	return mask_apply(get_mask(L), text, len, to);
}

static int meta_gc(lua_State *L)
{
	struct taint *t = lua_touserdata(L, 1);

	buf_release(&t->bytes);
	buf_release(&t->spans);
	return 0;
}

static int meta_tostring(lua_State *L)
{
	struct buf *b = box_buf(L);

	taint_add_shown(L, b, 1);
	box_push_bytes(L, b);
	return 1;
}

static int meta_concat(lua_State *L)
{
	struct taint *t = taint_push(L);

	taint_add_value(L, t, 1);
	taint_add_value(L, t, 2);
	return 1;
}

int taint_equal(lua_State *L)
{
	size_t n1, n2;
	const char *s1 = taint_bytes(L, 1, &n1), *s2 = taint_bytes(L, 2, &n2);

	lua_pushboolean(L, s1 && s2 && n1 == n2 && !memcmp(s1, s2, n1));
	return 1;
}

int taint_length(lua_State *L)
{
	size_t len;

	taint_check(L, 1, &len);
	lua_pushinteger(L, (lua_Integer)len);
	return 1;
}

static int meta_index(lua_State *L)
{
	size_t len;
	const char *key = lua_tolstring(L, 2, &len);

	return luaL_error(L,
	    "a secret cannot be taken apart (by '%s'): it can only be joined "
	    "(..) and handed on",
	    key ? key : luaL_typename(L, 2));
}

static const luaL_Reg meta[] = {
    {"__gc", meta_gc},
    {"__close", meta_gc},
    {"__tostring", meta_tostring},
    {"__concat", meta_concat},
    {"__eq", taint_equal},
    {"__len", taint_length},
    {"__index", meta_index},
    {"__newindex", meta_index},
    {NULL, NULL},
};

/* Registered when it is whole: see box.c. */
static void push_metatable(lua_State *L)
{
	if (luaL_getmetatable(L, TYPE) != LUA_TNIL)
		return;
	lua_pop(L, 1);
	luaL_newlib(L, meta);
	lua_pushliteral(L, "secret");
	lua_setfield(L, -2, "__name");
	lua_pushliteral(L, "secret");
	lua_setfield(L, -2, "__metatable");
	lua_pushvalue(L, -1);
	lua_setfield(L, LUA_REGISTRYINDEX, TYPE);
}

struct taint *taint_push(lua_State *L)
{
	struct taint *t = lua_newuserdatauv(L, sizeof(*t), 0);

	memset(t, 0, sizeof(*t));
	t->bytes.secret = true;
	push_metatable(L);
	lua_setmetatable(L, -2);
	return t;
}
