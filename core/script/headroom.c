/* Room to spare for Lua functions: see headroom.h.
 *
 * A function is written out as bytecode, changed there, and read again. Of
 * Lua 5.4's format (ldump.c) only what must be known to step over it is known
 * here; anything else is refused. */
#include "headroom.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "box.h"

/* LUA_SIGNATURE, version, format, LUAC_DATA, three sizes, an integer and a
 * number to compare; then how many upvalues the function has. */
enum { AT_VERSION = 4, AT_SIZES = 12, HEADER = 15 + 8 + 8 + 1 };

enum { INSTRUCTION = 4, MOST_SLOTS = 255 };

struct cursor {
	unsigned char *at, *end;
	bool broken;
	size_t crowded; /* line of a function with no room left, or 0 */
};

static void skip(struct cursor *c, size_t n)
{
	if (n > (size_t)(c->end - c->at)) {
		c->broken = true;
		c->at = c->end;
		return;
	}
	c->at += n;
}

static unsigned byte(struct cursor *c)
{
	const unsigned char *at = c->at;

	skip(c, 1);
	return c->broken ? 0 : *at;
}

/* Seven bits a byte, the highest first; the last byte has its eighth set. */
static size_t number(struct cursor *c)
{
	size_t n = 0;
	unsigned b;

	do {
		b = byte(c);
		n = n << 7 | (b & 0x7f);
	} while (!(b & 0x80) && !c->broken);
	return n;
}

static void many(struct cursor *c, size_t n, size_t size)
{
	skip(c, n > SIZE_MAX / size ? SIZE_MAX : n * size);
}

static void string(struct cursor *c)
{
	size_t n = number(c);

	skip(c, n ? n - 1 : 0); /* 0: there is none */
}

static void constants(struct cursor *c)
{
	for (size_t n = number(c); n && !c->broken; n--) {
		switch (byte(c) & 0x0f) { /* the other bits are a variant */
		case LUA_TNIL:
		case LUA_TBOOLEAN:
			break;
		case LUA_TNUMBER:
			skip(c, sizeof(lua_Integer));
			break;
		case LUA_TSTRING:
			string(c);
			break;
		default:
			c->broken = true;
		}
	}
}

static void names_and_lines(struct cursor *c)
{
	skip(c, number(c));
	for (size_t n = number(c); n && !c->broken; n--) {
		number(c);
		number(c);
	}
	for (size_t n = number(c); n && !c->broken; n--) {
		string(c);
		number(c);
		number(c);
	}
	for (size_t n = number(c); n && !c->broken; n--)
		string(c);
}

static void function(struct cursor *c)
{
	unsigned char *slots;
	size_t line;

	string(c);
	line = number(c);
	number(c);
	skip(c, 2); /* parameters, and whether there are more */
	slots = c->at;
	skip(c, 1);
	if (c->broken)
		return;
	if (*slots > MOST_SLOTS - HEADROOM)
		c->crowded = line ? line : 1;
	else
		*slots = (unsigned char)(*slots + HEADROOM);
	many(c, number(c), INSTRUCTION);
	constants(c);
	many(c, number(c), 3); /* upvalues */
	for (size_t n = number(c); n && !c->broken; n--)
		function(c);
	names_and_lines(c);
}

static bool is_known(const struct buf *b)
{
	static const unsigned char version[] = {
	    LUA_VERSION_NUM / 100 * 16 + LUA_VERSION_NUM % 100, 0};
	static const unsigned char sizes[] = {
	    INSTRUCTION, sizeof(lua_Integer), sizeof(lua_Number)};

	return b->len > HEADER && !memcmp(b->data, LUA_SIGNATURE, AT_VERSION) &&
	       !memcmp(b->data + AT_VERSION, version, sizeof(version)) &&
	       !memcmp(b->data + AT_SIZES, sizes, sizeof(sizes));
}

static void widen(lua_State *L, struct buf *b)
{
	struct cursor c = {0};
	lua_Debug ar;

	if (!is_known(b))
		luaL_error(L, "the bytecode of this Lua is not that of 5.4");
	c.at = (unsigned char *)b->data + HEADER;
	c.end = (unsigned char *)b->data + b->len;
	function(&c);
	if (c.broken || c.at != c.end)
		luaL_error(L, "the bytecode of this Lua cannot be read");
	if (!c.crowded)
		return;
	lua_pushvalue(L, 1);
	lua_getinfo(L, ">S", &ar);
	lua_pushfstring(L,
	    "%s:%d: a function that needs more than %d places for local "
	    "variables and values: divide it into several",
	    ar.short_src, (int)c.crowded, MOST_SLOTS - HEADROOM);
	lua_error(L);
}

static int append(lua_State *L, const void *data, size_t len, void *to)
{
	(void)L;
	buf_put(to, data, len);
	return buf_failed(to);
}

/* (function just loaded) -> the same with headroom */
static int with_headroom(lua_State *L)
{
	struct buf *b = box_buf(L);

	lua_pushvalue(L, 1);
	if (lua_dump(L, append, b, 0) != 0)
		return luaL_error(L, "out of memory");
	widen(L, b);
	if (luaL_loadbufferx(L, b->data, b->len, "", "b") != LUA_OK)
		return lua_error(L);
	if (lua_getupvalue(L, 1, 1))
		lua_setupvalue(L, -2, 1);
	return 1;
}

/* Replaces the function on top of the stack, or puts why it cannot be there
 * in its place. */
static int add(lua_State *L)
{
	lua_pushcfunction(L, with_headroom);
	lua_insert(L, -2);
	return lua_pcall(L, 1, 1, 0);
}

int headroom_loadfile(lua_State *L, const char *path)
{
	int rc = luaL_loadfilex(L, path, "t");

	return rc == LUA_OK ? add(L) : rc;
}

/* ---- Lua's own functions, with headroom ---- */

static bool is_binary(lua_State *L, int idx)
{
	return lua_type(L, idx) == LUA_TSTRING &&
	       *lua_tostring(L, idx) == *LUA_SIGNATURE;
}

static int load(lua_State *L)
{
	int nargs = lua_gettop(L);
	bool binary = is_binary(L, 1);

	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, nargs, LUA_MULTRET);
	if (binary || !lua_isfunction(L, 1) || add(L) == LUA_OK)
		return lua_gettop(L);
	luaL_pushfail(L);
	lua_insert(L, -2);
	return 2;
}

static int dofile(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);

	lua_settop(L, 1);
	if (headroom_loadfile(L, path) != LUA_OK)
		return lua_error(L);
	lua_call(L, 0, LUA_MULTRET);
	return lua_gettop(L) - 1;
}

/* Whether the value on top says that memory ran out, in Lua's words or ours. */
static bool is_nomem(lua_State *L)
{
	const char *why = lua_tostring(L, -1);

	return why && (!strcmp(why, "not enough memory") ||
			  !strcmp(why, "out of memory"));
}

/* A searcher of require() for source files, as Lua's own is; but that memory
 * ran out is no matter of the module, and is raised as Lua raises it. */
static int search(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1), *path;

	lua_settop(L, 1);
	lua_getfield(L, lua_upvalueindex(1), "searchpath");
	lua_pushvalue(L, 1);
	lua_getfield(L, lua_upvalueindex(1), "path");
	lua_call(L, 2, 2);
	if (lua_isnil(L, 2))
		return 1; /* where it has looked, for require's message */
	path = lua_tostring(L, 2);
	if (headroom_loadfile(L, path) != LUA_OK) {
		if (is_nomem(L)) {
			lua_pushliteral(L, "not enough memory");
			return lua_error(L);
		}
		return luaL_error(L,
		    "error loading module '%s' from file '%s':\n\t%s", name,
		    path, lua_tostring(L, -1));
	}
	lua_pushvalue(L, 2);
	return 2;
}

void headroom_open(lua_State *L)
{
	lua_getglobal(L, "load");
	lua_pushcclosure(L, load, 1);
	lua_setglobal(L, "load");
	lua_pushcfunction(L, dofile);
	lua_setglobal(L, "dofile");
	lua_pushnil(L);
	lua_setglobal(L, "loadfile");
	lua_getglobal(L, LUA_LOADLIBNAME);
	lua_getfield(L, -1, "searchers");
	lua_pushvalue(L, -2);
	lua_pushcclosure(L, search, 1);
	lua_rawseti(L, -2, 2);
	lua_pop(L, 2);
}
