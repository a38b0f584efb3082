/* From a name to a connected socket, without blocking the loop: numeric
 * addresses at once, names on a thread; each address gets its share of the
 * time. Embedded in its owner. */
#ifndef NEAP_SSH_DIAL_H
#define NEAP_SSH_DIAL_H

#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "loop/loop.h"

struct lookup; /* a look-up that is on its way */

struct dial {
	struct loop *loop;
	const char *name, *address; /* borrowed: for messages, and where to */
	uint16_t port;
	int64_t due_ms, limit_ms;
	struct lookup *lookup;
	struct addrinfo *list, *at;
	struct watch watch;
	struct timer timer;
	int fd;
	void (*done)(void *arg, int fd, const struct err *e);
	void *arg;
};

/* Calls done(arg, fd, NULL) with a connected, non-blocking socket that is then
 * the caller's, or done(arg, -1, e), once, and never before it returns.
 * `d` must be zero. Returns 0 or an error, and then calls nothing. */
int dial_start(struct dial *d, struct loop *loop, const char *name,
    const char *address, uint16_t port, int64_t limit_ms,
    void (*done)(void *arg, int fd, const struct err *e), void *arg,
    struct err *e);

/* Ends it, where it goes on. */
void dial_stop(struct dial *d);

#endif
