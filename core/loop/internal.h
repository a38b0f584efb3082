/* Between the files of the loop. */
#ifndef NEAP_LOOP_INTERNAL_H
#define NEAP_LOOP_INTERNAL_H

#include "loop.h"

struct pool; /* the threads that run jobs */

/* Takes jobs whose ends are told by a read of `pool_fd()`. */
int pool_new(struct pool **out, struct err *e);
void pool_free(struct pool *pool);
int pool_fd(const struct pool *pool);
int pool_submit(struct pool *pool, struct job *job, struct err *e);

/* Calls `done` of the jobs that have ended. */
void pool_collect(struct pool *pool);

#endif
