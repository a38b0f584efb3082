/* Connecting: see dial.h. */
#include "dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* A peer that is gone is noticed after some 30 s: idle 10 s, then 4 probes 5 s
 * apart; and data that stays unacknowledged as long. */
enum { IDLE_S = 10, PROBE_S = 5, PROBES = 4, UNACKED_MS = 30000 };

struct lookup {
	struct job job;
	struct dial *dial; /* NULL: nobody waits any more */
	char *address;
	char port[8];
	struct addrinfo *list;
	int rc;
};

static void try_next(struct dial *d, const struct err *why);

static void finish(struct dial *d, int fd, const struct err *e)
{
	dial_stop(d);
	d->done(d->arg, fd, e);
}

static void tune(int fd)
{
	const struct {
		int level, name, value;
	} options[] = {
	    {IPPROTO_TCP, TCP_NODELAY, 1},
	    {SOL_SOCKET, SO_KEEPALIVE, 1},
	    {IPPROTO_TCP, TCP_KEEPIDLE, IDLE_S},
	    {IPPROTO_TCP, TCP_KEEPINTVL, PROBE_S},
	    {IPPROTO_TCP, TCP_KEEPCNT, PROBES},
	    {IPPROTO_TCP, TCP_USER_TIMEOUT, UNACKED_MS},
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		setsockopt(fd, options[i].level, options[i].name,
		    &options[i].value, sizeof(options[i].value));
}

static void on_connected(void *arg, uint32_t events)
{
	struct dial *d = arg;
	socklen_t len = sizeof(int);
	struct err e = {0};
	int errnum = 0, fd = d->fd;

	(void)events;
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &errnum, &len);
	watch_stop(&d->watch);
	timer_stop(&d->timer);
	if (errnum) {
		err_set(&e, ERR_UNREACHABLE,
		    "host '%s': cannot connect to %s:%u: %s", d->name,
		    d->address, d->port, strerror(errnum));
		try_next(d, &e);
		return;
	}
	d->fd = -1;
	finish(d, fd, NULL);
}

static void on_time(void *arg)
{
	struct dial *d = arg;
	struct err e;

	if (timer_extend(&d->timer, d->loop))
		return;
	err_set(&e, ERR_UNREACHABLE, "host '%s': no answer on %s:%u in %lld ms",
	    d->name, d->address, d->port, (long long)d->limit_ms);
	try_next(d, &e);
}

static void drop_socket(struct dial *d)
{
	watch_stop(&d->watch);
	timer_stop(&d->timer);
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
}

/* The rest of the time, divided among the addresses that are left. */
static int64_t share_ms(const struct dial *d)
{
	int64_t left = d->due_ms - loop_now_ms(), count = 0;

	for (const struct addrinfo *at = d->at; at; at = at->ai_next)
		count++;
	return count ? left / count : left;
}

static int try_one(struct dial *d, struct err *e)
{
	int rc;

	d->fd = socket(
	    d->at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (d->fd < 0)
		return err_sys(
		    e, errno, "host '%s': cannot make a socket", d->name);
	tune(d->fd);
	if (connect(d->fd, d->at->ai_addr, d->at->ai_addrlen) < 0 &&
	    errno != EINPROGRESS)
		return err_set(e, ERR_UNREACHABLE,
		    "host '%s': cannot connect to %s:%u: %s", d->name,
		    d->address, d->port, strerror(errno));
	if ((rc = watch_start(
		 &d->watch, d->loop, d->fd, EPOLLOUT, on_connected, d, e)) < 0)
		return rc;
	return timer_start(&d->timer, d->loop, share_ms(d), on_time, d, e);
}

/* Goes on to the next address; `why` the last one failed. */
static void try_next(struct dial *d, const struct err *why)
{
	struct err e = *why;

	drop_socket(d);
	while (d->at && (d->at = d->at->ai_next)) {
		if (try_one(d, &e) == 0)
			return;
		drop_socket(d);
	}
	finish(d, -1, &e);
}

static void try_first(void *arg)
{
	struct dial *d = arg;
	struct err e = {0};

	if (try_one(d, &e) < 0)
		try_next(d, &e);
}

/* ---- names ---- */

static void free_lookup(struct lookup *l)
{
	if (!l)
		return;
	if (l->list)
		freeaddrinfo(l->list);
	free(l->address);
	free(l);
}

static int look_up(struct lookup *l, int flags)
{
	struct addrinfo hints = {
	    .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | flags};

	l->rc = getaddrinfo(l->address, l->port, &hints, &l->list);
	return l->rc;
}

static void lookup_work(struct job *job)
{
	look_up((struct lookup *)job, AI_ADDRCONFIG);
}

static void use_addresses(struct dial *d, struct lookup *l)
{
	d->list = d->at = l->list;
	l->list = NULL;
	free_lookup(l);
}

static void lookup_done(struct job *job)
{
	struct lookup *l = (struct lookup *)job;
	struct dial *d = l->dial;
	struct err e;

	if (!d) {
		free_lookup(l);
		return;
	}
	d->lookup = NULL;
	timer_stop(&d->timer);
	if (l->rc) {
		err_set(&e, ERR_UNREACHABLE,
		    "host '%s': cannot find the address of '%s': %s", d->name,
		    d->address, gai_strerror(l->rc));
		free_lookup(l);
		finish(d, -1, &e);
		return;
	}
	use_addresses(d, l);
	try_first(d);
}

static void on_lookup_time(void *arg)
{
	struct dial *d = arg;
	struct err e;

	if (timer_extend(&d->timer, d->loop))
		return;
	err_set(&e, ERR_UNREACHABLE,
	    "host '%s': no address of '%s' found in %lld ms", d->name,
	    d->address, (long long)d->limit_ms);
	finish(d, -1, &e);
}

static int start_lookup(struct dial *d, struct lookup *l, struct err *e)
{
	int rc;

	if ((rc = timer_start(
		 &d->timer, d->loop, d->limit_ms, on_lookup_time, d, e)) < 0)
		return rc;
	if ((rc = job_start(&l->job, d->loop, lookup_work, lookup_done, e)) <
	    0) {
		timer_stop(&d->timer);
		return rc;
	}
	l->dial = d;
	d->lookup = l;
	return 0;
}

int dial_start(struct dial *d, struct loop *loop, const char *name,
    const char *address, uint16_t port, int64_t limit_ms,
    void (*done)(void *arg, int fd, const struct err *e), void *arg,
    struct err *e)
{
	struct lookup *l = calloc(1, sizeof(*l));
	int rc;

	d->loop = loop;
	d->name = name;
	d->address = address;
	d->port = port;
	d->limit_ms = limit_ms;
	d->due_ms = loop_now_ms() + limit_ms;
	d->fd = -1;
	d->done = done;
	d->arg = arg;
	if (!l || !(l->address = strdup(address))) {
		free_lookup(l);
		return err_set(e, ERR_NOMEM, "out of memory");
	}
	snprintf(l->port, sizeof(l->port), "%u", port);
	if (look_up(l, AI_NUMERICHOST) == 0) {
		use_addresses(d, l);
		/* By way of the loop, so that `done` is never called here. */
		return timer_start(&d->timer, loop, 0, try_first, d, e);
	}
	if ((rc = start_lookup(d, l, e)) < 0)
		free_lookup(l);
	return rc;
}

void dial_stop(struct dial *d)
{
	if (!d->loop)
		return;
	drop_socket(d);
	if (d->lookup)
		d->lookup->dial = NULL;
	d->lookup = NULL;
	if (d->list)
		freeaddrinfo(d->list);
	d->list = d->at = NULL;
}
