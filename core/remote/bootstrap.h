/* What is run on the host: the command line, and the loop that it reads. */
#ifndef NEAP_REMOTE_BOOTSTRAP_H
#define NEAP_REMOTE_BOOTSTRAP_H

#include "base/buf.h"

/* The command for the host's login shell, of whatever kind: it starts a POSIX
 * shell that reads one line and evaluates it. With `user` by way of sudo as
 * that user; with `token` (which nothing else prints) sudo may ask for a
 * password, its prompt is "TOKEN?" and the shell greets with "TOKEN!", both on
 * stderr. */
void bootstrap_command(struct buf *out, const char *user, const char *token);

/* The loop, as one line without its newline. It then reads the nonce. */
extern const char bootstrap_loop[];

#endif
