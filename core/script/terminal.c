/* The operator's terminal: see terminal.h. */
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
enum { SIGNALS = sizeof(signals) / sizeof(signals[0]) };

static volatile sig_atomic_t caught;

static void note(int signo)
{
	caught = signo;
}

/* Without SA_RESTART: read() is to end. */
static void catch_signals(struct sigaction old[SIGNALS])
{
	struct sigaction sa = {.sa_handler = note};

	caught = 0;
	sigemptyset(&sa.sa_mask);
	for (int i = 0; i < SIGNALS; i++) {
		sigaction(signals[i], NULL, &old[i]);
		if (old[i].sa_handler != SIG_IGN)
			sigaction(signals[i], &sa, NULL);
	}
}

static void release_signals(const struct sigaction old[SIGNALS])
{
	for (int i = 0; i < SIGNALS; i++)
		sigaction(signals[i], &old[i], NULL);
	if (caught)
		raise(caught);
}

static int read_line(int fd, char *line, size_t size)
{
	ssize_t got = 0;
	size_t n = 0;
	char c = 0;

	while (!caught && (got = read(fd, &c, 1)) == 1 && c != '\n')
		if (n + 1 < size)
			line[n++] = c;
	line[n] = '\0';
	if (caught)
		return EINTR;
	return got == 1 || n > 0 ? 0 : EIO;
}

int terminal_ask(const char *text, bool hidden, char *line, size_t size)
{
	struct sigaction old[SIGNALS];
	struct termios before, quiet;
	bool changed = false;
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY), rc;

	if (fd < 0)
		return errno;
	catch_signals(old);
	if (hidden && tcgetattr(fd, &before) == 0) {
		quiet = before;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		changed = tcsetattr(fd, TCSAFLUSH, &quiet) == 0;
	}
	if (write(fd, text, strlen(text)) < 0)
		rc = errno;
	else
		rc = read_line(fd, line, size);
	if (changed)
		tcsetattr(fd, TCSAFLUSH, &before);
	if (hidden && write(fd, "\n", 1) < 0)
		rc = rc ? rc : errno;
	close(fd);
	release_signals(old);
	return rc;
}
