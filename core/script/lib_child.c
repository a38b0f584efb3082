/* neap.core.child: programs of the operator's machine (see base/child.h).
 *
 *     child.run { "git", "fetch", ... [, input = text] [, timeout_ms = n]
 *         [, env = { "NAME=VALUE", ... }] }
 *         -> { status = n, out = text, err = text } | nil, message, code
 *     child.run_aside { "ssh", ... [, timeout_ms = n] }
 *         the same in a task, while the others go on */
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/child.h"
#include "box.h"
#include "libs.h"
#include "task.h"

#define TYPE "neap.child.run"
#define ASIDE_TYPE "neap.child.aside"

static int free_run(lua_State *L)
{
	struct child *child = lua_touserdata(L, 1);

	buf_release(&child->out);
	buf_release(&child->err);
	return 0;
}

/* The strings of the list at `index`, ending with NULL; they stay its own. */
static const char **get_list(lua_State *L, int index)
{
	size_t n = lua_rawlen(L, index);
	const char **list = lua_newuserdatauv(L, (n + 1) * sizeof(*list), 0);

	for (size_t i = 0; i < n; i++) {
		if (lua_rawgeti(L, index, (lua_Integer)i + 1) != LUA_TSTRING)
			luaL_error(L, "child: a word is not a string");
		list[i] = lua_tostring(L, -1);
		lua_pop(L, 1);
	}
	list[n] = NULL;
	return list;
}

static void push_buf(lua_State *L, const char *key, const struct buf *b)
{
	lua_pushlstring(L, b->data ? b->data : "", b->len);
	lua_setfield(L, -2, key);
}

static int push_result(lua_State *L, const struct child *child)
{
	lua_createtable(L, 0, 3);
	lua_pushinteger(L, child->status);
	lua_setfield(L, -2, "status");
	push_buf(L, "out", &child->out);
	push_buf(L, "err", &child->err);
	return 1;
}

static int child_run_(lua_State *L)
{
	struct child *child;
	struct err e = {0};

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	luaL_argcheck(L, lua_rawlen(L, 1) > 0, 1, "a program is wanted");
	child = box_local(L, sizeof(*child), TYPE, free_run);
	*child = (struct child){0};
	child->argv = get_list(L, 1);
	if (lua_getfield(L, 1, "env") == LUA_TTABLE)
		child->env = get_list(L, lua_gettop(L));
	lua_getfield(L, 1, "input");
	child->input = luaL_optlstring(L, -1, NULL, &child->input_len);
	lua_getfield(L, 1, "timeout_ms");
	child->timeout_ms = (int)luaL_optinteger(L, -1, 0);
	if (child_run(child, &e) < 0)
		return box_fail(L, &e);
	return push_result(L, child);
}

/* ---- aside, on a thread ---- */

/* Outlives its box where the state is closed meanwhile; so its words are its
 * own. */
struct aside {
	struct job job;
	struct child child;
	struct err error;
	int rc;
	struct task *task; /* who waits; NULL: nobody any more */
	bool ended;
	char **words;
};

static void aside_free(struct aside *a)
{
	if (!a)
		return;
	for (size_t i = 0; a->words && a->words[i]; i++)
		free(a->words[i]);
	free(a->words);
	buf_release(&a->child.out);
	buf_release(&a->child.err);
	free(a);
}

static int aside_gc(lua_State *L)
{
	struct aside **box = lua_touserdata(L, 1), *a = *box;

	*box = NULL;
	if (a && !a->ended)
		a->task = NULL;
	else
		aside_free(a);
	return 0;
}

static void aside_work(struct job *job)
{
	struct aside *a = (struct aside *)job;

	a->rc = child_run(&a->child, &a->error);
}

static void aside_done(struct job *job)
{
	struct aside *a = (struct aside *)job;

	a->ended = true;
	if (a->task)
		task_wake(a->task);
	else
		aside_free(a);
}

static struct aside *aside_new(const char **words)
{
	struct aside *a = calloc(1, sizeof(*a));
	size_t n = 0;

	while (words[n])
		n++;
	if (!a || !(a->words = calloc(n + 1, sizeof(*a->words))))
		goto nomem;
	for (size_t i = 0; i < n; i++)
		if (!(a->words[i] = strdup(words[i])))
			goto nomem;
	a->child.argv = (const char *const *)a->words;
	return a;
nomem:
	aside_free(a);
	return NULL;
}

/* The box is at 2. */
static int aside_k(lua_State *L, int status, lua_KContext ctx)
{
	struct aside *a = *(struct aside **)lua_touserdata(L, 2);

	(void)status, (void)ctx;
	if (!a->ended)
		return task_wait(L, a->task, false, 0, aside_k);
	if (a->rc < 0)
		return box_fail(L, &a->error);
	return push_result(L, &a->child);
}

static int child_run_aside(lua_State *L)
{
	struct task *self = task_here(L);
	struct loop *loop = tasks_loop(tasks_of(L));
	struct aside **box, *a;
	struct err e = {0};
	int timeout_ms;

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	luaL_argcheck(L, lua_rawlen(L, 1) > 0, 1, "a program is wanted");
	box = box_new(L, sizeof(struct aside *), ASIDE_TYPE, aside_gc);
	lua_getfield(L, 1, "timeout_ms");
	timeout_ms = (int)luaL_optinteger(L, 3, 0);
	a = aside_new(get_list(L, 1));
	if (!a)
		return luaL_error(L, "out of memory");
	a->child.timeout_ms = timeout_ms;
	if (job_start(&a->job, loop, aside_work, aside_done, &e) < 0) {
		aside_free(a);
		return box_fail(L, &e);
	}
	a->task = self;
	*box = a;
	return aside_k(L, LUA_OK, 0);
}

int luaopen_neap_core_child(lua_State *L)
{
	static const luaL_Reg funcs[] = {
	    {"run", child_run_},
	    {"run_aside", child_run_aside},
	    {NULL, NULL},
	};

	luaL_newlib(L, funcs);
	return 1;
}
