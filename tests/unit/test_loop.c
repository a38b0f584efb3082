/* The loop as its C callers see it. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "loop/loop.h"

enum { MEETING = 2, WAIT_S = 2 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_there = PTHREAD_COND_INITIALIZER;
static int there, met, done;

static void at_once(struct job *job)
{
	(void)job;
}

/* Waits until another job is at work, too. */
static void meet(struct job *job)
{
	struct timespec until;

	(void)job;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_S;
	pthread_mutex_lock(&lock);
	if (++there == MEETING)
		pthread_cond_broadcast(&all_there);
	while (there < MEETING &&
	       pthread_cond_timedwait(&all_there, &lock, &until) == 0)
		;
	met += there == MEETING;
	pthread_mutex_unlock(&lock);
}

static void count(struct job *job)
{
	(void)job;
	done++;
}

static void turn_until(struct loop *loop, int wanted)
{
	struct err e;

	while (done < wanted)
		assert_int_equal(loop_turn(loop, -1, &e), 0);
}

static void jobs_do_not_wait_for_each_other(void **state)
{
	struct job first, jobs[MEETING];
	struct loop *loop = NULL;
	struct err e;

	(void)state;
	assert_int_equal(loop_new(&loop, &e), 0);
	/* One thread stands, and is idle. */
	assert_int_equal(job_start(&first, loop, at_once, count, &e), 0);
	turn_until(loop, 1);
	nanosleep(&(struct timespec){0, 50 * 1000000L}, NULL);
	for (int i = 0; i < MEETING; i++)
		assert_int_equal(job_start(&jobs[i], loop, meet, count, &e), 0);
	turn_until(loop, 1 + MEETING);
	assert_int_equal(met, MEETING);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(jobs_do_not_wait_for_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
