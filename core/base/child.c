/* Running a program: see child.h. */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TICK_MS = 50, GRACE_MS = 2000, CHUNK = 16384 };

/* Our ends of its streams, and where it says why it could not start. */
enum { IN, OUT, ERR, WHY, PIPES };

struct running {
	struct child *child;
	pid_t pid;
	int fd[PIPES];	   /* -1: closed */
	int theirs[PIPES]; /* until it runs */
	size_t sent;
	bool ended;
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int open_pipes(struct running *r, struct err *e)
{
	for (int i = 0; i < PIPES; i++) {
		int ends[2];

		if (i == IN && !r->child->input) {
			r->theirs[IN] = open("/dev/null", O_RDWR | O_CLOEXEC);
			if (r->theirs[IN] < 0)
				return err_sys(e, errno, "/dev/null");
			continue;
		}
		if (pipe2(ends, O_CLOEXEC) < 0)
			return err_sys(e, errno, "cannot make a pipe");
		r->fd[i] = ends[i == IN];
		r->theirs[i] = ends[i != IN];
		if (fcntl(r->fd[i], F_SETFL, O_NONBLOCK) < 0)
			return err_sys(e, errno, "cannot set up a pipe");
	}
	/* Whether it started is waited for. */
	fcntl(r->fd[WHY], F_SETFL, 0);
	return 0;
}

/* In the child: only what is safe between fork and exec. */
static _Noreturn void become(const struct running *r, char *const *env)
{
	static const int ours[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction now;
	sigset_t none;
	int why;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	/* What nohup(1) has us ignore is to be ignored there, too. */
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (sigaction(ours[i], NULL, &now) == 0 &&
		    now.sa_handler != SIG_IGN)
			signal(ours[i], SIG_DFL);
	if (dup2(r->theirs[IN], 0) >= 0 && dup2(r->theirs[OUT], 1) >= 0 &&
	    dup2(r->theirs[ERR], 2) >= 0)
		execvpe(r->child->argv[0],
		    (char *const *)(uintptr_t)r->child->argv, env);
	why = errno;
	if (write(r->theirs[WHY], &why, sizeof(why)) < 0)
		_exit(126);
	_exit(127);
}

/* Our environment with the child's own entries before it: the first of a name
 * counts. The strings are borrowed. */
static char **make_env(const struct child *child)
{
	size_t own = 0, ours = 0, n = 0;
	char **env;

	while (child->env && child->env[own])
		own++;
	while (environ[ours])
		ours++;
	if (!(env = calloc(own + ours + 1, sizeof(*env))))
		return NULL;
	for (size_t i = 0; i < own; i++)
		env[n++] = (char *)(uintptr_t)child->env[i];
	for (size_t i = 0; i < ours; i++) {
		size_t len = strcspn(environ[i], "=") + 1;
		bool set = false;

		for (size_t j = 0; j < own && !set; j++)
			set = !strncmp(child->env[j], environ[i], len);
		if (!set)
			env[n++] = environ[i];
	}
	return env;
}

static int start(struct running *r, struct err *e)
{
	const char *name = r->child->argv[0];
	char **env = make_env(r->child);
	int why = 0;
	ssize_t n;

	if (!env)
		return err_set(e, ERR_NOMEM, "out of memory");
	if ((r->pid = fork()) == 0)
		become(r, env);
	free(env);
	if (r->pid < 0)
		return err_sys(e, errno, "cannot run '%s'", name);
	for (int i = 0; i < PIPES; i++)
		shut(&r->theirs[i]);
	while ((n = read(r->fd[WHY], &why, sizeof(why))) < 0 && errno == EINTR)
		;
	shut(&r->fd[WHY]);
	if (n <= 0)
		return 0;
	waitpid(r->pid, NULL, 0);
	r->ended = true;
	if (why == ENOENT)
		return err_set(
		    e, ERR_NOTFOUND, "there is no program '%s' here", name);
	return err_sys(e, why, "cannot run '%s'", name);
}

static void feed(struct running *r)
{
	const struct child *child = r->child;
	ssize_t n = write(
	    r->fd[IN], child->input + r->sent, child->input_len - r->sent);

	if (n > 0)
		r->sent += (size_t)n;
	if (r->sent == child->input_len ||
	    (n < 0 && errno != EAGAIN && errno != EINTR))
		shut(&r->fd[IN]);
}

/* Returns whether there may be more. */
static bool drain(int *fd, struct buf *to)
{
	char *room = buf_reserve(to, CHUNK);
	ssize_t n = room ? read(*fd, room, CHUNK) : 0;

	if (n > 0)
		buf_grown(to, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		shut(fd);
	return n > 0;
}

static void transfer(struct running *r, int wait_ms)
{
	struct pollfd fds[] = {{r->fd[IN], POLLOUT, 0}, {r->fd[OUT], POLLIN, 0},
	    {r->fd[ERR], POLLIN, 0}};

	if (poll(fds, 3, wait_ms) <= 0)
		return;
	if (fds[0].revents)
		feed(r);
	if (fds[1].revents)
		drain(&r->fd[OUT], &r->child->out);
	if (fds[2].revents)
		drain(&r->fd[ERR], &r->child->err);
}

static void note_end(struct running *r, int flags)
{
	int status;

	if (r->ended || waitpid(r->pid, &status, flags) != r->pid)
		return;
	r->ended = true;
	r->child->status =
	    WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void stop(struct running *r)
{
	int64_t until = now_ms() + GRACE_MS;

	kill(r->pid, SIGTERM);
	while (!r->ended && now_ms() < until) {
		const struct timespec pause = {0, 10 * 1000000L};

		note_end(r, WNOHANG);
		nanosleep(&pause, NULL);
	}
	if (r->ended)
		return;
	kill(r->pid, SIGKILL);
	note_end(r, 0);
}

static int wait_for(struct running *r, struct err *e)
{
	int limit = r->child->timeout_ms;
	int64_t until = now_ms() + limit;

	while (!r->ended) {
		if (limit && now_ms() >= until) {
			stop(r);
			return err_set(e, ERR_TIMEOUT,
			    "'%s' did not end in %d s and was stopped",
			    r->child->argv[0], limit / 1000);
		}
		transfer(r, r->fd[OUT] < 0 && r->fd[ERR] < 0 ? 1 : TICK_MS);
		note_end(r, WNOHANG);
	}
	while (r->fd[OUT] >= 0 && drain(&r->fd[OUT], &r->child->out))
		;
	while (r->fd[ERR] >= 0 && drain(&r->fd[ERR], &r->child->err))
		;
	return 0;
}

int child_run(struct child *child, struct err *e)
{
	struct running r = {
	    child, -1, {-1, -1, -1, -1}, {-1, -1, -1, -1}, 0, false};
	struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
	int rc;

	child->out = child->err = (struct buf)BUF_INIT;
	child->status = -1;
	sigaction(SIGPIPE, &ignore, &before); /* it may not read all */
	if ((rc = open_pipes(&r, e)) == 0 && (rc = start(&r, e)) == 0)
		rc = wait_for(&r, e);
	sigaction(SIGPIPE, &before, NULL);
	for (int i = 0; i < PIPES; i++) {
		shut(&r.fd[i]);
		shut(&r.theirs[i]);
	}
	if (rc == 0 && (buf_failed(&child->out) || buf_failed(&child->err)))
		rc = err_set(e, ERR_NOMEM, "out of memory");
	return rc;
}
