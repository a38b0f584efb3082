/* A library to preload, for faults that no host can be asked for. The
 * environment says
 *
 *	SHIM_CLOCK  a file: while it holds a number, the time of day is so many
 *		    seconds off; clocks that only go forward are left alone
 *	SHIM_HOLD   a file: while it is there, for some seconds at most, the
 *		    branch of a state repository does not move */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long offset(void)
{
	const char *path = getenv("SHIM_CLOCK");
	FILE *f = path ? fopen(path, "re") : NULL;
	long seconds = 0;

	if (!f)
		return 0;
	if (fscanf(f, "%ld", &seconds) != 1)
		seconds = 0;
	fclose(f);
	return seconds;
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
	long rc = syscall(SYS_clock_gettime, id, ts);

	if (rc == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		ts->tv_sec += offset();
	return (int)rc;
}

time_t time(time_t *out)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (out)
		*out = ts.tv_sec;
	return ts.tv_sec;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec ts;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &ts);
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;
	return 0;
}

static void wait_before(const char *target)
{
	static const char branch[] = "refs/heads/main";
	const char *path = getenv("SHIM_HOLD");
	size_t len = strlen(target);

	if (!path || len < sizeof(branch) - 1 ||
	    strcmp(target + len - (sizeof(branch) - 1), branch) != 0)
		return;
	for (int i = 0; i < 300 && access(path, F_OK) == 0; i++)
		usleep(10000);
}

int rename(const char *from, const char *to)
{
	wait_before(to);
	return (int)syscall(SYS_renameat2, -100, from, -100, to, 0);
}
