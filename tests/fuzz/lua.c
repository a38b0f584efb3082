/* A fuzzer whose target is Lua: FUZZ_TARGET.lua beside this file returns a
 * function of the input, which guard.lua wraps. The Lua that is shipped runs in
 * the fuzzer, and a hook tells libFuzzer which lines followed which, so that
 * inputs are bred for new paths through it as they are for C.
 *
 * An input may take a second of CPU time. Where a short one can ask for many
 * things, such as hosts, the function returns how many it made, and each has
 * its own little time: that it grows with their number is no finding, that it
 * grows faster is. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "script/headroom.h"
#include "script/script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A host of an inventory takes 0.26 ms here, where each line is told, and
 * 0.02 ms otherwise. */
enum { COUNTERS = 1 << 15, MOST_CPU_MS = 1000, THINGS_A_MS = 2 };

/* A state remembers what it once masked, and becomes slow. */
enum { INPUTS_A_STATE = 5000 };

#if defined(__clang__)
__attribute__((section("__libfuzzer_extra_counters")))
#endif
static uint8_t counters[COUNTERS];

/* A number for a shipped file, 0 for any other; mostly asked of one again. It
 * is of the name's text, so that it is the same in the next state. */
static unsigned long file_key(const char *source)
{
	static const char *known;
	static unsigned long key;

	if (source == known)
		return key;
	known = source;
	key = 0;
	source = source ? strstr(source, "/lua/neap/") : NULL;
	for (; source && *source; source++)
		key = (key ^ (unsigned char)*source) * 1099511628211U;
	return key;
}

static void on_line(lua_State *L, lua_Debug *ar)
{
	static unsigned long last;
	unsigned long here;

	lua_getinfo(L, "S", ar);
	if (!(here = file_key(ar->source)))
		return;
	here = (here + (unsigned long)ar->currentline) * 2654435761U;
	counters[(here ^ last) >> 7 & (COUNTERS - 1)]++;
	last = here >> 1;
}

static const char hook_key = 0; /* of the Lua function that counts */

static void on_event(lua_State *L, lua_Debug *ar)
{
	if (ar->event == LUA_HOOKLINE) {
		on_line(L, ar);
		return;
	}
	lua_rawgetp(L, LUA_REGISTRYINDEX, &hook_key);
	lua_call(L, 0, 0);
}

/* debug.sethook(thread[, hook, "", count]) as the sandbox calls it, which goes
 * on telling libFuzzer of the lines. */
static int set_hook(lua_State *L)
{
	int mask =
	    lua_isfunction(L, 2) ? LUA_MASKLINE | LUA_MASKCOUNT : LUA_MASKLINE;

	lua_settop(L, 4);
	lua_sethook(
	    lua_tothread(L, 1), on_event, mask, (int)lua_tointeger(L, 4));
	lua_pushvalue(L, 2);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &hook_key);
	return 0;
}

static int get_hook(lua_State *L)
{
	lua_rawgetp(L, LUA_REGISTRYINDEX, &hook_key);
	lua_pushliteral(L, "");
	lua_pushinteger(L, lua_gethookcount(lua_tothread(L, 1)));
	return 3;
}

static void replace_hooks(lua_State *L)
{
	lua_getglobal(L, "debug");
	lua_pushcfunction(L, set_hook);
	lua_setfield(L, -2, "sethook");
	lua_pushcfunction(L, get_hook);
	lua_setfield(L, -2, "gethook");
	lua_pop(L, 1);
}

static lua_State *start(void)
{
	static struct script *script; /* reachable to the end: no leak */
	static unsigned inputs;
	struct err e = {0};
	lua_State *L;

	if (script && ++inputs % INPUTS_A_STATE)
		return script_lua(script);
	script_free(script);
	script = NULL;
	file_key(NULL); /* which may stand where another name stood */
	if (script_new(&script, FUZZ_LUA_DIR, &e) < 0)
		goto failed;
	L = script_lua(script);
	replace_hooks(L);
	if (headroom_loadfile(L, FUZZ_DIR "/guard.lua") != LUA_OK) {
		err_set(&e, ERR_SCRIPT, "%s", lua_tostring(L, -1));
		goto failed;
	}
	lua_pushliteral(L, FUZZ_DIR "/" FUZZ_TARGET ".lua");
	if (script_call(script, 1, 1, NULL, &e) == 0)
		return L;
failed:
	fprintf(stderr, "%s\n", e.text);
	abort();
}

static long cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	lua_State *L = start(); /* with the guard on top */
	long began = cpu_ms(), took, most;

	lua_pushvalue(L, -1);
	lua_pushlstring(L, size ? (const char *)data : "", size);
	lua_sethook(L, on_event, LUA_MASKLINE, 0);
	if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
		fprintf(stderr, "%s\n", lua_tostring(L, -1));
		abort();
	}
	took = cpu_ms() - began;
	most = MOST_CPU_MS + (long)lua_tointeger(L, -1) / THINGS_A_MS;
	lua_pop(L, 1);
	if (took > most) {
		fprintf(stderr, "it took %ld ms of %ld\n", took, most);
		abort();
	}
	return 0;
}
