/* neap.core.loop: tasks and what they wait for: see task.h. */
#include <lauxlib.h>
#include <stdbool.h>
#include <string.h>

#include "box.h"
#include "libs.h"
#include "task.h"

#define EVENT_META "neap.event"

/* run(fn, ...) -> true, results... | false, message
 * Runs fn as a task and turns the loop until it has ended. */
static int loop_run(lua_State *L)
{
	struct tasks *ts = tasks_of(L);
	struct err e = {0};
	struct task *t;

	luaL_checktype(L, 1, LUA_TFUNCTION);
	t = task_spawn(L, ts, lua_gettop(L) - 1);
	if (task_run(L, t, &e) < 0)
		return luaL_error(L, "%s", e.text);
	return task_push_results(L, t);
}

/* spawn(fn, ...) -> task */
static int loop_spawn(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TFUNCTION);
	task_spawn(L, tasks_of(L), lua_gettop(L) - 1);
	return 1;
}

static int join_k(lua_State *L, int status, lua_KContext ctx)
{
	struct task *t = task_check(L, 1), *self = task_here(L);

	(void)status, (void)ctx;
	if (task_is_done(t))
		return task_push_results(L, t);
	waiters_remove(task_waiters(t), self);
	waiters_add(L, task_waiters(t), self);
	return task_wait(L, self, false, 0, join_k);
}

/* task:join() -> true, results... | false, message */
static int task_join(lua_State *L)
{
	struct task *t = task_check(L, 1);

	lua_settop(L, 1);
	if (task_is_done(t))
		return task_push_results(L, t);
	if (t == task_here(L))
		return luaL_error(L, "a task cannot wait for its own end");
	return join_k(L, LUA_OK, 0);
}

/* ---- time ---- */

/* A timer that wakes its task, in a box that stops it. */
struct alarm {
	struct timer timer;
	struct task *task;
	bool rung;
};

static int alarm_gc(lua_State *L)
{
	struct alarm *a = lua_touserdata(L, 1);

	timer_stop(&a->timer);
	return 0;
}

static void ring(void *arg)
{
	struct alarm *a = arg;

	a->rung = true;
	task_wake(a->task);
}

static void push_alarm(lua_State *L, struct task *t, lua_Integer ms)
{
	struct alarm *a = box_new(L, sizeof(*a), "neap.alarm", alarm_gc);
	struct err e = {0};

	a->task = t;
	if (timer_start(&a->timer, tasks_loop(tasks_of(L)), ms, ring, a, &e) <
	    0)
		luaL_error(L, "%s", e.text);
}

static int sleep_k(lua_State *L, int status, lua_KContext ctx)
{
	struct alarm *a = lua_touserdata(L, 2);
	struct task *self = task_here(L);

	(void)status, (void)ctx;
	if (task_interrupted(self)) {
		timer_stop(&a->timer);
		return task_push_interrupted(L);
	}
	if (!a->rung)
		return task_wait(L, self, true, 0, sleep_k);
	lua_pushboolean(L, 1);
	return 1;
}

/* sleep(ms) -> true | nil, message, "interrupted" */
static int loop_sleep(lua_State *L)
{
	lua_Integer ms = luaL_checkinteger(L, 1);
	struct task *self = task_here(L);

	lua_settop(L, 1);
	push_alarm(L, self, ms);
	return task_wait(L, self, true, 0, sleep_k);
}

static int loop_now(lua_State *L)
{
	lua_pushinteger(L, loop_now_ms());
	return 1;
}

static int loop_signal(lua_State *L)
{
	int signo = loop_caught();

	if (!signo)
		return 0;
	lua_pushinteger(L, signo);
	return 1;
}

/* ---- events ---- */

struct event {
	struct waiters waiters;
	bool set; /* the value is the box's user value */
};

static int event_gc(lua_State *L)
{
	struct event *ev = lua_touserdata(L, 1);

	waiters_release(&ev->waiters);
	return 0;
}

/* ev:set([value]): once; wakes all who wait */
static int event_set(lua_State *L)
{
	struct event *ev = luaL_checkudata(L, 1, EVENT_META);

	lua_settop(L, 2);
	if (ev->set)
		return luaL_error(L, "the event is set already");
	lua_setiuservalue(L, 1, 1);
	ev->set = true;
	waiters_wake(&ev->waiters);
	return 0;
}

static int wait_k(lua_State *L, int status, lua_KContext ctx)
{
	struct event *ev = luaL_checkudata(L, 1, EVENT_META);
	struct alarm *a = lua_touserdata(L, 3);
	struct task *self = task_here(L);

	(void)status, (void)ctx;
	waiters_remove(&ev->waiters, self);
	if (ev->set) {
		if (a)
			timer_stop(&a->timer);
		lua_getiuservalue(L, 1, 1);
		return 1;
	}
	if (a && a->rung) {
		luaL_pushfail(L);
		lua_pushliteral(L, "the event did not come in time");
		lua_pushliteral(L, "timeout");
		return 3;
	}
	waiters_add(L, &ev->waiters, self);
	return task_wait(L, self, false, 0, wait_k);
}

/* ev:wait([timeout_ms]) -> value | nil, message, "timeout" */
static int event_wait(lua_State *L)
{
	bool limited = !lua_isnoneornil(L, 2);
	lua_Integer ms = luaL_optinteger(L, 2, 0);

	lua_settop(L, 2);
	if (limited)
		push_alarm(L, task_here(L), ms);
	return wait_k(L, LUA_OK, 0);
}

/* event() -> ev */
static int loop_event(lua_State *L)
{
	struct event *ev = lua_newuserdatauv(L, sizeof(*ev), 1);

	memset(ev, 0, sizeof(*ev));
	luaL_setmetatable(L, EVENT_META);
	return 1;
}

static const luaL_Reg event_methods[] = {
    {"set", event_set},
    {"wait", event_wait},
    {NULL, NULL},
};

static const luaL_Reg funcs[] = {
    {"run", loop_run},
    {"spawn", loop_spawn},
    {"sleep", loop_sleep},
    {"event", loop_event},
    {"now_ms", loop_now},
    {"signal", loop_signal},
    {NULL, NULL},
};

int luaopen_neap_core_loop(lua_State *L)
{
	tasks_of(L);
	task_metatable(L);
	lua_getfield(L, -1, "__index");
	lua_pushcfunction(L, task_join);
	lua_setfield(L, -2, "join");
	luaL_newmetatable(L, EVENT_META);
	lua_pushcfunction(L, event_gc);
	lua_setfield(L, -2, "__gc");
	luaL_newlib(L, event_methods);
	lua_setfield(L, -2, "__index");
	luaL_newlib(L, funcs);
	return 1;
}
