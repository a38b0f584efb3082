/* The event loop: see loop.h. */
#include "loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

enum { BATCH = 64, SIGNALS = 3, LATE_MS = 50 };

#define FAR_MS (INT64_MAX / 4) /* as good as never, and to be added to */

static const int signals[SIGNALS] = {SIGINT, SIGTERM, SIGHUP};

struct loop {
	int epfd;
	struct epoll_event batch[BATCH];
	int batch_len;	     /* events of the turn that goes on */
	struct timer **heap; /* by due time, the earliest first */
	size_t heap_len, heap_cap;
	struct later *first, *last;
	struct pool *pool;
	struct watch pool_watch;
	struct watch signal_watch;
	struct sigaction old[SIGNALS];
	void (*on_signal)(void *arg);
	void *on_signal_arg;
};

int64_t loop_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int loop_new(struct loop **out, struct err *e)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return err_set(e, ERR_NOMEM, "out of memory");
	loop->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epfd < 0) {
		free(loop);
		return err_sys(e, errno, "cannot make an epoll descriptor");
	}
	*out = loop;
	return 0;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	loop_release_signals(loop);
	watch_stop(&loop->pool_watch);
	pool_free(loop->pool);
	close(loop->epfd);
	free(loop->heap);
	free(loop);
}

/* ---- watches ---- */

int watch_start(struct watch *w, struct loop *loop, int fd, uint32_t events,
    void (*fn)(void *arg, uint32_t events), void *arg, struct err *e)
{
	struct epoll_event ev = {.events = events, .data.ptr = w};

	if (epoll_ctl(loop->epfd, EPOLL_CTL_ADD, fd, &ev) < 0)
		return err_sys(e, errno, "cannot watch a descriptor");
	*w = (struct watch){loop, fd, events, fn, arg};
	return 0;
}

void watch_change(struct watch *w, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = w};

	if (!w->loop || w->events == events)
		return;
	w->events = events;
	epoll_ctl(w->loop->epfd, EPOLL_CTL_MOD, w->fd, &ev);
}

/* Its owner may go now, so no event of this turn may reach it. */
void watch_forget(struct watch *w)
{
	if (!w->loop)
		return;
	for (int i = 0; i < w->loop->batch_len; i++)
		if (w->loop->batch[i].data.ptr == w)
			w->loop->batch[i].data.ptr = NULL;
	w->loop = NULL;
}

void watch_stop(struct watch *w)
{
	if (!w->loop)
		return;
	epoll_ctl(w->loop->epfd, EPOLL_CTL_DEL, w->fd, NULL);
	watch_forget(w);
}

/* ---- timers: a binary heap ---- */

static void heap_put(struct loop *loop, size_t at, struct timer *t)
{
	loop->heap[at] = t;
	t->at = at;
}

static void heap_up(struct loop *loop, struct timer *t, size_t at)
{
	while (at && loop->heap[(at - 1) / 2]->due_ms > t->due_ms) {
		heap_put(loop, at, loop->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	heap_put(loop, at, t);
}

static void heap_down(struct loop *loop, struct timer *t, size_t at)
{
	size_t child;

	while ((child = 2 * at + 1) < loop->heap_len) {
		if (child + 1 < loop->heap_len &&
		    loop->heap[child + 1]->due_ms < loop->heap[child]->due_ms)
			child++;
		if (loop->heap[child]->due_ms >= t->due_ms)
			break;
		heap_put(loop, at, loop->heap[child]);
		at = child;
	}
	heap_put(loop, at, t);
}

static bool heap_room(struct loop *loop)
{
	size_t cap = loop->heap_cap ? 2 * loop->heap_cap : 64;
	struct timer **heap;

	if (loop->heap_len < loop->heap_cap)
		return true;
	if (!(heap = realloc(loop->heap, cap * sizeof(struct timer *))))
		return false;
	loop->heap = heap;
	loop->heap_cap = cap;
	return true;
}

int timer_start(struct timer *t, struct loop *loop, int64_t after_ms,
    void (*fn)(void *arg), void *arg, struct err *e)
{
	timer_stop(t);
	if (!heap_room(loop))
		return err_set(e, ERR_NOMEM, "out of memory");
	t->loop = loop;
	if (after_ms < 0)
		after_ms = 0;
	t->due_ms = loop_now_ms() + (after_ms < FAR_MS ? after_ms : FAR_MS);
	t->fn = fn;
	t->arg = arg;
	heap_up(loop, t, loop->heap_len++);
	return 0;
}

void timer_stop(struct timer *t)
{
	struct loop *loop = t->loop;
	struct timer *last;

	if (!loop)
		return;
	t->loop = NULL;
	last = loop->heap[--loop->heap_len];
	if (last == t)
		return;
	if (t->at && loop->heap[(t->at - 1) / 2]->due_ms > last->due_ms)
		heap_up(loop, last, t->at);
	else
		heap_down(loop, last, t->at);
}

bool timer_extend(struct timer *t, struct loop *loop)
{
	int64_t late_ms = loop_now_ms() - t->due_ms;

	if (late_ms < LATE_MS)
		return false;
	return timer_start(t, loop, late_ms, t->fn, t->arg, NULL) == 0;
}

static void run_timers(struct loop *loop)
{
	int64_t now;

	if (!loop->heap_len)
		return;
	now = loop_now_ms();
	while (loop->heap_len && loop->heap[0]->due_ms <= now) {
		struct timer *t = loop->heap[0];

		timer_stop(t);
		t->fn(t->arg);
	}
}

/* ---- calls in the next turn ---- */

void later_call(
    struct later *l, struct loop *loop, void (*fn)(void *arg), void *arg)
{
	if (l->loop)
		return;
	*l = (struct later){loop, NULL, loop->last, fn, arg};
	if (loop->last)
		loop->last->next = l;
	else
		loop->first = l;
	loop->last = l;
}

void later_cancel(struct later *l)
{
	struct loop *loop = l->loop;

	if (!loop)
		return;
	if (l->prev)
		l->prev->next = l->next;
	else
		loop->first = l->next;
	if (l->next)
		l->next->prev = l->prev;
	else
		loop->last = l->prev;
	l->loop = NULL;
}

/* Calls made meanwhile wait for the next turn, behind `end`. */
static void run_later(struct loop *loop)
{
	struct later end = {0};
	struct later *l;

	if (!loop->first)
		return;
	later_call(&end, loop, NULL, NULL);
	while ((l = loop->first) != &end) {
		later_cancel(l);
		l->fn(l->arg);
	}
	later_cancel(&end);
}

/* ---- jobs ---- */

static void on_pool(void *arg, uint32_t events)
{
	struct loop *loop = arg;

	(void)events;
	pool_collect(loop->pool);
}

static int ensure_pool(struct loop *loop, struct err *e)
{
	int rc;

	if (loop->pool)
		return 0;
	if ((rc = pool_new(&loop->pool, e)) < 0)
		return rc;
	rc = watch_start(&loop->pool_watch, loop, pool_fd(loop->pool), EPOLLIN,
	    on_pool, loop, e);
	if (rc < 0) {
		pool_free(loop->pool);
		loop->pool = NULL;
	}
	return rc;
}

int job_start(struct job *job, struct loop *loop, void (*work)(struct job *job),
    void (*done)(struct job *job), struct err *e)
{
	int rc = ensure_pool(loop, e);

	job->work = work;
	job->done = done;
	return rc < 0 ? rc : pool_submit(loop->pool, job, e);
}

/* ---- signals ---- */

/* A handler and not a signalfd: the second signal must end the process even
 * while the loop's thread is busy elsewhere. */
static volatile sig_atomic_t caught;
static int caught_fd = -1;

static void on_signal(int signo)
{
	int saved = errno;
	uint64_t one = 1;

	if (caught)
		_exit(128 + signo);
	caught = signo;
	if (write(caught_fd, &one, sizeof(one)) < 0)
		_exit(128 + signo);
	errno = saved;
}

static void tell_signal(void *arg, uint32_t events)
{
	struct loop *loop = arg;
	uint64_t count;

	(void)events;
	if (read(loop->signal_watch.fd, &count, sizeof(count)) > 0)
		loop->on_signal(loop->on_signal_arg);
}

int loop_catch_signals(
    struct loop *loop, void (*fn)(void *arg), void *arg, struct err *e)
{
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	int rc;

	if (caught_fd >= 0)
		return err_set(e, ERR_USAGE, "signals are caught already");
	caught_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (caught_fd < 0)
		return err_sys(e, errno, "cannot make an eventfd");
	rc = watch_start(&loop->signal_watch, loop, caught_fd, EPOLLIN,
	    tell_signal, loop, e);
	if (rc < 0) {
		close(caught_fd);
		caught_fd = -1;
		return rc;
	}
	loop->on_signal = fn;
	loop->on_signal_arg = arg;
	sigemptyset(&sa.sa_mask);
	for (int i = 0; i < SIGNALS; i++) {
		sigaction(signals[i], NULL, &loop->old[i]);
		if (loop->old[i].sa_handler != SIG_IGN)
			sigaction(signals[i], &sa, NULL);
	}
	return 0;
}

void loop_release_signals(struct loop *loop)
{
	if (!loop->signal_watch.loop)
		return;
	for (int i = 0; i < SIGNALS; i++)
		sigaction(signals[i], &loop->old[i], NULL);
	watch_stop(&loop->signal_watch);
	close(caught_fd);
	caught_fd = -1;
}

int loop_caught(void)
{
	return caught;
}

/* ---- a turn ---- */

static int wait_ms(const struct loop *loop, int max_ms)
{
	int64_t ms;

	if (loop->first)
		return 0;
	if (!loop->heap_len)
		return max_ms;
	ms = loop->heap[0]->due_ms - loop_now_ms();
	if (ms < 0)
		ms = 0;
	if (max_ms >= 0 && ms > max_ms)
		return max_ms;
	return ms > INT32_MAX ? INT32_MAX : (int)ms;
}

int loop_turn(struct loop *loop, int max_ms, struct err *e)
{
	int n =
	    epoll_wait(loop->epfd, loop->batch, BATCH, wait_ms(loop, max_ms));

	if (n < 0 && errno != EINTR)
		return err_sys(e, errno, "cannot wait for events");
	loop->batch_len = n > 0 ? n : 0;
	for (int i = 0; i < loop->batch_len; i++) {
		struct watch *w = loop->batch[i].data.ptr;

		if (w)
			w->fn(w->arg, loop->batch[i].events);
	}
	loop->batch_len = 0;
	run_timers(loop);
	run_later(loop);
	return 0;
}
