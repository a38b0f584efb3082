/* Tasks: Lua code that waits without blocking the others.
 *
 * A task is a coroutine that the event loop resumes. A binding that has to
 * wait starts its work, with a callback that calls task_wake(), and yields
 * with task_wait(); its continuation then finds the task's stack as it was.
 * Callbacks of the loop never touch Lua: they take notes in C and wake. */
#ifndef NEAP_SCRIPT_TASK_H
#define NEAP_SCRIPT_TASK_H

#include <lua.h>
#include <stdbool.h>

#include "loop/loop.h"

struct tasks; /* all of one Lua state */
struct task;

/* The tasks of this state, made when first asked for; raises when memory is
 * out. Lives as long as the state. */
struct tasks *tasks_of(lua_State *L);
struct loop *tasks_loop(const struct tasks *ts);

/* Pushes the metatable of tasks; its __index is a table for methods. */
void task_metatable(lua_State *L);

/* Makes a task of the function and its `nargs` arguments on top of the stack,
 * which its box replaces, and starts it in the loop's next turn. */
struct task *task_spawn(lua_State *L, struct tasks *ts, int nargs);

/* Turns the loop until the task has ended. Returns 0 or ERR_IO. Calls Lua in
 * protected mode only, and raises nothing. */
int task_run(lua_State *L, struct task *t, struct err *e);

/* The task that runs `L`; raises where there is none, and in a coroutine that
 * the task made itself, since only the task's own can be resumed here. */
struct task *task_here(lua_State *L);

/* Yields until task_wake(); to be returned from the C function. It may wake
 * without reason: `k` looks and waits again. With `interruptible` a signal
 * wakes it, too, and task_interrupted() is then true, once. */
int task_wait(lua_State *L, struct task *t, bool interruptible,
    lua_KContext ctx, lua_KFunction k);
bool task_interrupted(struct task *t);
void task_wake(struct task *t);

/* nil, "...", "interrupted" */
int task_push_interrupted(lua_State *L);

/* The box at `index`; raises for anything else. */
struct task *task_check(lua_State *L, int index);
bool task_is_done(const struct task *t);

/* Pushes true and the results, or false and the message; returns how many. */
int task_push_results(lua_State *L, struct task *t);

/* Tasks that wait for the same thing. */
struct waiters {
	struct task **list;
	size_t count, cap;
};

/* Raises when memory is out. */
void waiters_add(lua_State *L, struct waiters *w, struct task *t);
void waiters_remove(struct waiters *w, const struct task *t);
void waiters_wake(struct waiters *w);
void waiters_release(struct waiters *w);

/* Those who wait for the task's end. */
struct waiters *task_waiters(struct task *t);

#endif
