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

#endif
