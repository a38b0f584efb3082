/* Tasks: see task.h.
 *
 * The box of a task is a userdata; its first user value is the coroutine, the
 * second the message of its end in failure. While it lives the box is held in
 * a table of the registry, at the address of its struct. */
#include "task.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#define TASK_META "neap.task"
#define TASKS_META "neap.tasks"

enum { UV_COROUTINE = 1, UV_MESSAGE = 2 };

struct tasks {
	struct loop *loop;
	lua_State *L; /* that turns the loop, or NULL */
	struct task *running;
	struct task *first; /* alive */
};

struct task {
	struct tasks *tasks;
	struct task *next, *prev;
	lua_State *co;
	struct later later;
	struct waiters waiters;
	int nargs; /* for the first resume */
	int nresults;
	bool done, failed;
	bool waiting; /* in task_wait() */
	bool strayed; /* it yielded otherwise */
	bool interruptible, interrupted;
};

static const char live_key = 0; /* of the table of live tasks */

/* ---- waiters ---- */

void waiters_add(lua_State *L, struct waiters *w, struct task *t)
{
	size_t cap = w->cap ? 2 * w->cap : 4;
	struct task **list;

	if (w->count == w->cap) {
		list = realloc(w->list, cap * sizeof(struct task *));
		if (!list) {
			luaL_error(L, "out of memory");
			return;
		}
		w->list = list;
		w->cap = cap;
	}
	w->list[w->count++] = t;
}

void waiters_remove(struct waiters *w, const struct task *t)
{
	for (size_t i = 0; i < w->count; i++) {
		if (w->list[i] != t)
			continue;
		w->list[i] = w->list[--w->count];
		return;
	}
}

void waiters_wake(struct waiters *w)
{
	for (size_t i = 0; i < w->count; i++)
		task_wake(w->list[i]);
	w->count = 0;
}

void waiters_release(struct waiters *w)
{
	free(w->list);
	*w = (struct waiters){0};
}

struct waiters *task_waiters(struct task *t)
{
	return &t->waiters;
}

/* ---- the end of a task ---- */

static void unlink_task(struct task *t)
{
	if (!t->tasks)
		return;
	later_cancel(&t->later);
	if (t->prev)
		t->prev->next = t->next;
	else
		t->tasks->first = t->next;
	if (t->next)
		t->next->prev = t->prev;
	t->tasks = NULL;
}

static int task_gc(lua_State *L)
{
	struct task *t = lua_touserdata(L, 1);

	unlink_task(t);
	waiters_release(&t->waiters);
	return 0;
}

/* Protected: message and traceback into the box, and the coroutine's pending
 * to-be-closed variables closed. */
static int note_failure(lua_State *L)
{
	struct task *t = lua_touserdata(L, 1);
	const char *s;
	size_t len;

	lua_rawgetp(L, LUA_REGISTRYINDEX, &live_key);
	lua_rawgetp(L, -1, t);
	if (t->strayed) {
		lua_pushliteral(
		    L, "a task yielded outside of any wait: use loop.sleep()");
	} else if (lua_type(t->co, -1) == LUA_TSTRING) {
		/* The value stays where it is, for those that are closed, and
		 * a dead coroutine's stack has no room for another. */
		s = lua_tolstring(t->co, -1, &len);
		lua_pushlstring(L, s, len);
	} else {
		lua_pushfstring(
		    L, "error object is a %s value", luaL_typename(t->co, -1));
	}
	luaL_traceback(L, t->co, lua_tostring(L, -1), 0);
	lua_setiuservalue(L, -3, UV_MESSAGE);
	return 0;
}

static int let_go(lua_State *L)
{
	struct task *t = lua_touserdata(L, 1);

	lua_rawgetp(L, LUA_REGISTRYINDEX, &live_key);
	lua_pushnil(L);
	lua_rawsetp(L, -2, t);
	return 0;
}

/* Calls `fn` with the task; there is always room for so little. */
static void call_with(lua_State *L, lua_CFunction fn, struct task *t)
{
	lua_pushcfunction(L, fn);
	lua_pushlightuserdata(L, t);
	if (lua_pcall(L, 1, 0, 0) != LUA_OK)
		lua_pop(L, 1);
}

static void finish(struct task *t, bool failed, int nresults)
{
	lua_State *L = t->tasks->L;

	t->done = true;
	t->failed = failed;
	t->nresults = nresults;
	if (failed) {
		call_with(L, note_failure, t);
		lua_resetthread(t->co);
	}
	waiters_wake(&t->waiters);
	unlink_task(t);
	call_with(L, let_go, t);
}

/* ---- running ---- */

static void resume(void *arg)
{
	struct task *t = arg;
	struct tasks *ts = t->tasks;
	int nargs = t->nargs, n = 0, rc;

	t->nargs = 0;
	t->waiting = false;
	ts->running = t;
	rc = lua_resume(t->co, ts->L, nargs, &n);
	ts->running = NULL;
	if (rc == LUA_YIELD && t->waiting)
		return;
	t->strayed = rc == LUA_YIELD;
	finish(t, rc != LUA_OK, n);
}

void task_wake(struct task *t)
{
	if (t->tasks && !t->done)
		later_call(&t->later, t->tasks->loop, resume, t);
}

int task_wait(lua_State *L, struct task *t, bool interruptible,
    lua_KContext ctx, lua_KFunction k)
{
	t->waiting = true;
	t->interruptible = interruptible;
	t->interrupted = false;
	return lua_yieldk(L, 0, ctx, k);
}

bool task_interrupted(struct task *t)
{
	bool was = t->interrupted;

	t->interrupted = false;
	return was;
}

int task_push_interrupted(lua_State *L)
{
	luaL_pushfail(L);
	lua_pushfstring(L, "interrupted by signal %d", loop_caught());
	lua_pushliteral(L, "interrupted");
	return 3;
}

struct task *task_here(lua_State *L)
{
	struct task *t = tasks_of(L)->running;

	if (!t) {
		luaL_error(L, "this waits, and waiting is for tasks only: "
			      "call it from within loop.run()");
		return NULL;
	}
	if (t->co != L)
		luaL_error(L, "this waits, and cannot do so in a coroutine "
			      "inside of a task: spawn a task instead");
	return t;
}

struct task *task_check(lua_State *L, int index)
{
	return luaL_checkudata(L, index, TASK_META);
}

bool task_is_done(const struct task *t)
{
	return t->done;
}

/* The box is at `box`, since the struct alone does not lead to it. */
static int push_message(lua_State *L, int box)
{
	lua_pushboolean(L, 0);
	if (lua_getiuservalue(L, box, UV_MESSAGE) != LUA_TSTRING) {
		lua_pop(L, 1);
		lua_pushliteral(L, "out of memory");
	}
	return 2;
}

int task_push_results(lua_State *L, struct task *t)
{
	int first;

	if (t->failed)
		return push_message(L, 1);
	luaL_checkstack(L, t->nresults + 1, "too many results");
	if (!lua_checkstack(t->co, t->nresults))
		return luaL_error(L, "too many results");
	lua_pushboolean(L, 1);
	first = lua_gettop(t->co) - t->nresults + 1;
	for (int i = 0; i < t->nresults; i++)
		lua_pushvalue(t->co, first + i);
	lua_xmove(t->co, L, t->nresults);
	return t->nresults + 1;
}

/* ---- beginning ---- */

void task_metatable(lua_State *L)
{
	if (luaL_newmetatable(L, TASK_META)) {
		lua_pushcfunction(L, task_gc);
		lua_setfield(L, -2, "__gc");
		lua_newtable(L);
		lua_setfield(L, -2, "__index");
	}
}

struct task *task_spawn(lua_State *L, struct tasks *ts, int nargs)
{
	struct task *t = lua_newuserdatauv(L, sizeof(*t), 2);

	memset(t, 0, sizeof(*t));
	task_metatable(L);
	lua_setmetatable(L, -2);
	t->co = lua_newthread(L);
	lua_setiuservalue(L, -2, UV_COROUTINE);
	lua_rawgetp(L, LUA_REGISTRYINDEX, &live_key);
	lua_pushvalue(L, -2);
	lua_rawsetp(L, -2, t);
	lua_pop(L, 1);
	lua_insert(L, -nargs - 2); /* the box below the function */
	if (!lua_checkstack(t->co, nargs + LUA_MINSTACK))
		luaL_error(L, "too many arguments");
	lua_xmove(L, t->co, nargs + 1);
	t->nargs = nargs;
	t->tasks = ts;
	if ((t->next = ts->first))
		t->next->prev = t;
	ts->first = t;
	task_wake(t);
	return t;
}

static void on_signal(void *arg)
{
	const struct tasks *ts = arg;

	for (struct task *t = ts->first; t; t = t->next) {
		if (!t->waiting || !t->interruptible)
			continue;
		t->interrupted = true;
		task_wake(t);
	}
}

int task_run(lua_State *L, struct task *t, struct err *e)
{
	struct tasks *ts = t->tasks;
	int rc;

	if (ts->L)
		return err_set(e, ERR_USAGE, "the loop turns already");
	if ((rc = loop_catch_signals(ts->loop, on_signal, ts, e)) < 0)
		return rc;
	ts->L = L;
	while (rc == 0 && !t->done)
		rc = loop_turn(ts->loop, -1, e);
	ts->L = NULL;
	loop_release_signals(ts->loop);
	return rc;
}

/* ---- the tasks of a state ---- */

static int tasks_gc(lua_State *L)
{
	struct tasks *ts = lua_touserdata(L, 1);

	loop_free(ts->loop);
	ts->loop = NULL;
	return 0;
}

static struct tasks *make_tasks(lua_State *L)
{
	struct tasks *ts = lua_newuserdatauv(L, sizeof(*ts), 0);
	struct err e = {0};

	memset(ts, 0, sizeof(*ts));
	if (luaL_newmetatable(L, "neap.tasks.meta")) {
		lua_pushcfunction(L, tasks_gc);
		lua_setfield(L, -2, "__gc");
	}
	lua_setmetatable(L, -2);
	lua_newtable(L);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &live_key);
	if (loop_new(&ts->loop, &e) < 0)
		luaL_error(L, "%s", e.text);
	lua_setfield(L, LUA_REGISTRYINDEX, TASKS_META);
	return ts;
}

struct tasks *tasks_of(lua_State *L)
{
	struct tasks *ts;

	lua_getfield(L, LUA_REGISTRYINDEX, TASKS_META);
	ts = lua_touserdata(L, -1);
	lua_pop(L, 1);
	return ts ? ts : make_tasks(L);
}

struct loop *tasks_loop(const struct tasks *ts)
{
	return ts->loop;
}
