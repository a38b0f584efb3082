/* What happens when memory runs out: each allocation of a script that uses the
 * bindings fails in its turn, Lua's and those of our own C code. Nothing may
 * crash, the script must fail with an error or nil and no other way, and
 * (under AddressSanitizer) nothing may leak. */
#include <lauxlib.h>
#include <lualib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "script/headroom.h"
#include "script/libs.h"

/* Allocations from `from` on (counted from the script's start) fail, `width`
 * of them. Lua tries each twice, collecting garbage in between. */
static struct {
	bool armed, of_lua, of_c;
	long count, from, width;
} plan;

static bool fails(bool lua)
{
	long i;

	if (!plan.armed || !(lua ? plan.of_lua : plan.of_c))
		return false;
	i = plan.count++;
	return i >= plan.from && i - plan.from < plan.width;
}

/* The linker sends our code's allocations (--wrap) through these. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t n, size_t size);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);

void *__wrap_malloc(size_t size)
{
	return fails(false) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails(false) ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fails(false) ? NULL : __real_realloc(old, size);
}

void *__wrap_reallocarray(void *old, size_t n, size_t size)
{
	return fails(false) ? NULL : __real_reallocarray(old, n, size);
}

char *__wrap_strdup(const char *s)
{
	return fails(false) ? NULL : __real_strdup(s);
}

char *__wrap_strndup(const char *s, size_t n)
{
	return fails(false) ? NULL : __real_strndup(s, n);
}

/* Lua counts on shrinking to succeed. */
static void *allocate(void *ud, void *old, size_t old_size, size_t size)
{
	size_t *in_use = ud;
	void *p;

	if (!old)
		old_size = 0;
	if (size == 0) {
		free(old);
		*in_use -= old_size;
		return NULL;
	}
	if ((size > old_size || !old) && fails(true))
		return NULL;
	p = __real_realloc(old, size);
	assert_non_null(p);
	*in_use += size - old_size;
	return p;
}

static const luaL_Reg libs[] = {
    {"neap.core.crypto", luaopen_neap_core_crypto},
    {"neap.core.diff", luaopen_neap_core_diff},
    {"neap.core.json", luaopen_neap_core_json},
    {"neap.core.store", luaopen_neap_core_store},
    {"neap.core.taint", luaopen_neap_core_taint},
    {"neap.core.yaml", luaopen_neap_core_yaml},
    {NULL, NULL},
};

static void set_up(lua_State *L, const char *script)
{
	luaL_openlibs(L);
	headroom_open(L);
	luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
	for (const luaL_Reg *lib = libs; lib->name; lib++) {
		lua_pushcfunction(L, lib->func);
		lua_setfield(L, -2, lib->name);
	}
	lua_pop(L, 1);
	assert_int_equal(luaL_loadstring(L, script), LUA_OK);
}

/* Runs the script once; true when it came to its end. */
static bool run(const char *script, const char *dir)
{
	size_t in_use = 0;
	lua_State *L = lua_newstate(allocate, &in_use);
	int rc;

	assert_non_null(L);
	set_up(L, script);
	lua_pushstring(L, dir);
	plan.count = 0;
	plan.armed = true;
	rc = lua_pcall(L, 1, 0, 0);
	plan.armed = false;
	/* A failure says so in words, however little memory there is. */
	if (rc != LUA_OK && lua_type(L, -1) != LUA_TSTRING)
		fail_msg("error is a %s", luaL_typename(L, -1));
	if (rc != LUA_OK && !strstr(lua_tostring(L, -1), "memory"))
		fail_msg("allocation %ld: %s", plan.from, lua_tostring(L, -1));
	lua_close(L);
	assert_int_equal(in_use, 0);
	return rc == LUA_OK;
}

/* Fails every allocation in its turn until the script gets through. */
static void sweep(const char *script, const char *dir)
{
	static const struct {
		bool lua, c;
		long width;
	} modes[] = {{true, false, 2}, {true, false, 1L << 40},
	    {false, true, 1}, {true, true, 1L << 40}};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		plan.of_lua = modes[i].lua;
		plan.of_c = modes[i].c;
		plan.width = modes[i].width;
		for (plan.from = 0; !run(script, dir); plan.from++)
			assert_true(plan.from < 20000);
		assert_true(plan.from > 0);
	}
}

static void json_and_yaml(void **state)
{
	(void)state;
	sweep("local json, yaml = require 'neap.core.json', require "
	      "'neap.core.yaml'\n"
	      "local text = json.encode({ a = { 1, 2.5, json.null, 'x\\255' }, "
	      "b = json.array {} }, { indent = 2 })\n"
	      "assert(json.decode(text))\n"
	      "assert(not json.decode('{') and not json.decode('[1,]'))\n"
	      "local ok, why = pcall(json.encode, { a = { print } })\n"
	      "assert(not ok) if why:find 'memory' then error(why) end\n"
	      "assert(yaml.decode('a: &x {b: [1, yes]}\\nc: {<<: *x}'))\n"
	      "local v, why = yaml.decode('a: 1\\na: 2')\n"
	      "assert(not v) if why:find 'memory' then error(why) end\n",
	    "");
}

static void taint_and_crypto(void **state)
{
	(void)state;
	sweep("local dir = ...\n"
	      "local taint, crypto = require 'neap.core.taint', require "
	      "'neap.core.crypto'\n"
	      "local s = taint.new('hunter2 of\\nseveral lines, long ones', "
	      "'db')\n"
	      "local v = taint.format('a=%s %q', s, s) .. 1\n"
	      "v = taint.concat({ v, 'x', v }, ', ')\n"
	      "assert(tostring(v):find('<secret:db>', 1, true))\n"
	      "assert(taint.mask('hunter2 of\\nseveral lines, long ones'))\n"
	      "assert(#taint.names(v) == 1 and taint.reveal(v))\n"
	      "local key = assert(crypto.load_key(dir .. '/key', { create = "
	      "true }))\n"
	      "local text = crypto.seal(key, v, 'c')\n"
	      "assert(taint.equal(assert(crypto.unseal(key, text, 'c')), v))\n"
	      "assert(crypto.sha256(v) and crypto.random_hex(9))\n",
	    *state);
}

static void store_and_diff(void **state)
{
	sweep("local dir = ...\n"
	      "local store, diff = require 'neap.core.store', require "
	      "'neap.core.diff'\n"
	      "local st = assert(store.open(dir .. '/s', { create = true }))\n"
	      "local head = st:head()\n"
	      "local id = assert(st:commit { parent = head, message = 'm', "
	      "changes = { ['a/b'] = tostring(head), ['a/c'] = 'x', d = false "
	      "} })\n"
	      "assert(st:read(id, 'a/b')) assert(st:resolve 'HEAD')\n"
	      "assert(assert(st:tree(id, ''))['a/c'] == 'x')\n"
	      "assert(#assert(st:list(id, 'a')) == 2)\n"
	      "assert(#assert(st:log { rev = id, path = 'a', max = 3 }) > 0)\n"
	      "assert(#assert(st:diff(head, id)) > 0)\n"
	      "local s = require 'neap.core.taint'.new('secret1', 'n')\n"
	      "assert(diff.unified('a\\nold\\n', 'a\\n' .. s .. '\\n'))\n"
	      "st:close()\n",
	    *state);
}

static void loading(void **state)
{
	(void)state;
	sweep("local text = 'local a = ... return function() return a end'\n"
	      "assert(assert(load(text))(1)() == 1)\n"
	      "local fn, why = load 'return +'\n"
	      "assert(not fn) if why:find 'memory' then error(why) end\n",
	    "");
}

static int make_dir(void **state)
{
	static char dir[] = "/dev/shm/neap-nomem-XXXXXX";

	*state = mkdtemp(dir);
	return *state ? 0 : -1;
}

static int remove_dir(void **state)
{
	char command[80];

	snprintf(command, sizeof(command), "rm -rf %s", (char *)*state);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(json_and_yaml),
	    cmocka_unit_test(taint_and_crypto),
	    cmocka_unit_test(store_and_diff),
	    cmocka_unit_test(loading),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
