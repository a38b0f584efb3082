/* A command through which a host is reached (ProxyCommand of ssh_config(5)):
 * its stdin and stdout are the connection. */
#ifndef NEAP_SSH_PROXY_H
#define NEAP_SSH_PROXY_H

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

struct proxy {
	pid_t pid; /* 0: there is none */
	int log;   /* what it says on stderr */
};

/* Starts `sh -c command` in a session of its own, out of reach of the
 * terminal's keys; *fd, non-blocking, is the caller's. Returns 0 or ERR_IO. */
int proxy_start(struct proxy *p, int *fd, const char *command, struct err *e);

/* The last line that it has said, with only what can be printed. */
void proxy_words(const struct proxy *p, char *out, size_t size);

/* Ends it. */
void proxy_stop(struct proxy *p);

#endif
