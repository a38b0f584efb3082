/* The Lua library as bytecode: see bundle.h. */
#include "bundle.h"

#include <fcntl.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct bundle {
	char *data; /* MAP_FAILED: none */
	size_t len;
	time_t written;
};

struct module {
	const char *code;
	size_t len;
};

static int unmap(lua_State *L)
{
	struct bundle *b = lua_touserdata(L, 1);

	if (b->data != MAP_FAILED)
		munmap(b->data, b->len);
	b->data = MAP_FAILED;
	return 0;
}

static bool map(struct bundle *b, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && st.st_size > 0) {
		b->len = (size_t)st.st_size;
		b->written = st.st_mtime;
		b->data = mmap(NULL, b->len, PROT_READ, MAP_PRIVATE, fd, 0);
	}
	close(fd);
	return b->data != MAP_FAILED;
}

/* Finds a module's line in the index; false where there is none. */
static bool find(const struct bundle *b, const char *name, struct module *m)
{
	const char *at = b->data, *end = b->data + b->len, *eol;
	size_t len = strlen(name);
	unsigned long offset, size;
	char *rest;

	for (; at < end && *at != '\n'; at = eol + 1) {
		eol = memchr(at, '\n', (size_t)(end - at));
		if (!eol)
			return false;
		if ((size_t)(eol - at) <= len || memcmp(at, name, len) != 0 ||
		    at[len] != ' ')
			continue;
		offset = strtoul(at + len, &rest, 16);
		size = strtoul(rest, NULL, 16);
		if (offset > b->len || size > b->len - offset)
			return false;
		m->code = b->data + offset;
		m->len = size;
		return true;
	}
	return false;
}

static bool is_newer(const char *source, const struct bundle *b)
{
	struct stat st;

	return stat(source, &st) == 0 && st.st_mtime > b->written;
}

/* A searcher of require(): upvalues are the bundle and the source's folder. */
static int search(lua_State *L)
{
	const struct bundle *b = lua_touserdata(L, lua_upvalueindex(1));
	const char *name = luaL_checkstring(L, 1);
	const char *path = luaL_gsub(L, name, ".", "/");
	const char *source = lua_pushfstring(
	    L, "%s/%s.lua", lua_tostring(L, lua_upvalueindex(2)), path);
	struct module m;

	if (!find(b, name, &m) || is_newer(source, b))
		return 0;
	if (luaL_loadbufferx(L, m.code, m.len, name, "b") != LUA_OK)
		return 1; /* why it cannot be read, for require's message */
	lua_pushstring(L, source);
	return 2;
}

static void add_searcher(lua_State *L)
{
	lua_getglobal(L, "package");
	lua_getfield(L, -1, "searchers");
	for (lua_Integer i = luaL_len(L, -1); i >= 2; i--) {
		lua_rawgeti(L, -1, i);
		lua_rawseti(L, -2, i + 1);
	}
	lua_pushvalue(L, -3);
	lua_rawseti(L, -2, 2);
	lua_pop(L, 3);
}

void bundle_open(lua_State *L, const char *path, const char *source)
{
	struct bundle *b = lua_newuserdatauv(L, sizeof(*b), 0);

	b->data = MAP_FAILED;
	lua_createtable(L, 0, 1);
	lua_pushcfunction(L, unmap);
	lua_setfield(L, -2, "__gc");
	lua_setmetatable(L, -2);
	if (!map(b, path)) {
		lua_pop(L, 1);
		return;
	}
	lua_pushstring(L, source);
	lua_pushcclosure(L, search, 2);
	add_searcher(L);
}
