/* Between the files of the remote part. */
#ifndef NEAP_REMOTE_INTERNAL_H
#define NEAP_REMOTE_INTERNAL_H

#include "shell.h"

/* Appends the request in the loop's form. */
void request_write(struct buf *out, struct request *r);

/* Gives the memory of a question back that was sent. */
void request_sent(struct request *r);

/* The answer is in: tells it, or frees a request that nobody waits for. */
void request_answer(struct request *r);

/* What a host has said so far, and who it is. */
struct words {
	const char *name, *user; /* NULL: no sudo */
	const struct buf *out, *err;
};

/* Why sudo let nobody through; why the shell has ended, or (unless it `stood`
 * already) did not start. */
void explain_sudo(const struct words *w, struct err *e);
void explain_end(const struct words *w, bool stood, struct err *e);

#endif
