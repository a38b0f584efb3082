/* The threads that run jobs: made when first needed, few, with small stacks.
 * Ended jobs go on a list, and an eventfd wakes the loop. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "internal.h"

enum { THREADS_MAX = 4, STACK_BYTES = 512 * 1024 };

struct list {
	struct job *first;
	struct job **last;
};

struct worker {
	struct pool *pool;
	pthread_t thread;
	bool busy;
};

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct list waiting, ended;
	struct worker workers[THREADS_MAX];
	int count;  /* threads made */
	int idle;   /* threads that wait */
	int queued; /* jobs that wait */
	int refs;   /* threads, and the loop */
	int fd;
	bool closing;
};

static void list_add(struct list *l, struct job *job)
{
	job->next = NULL;
	*l->last = job;
	l->last = &job->next;
}

static struct job *list_take(struct list *l)
{
	struct job *job = l->first;

	if (job && !(l->first = job->next))
		l->last = &l->first;
	return job;
}

int pool_new(struct pool **out, struct err *e)
{
	struct pool *p = calloc(1, sizeof(*p));

	if (!p)
		return err_set(e, ERR_NOMEM, "out of memory");
	p->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->fd < 0) {
		free(p);
		return err_sys(e, errno, "cannot make an eventfd");
	}
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->more, NULL);
	p->waiting.last = &p->waiting.first;
	p->ended.last = &p->ended.first;
	p->refs = 1;
	*out = p;
	return 0;
}

/* Gives a reference back; called with the lock held, which it lets go. */
static void unref(struct pool *p)
{
	bool last = --p->refs == 0;

	pthread_mutex_unlock(&p->lock);
	if (!last)
		return;
	close(p->fd);
	pthread_cond_destroy(&p->more);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static void wake(const struct pool *p)
{
	uint64_t one = 1;

	while (write(p->fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void *run(void *arg)
{
	struct worker *w = arg;
	struct pool *p = w->pool;
	struct job *job;

	pthread_mutex_lock(&p->lock);
	while (!p->closing) {
		if (!(job = list_take(&p->waiting))) {
			p->idle++;
			pthread_cond_wait(&p->more, &p->lock);
			p->idle--;
			continue;
		}
		p->queued--;
		w->busy = true;
		pthread_mutex_unlock(&p->lock);
		job->work(job);
		pthread_mutex_lock(&p->lock);
		w->busy = false;
		list_add(&p->ended, job);
		wake(p);
	}
	unref(p);
	return NULL;
}

/* Signals are for the loop's thread only. */
static int start_thread(struct pool *p)
{
	struct worker *w = &p->workers[p->count];
	pthread_attr_t attr;
	sigset_t all, old;
	int rc;

	w->pool = p;
	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	p->refs++;
	rc = pthread_create(&w->thread, &attr, run, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (rc)
		p->refs--;
	else
		p->count++;
	return rc;
}

int pool_submit(struct pool *p, struct job *job, struct err *e)
{
	int rc = 0;

	pthread_mutex_lock(&p->lock);
	/* An idle thread that was woken may not have run yet. */
	if (p->idle <= p->queued && p->count < THREADS_MAX)
		rc = start_thread(p);
	if (p->count) {
		rc = 0;
		p->queued++;
		list_add(&p->waiting, job);
		pthread_cond_signal(&p->more);
	}
	pthread_mutex_unlock(&p->lock);
	if (rc)
		return err_sys(e, rc, "cannot make a thread");
	return 0;
}

void pool_collect(struct pool *p)
{
	struct job *job, *next;
	uint64_t count;

	if (read(p->fd, &count, sizeof(count)) < 0)
		return;
	pthread_mutex_lock(&p->lock);
	job = p->ended.first;
	p->ended.first = NULL;
	p->ended.last = &p->ended.first;
	pthread_mutex_unlock(&p->lock);
	for (; job; job = next) {
		next = job->next;
		job->done(job);
	}
}

int pool_fd(const struct pool *p)
{
	return p->fd;
}

void pool_free(struct pool *p)
{
	pthread_t quiet[THREADS_MAX];
	int count = 0;

	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->closing = true;
	for (int i = 0; i < p->count; i++) {
		if (p->workers[i].busy)
			pthread_detach(p->workers[i].thread);
		else
			quiet[count++] = p->workers[i].thread;
	}
	pthread_cond_broadcast(&p->more);
	pthread_mutex_unlock(&p->lock);
	for (int i = 0; i < count; i++)
		pthread_join(quiet[i], NULL);
	pthread_mutex_lock(&p->lock);
	unref(p);
}
