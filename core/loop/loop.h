/* The event loop: one thread, one epoll, everything else is a callback.
 *
 *	fd ready ──▶ watch ┐
 *	time is up ▶ timer ├─▶ fn(arg), on the loop's own thread
 *	"later" ───▶ later │
 *	thread done ▶ job ─┘
 *
 * The structs are embedded in their owners, so that nothing is allocated a
 * watch or a call; an owner stops them before it goes. What must block
 * (a look-up of a name, an agent that asks its user) is a job: its work runs
 * on one of a few threads and its end is told on the loop's thread. */
#ifndef NEAP_LOOP_LOOP_H
#define NEAP_LOOP_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct loop;

/* Returns 0, ERR_IO or ERR_NOMEM. Freeing it waits for no running job: its
 * thread is left to the end of the process. */
int loop_new(struct loop **out, struct err *e);
void loop_free(struct loop *loop);

/* Milliseconds of the monotonic clock. */
int64_t loop_now_ms(void);

/* Waits for the next event, for at most `max_ms` (-1: for ever), and calls
 * what it concerns. Returns 0 or ERR_IO. */
int loop_turn(struct loop *loop, int max_ms, struct err *e);

/* From here on SIGINT, SIGTERM and SIGHUP call fn(arg) in the loop's next turn;
 * a second signal ends the process at once with 128 + its number.
 * One loop of a process at a time. */
int loop_catch_signals(
    struct loop *loop, void (*fn)(void *arg), void *arg, struct err *e);
void loop_release_signals(struct loop *loop);

/* The signal that was caught, or 0; known before the loop has turned. */
int loop_caught(void);

/* A file descriptor that is waited for. */
struct watch {
	struct loop *loop; /* NULL: stopped */
	int fd;
	uint32_t events;
	void (*fn)(void *arg, uint32_t events);
	void *arg;
};

/* `events` are EPOLLIN, EPOLLOUT; level triggered. */
int watch_start(struct watch *w, struct loop *loop, int fd, uint32_t events,
    void (*fn)(void *arg, uint32_t events), void *arg, struct err *e);
void watch_change(struct watch *w, uint32_t events);
void watch_stop(struct watch *w);

/* As watch_stop() for a descriptor that is closed already. */
void watch_forget(struct watch *w);

/* A moment that is waited for. */
struct timer {
	struct loop *loop; /* NULL: not running */
	size_t at;	   /* place in the heap */
	int64_t due_ms;
	void (*fn)(void *arg);
	void *arg;
};

/* Starts it anew where it runs already. Returns 0 or ERR_NOMEM. */
int timer_start(struct timer *t, struct loop *loop, int64_t after_ms,
    void (*fn)(void *arg), void *arg, struct err *e);
void timer_stop(struct timer *t);

/* For the function of a timer that limits somebody else's time. Where the loop
 * was kept busy, so that the timer comes late, what was waited for may be there
 * and unread: then this starts the timer again for the time that was lost, and
 * returns true. */
bool timer_extend(struct timer *t, struct loop *loop);

/* A call that waits for the loop's next turn. */
struct later {
	struct loop *loop; /* NULL: not waiting */
	struct later *next, *prev;
	void (*fn)(void *arg);
	void *arg;
};

/* Does nothing where it waits already. */
void later_call(
    struct later *l, struct loop *loop, void (*fn)(void *arg), void *arg);
void later_cancel(struct later *l);

/* Work for another thread. The job and what it points to stay where they are
 * until `done` was called. */
struct job {
	struct job *next;
	void (*work)(struct job *job); /* on a thread of the pool */
	void (*done)(struct job *job); /* on the loop's thread */
};

int job_start(struct job *job, struct loop *loop, void (*work)(struct job *job),
    void (*done)(struct job *job), struct err *e);

#endif
