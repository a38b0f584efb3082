/* Commands through which hosts are reached: see proxy.h. */
#include "proxy.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOG_TAIL_BYTES = 400 };

extern char **environ;

static int start(struct proxy *p, int end, const char *command)
{
	char *argv[] = {"sh", "-c", (char *)command, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, usual;
	int errnum;

	sigemptyset(&none);
	sigemptyset(&usual);
	sigaddset(&usual, SIGPIPE);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID |
					    POSIX_SPAWN_SETSIGMASK |
					    POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &usual);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, end, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, end, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, p->log, STDERR_FILENO);
	errnum =
	    posix_spawn(&p->pid, "/bin/sh", &actions, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	return errnum;
}

int proxy_start(struct proxy *p, int *fd, const char *command, struct err *e)
{
	int ends[2], errnum;

	*p = (struct proxy){.log = -1};
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(e, errno, "cannot make a pair of sockets");
	p->log = memfd_create("proxy", MFD_CLOEXEC);
	errnum = p->log < 0 ? errno : start(p, ends[1], command);
	close(ends[1]);
	if (!errnum && fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0)
		errnum = errno;
	if (errnum) {
		close(ends[0]);
		proxy_stop(p);
		return err_sys(e, errnum, "cannot run '%.200s'", command);
	}
	*fd = ends[0];
	return 0;
}

void proxy_words(const struct proxy *p, char *out, size_t size)
{
	char text[LOG_TAIL_BYTES + 1], *line;
	off_t end = p->log < 0 ? 0 : lseek(p->log, 0, SEEK_END);
	ssize_t n = 0;

	if (end > 0)
		n = pread(p->log, text, LOG_TAIL_BYTES,
		    end > LOG_TAIL_BYTES ? end - LOG_TAIL_BYTES : 0);
	while (n > 0 && isspace((unsigned char)text[n - 1]))
		n--;
	text[n > 0 ? n : 0] = '\0';
	line = strrchr(text, '\n');
	snprintf(out, size, "%s", line ? line + 1 : text);
	for (; *out; out++)
		if (!isprint((unsigned char)*out))
			*out = '?';
}

void proxy_stop(struct proxy *p)
{
	if (p->pid > 0) {
		kill(p->pid, SIGTERM);
		waitpid(p->pid, NULL, WNOHANG);
	}
	if (p->log >= 0)
		close(p->log);
	*p = (struct proxy){.log = -1};
}
