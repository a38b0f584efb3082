/* The shell loop on a host that is slow: see slow_child.c. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "remote/bootstrap.h"

#define NONCE "0123456789abcdef0123456789abcdef"

enum { REQUESTS = 20, LIMIT_S = 20 };

static const char *const shells[] = {"dash", "bash", "busybox"};

static pid_t group;

static void give_up(int signo)
{
	(void)signo;
	kill(-group, SIGKILL);
}

static pid_t start(const char *shell, int in[2], int out[2])
{
	static const char command[] = "IFS= read -r l&&eval \"$l\"";
	pid_t pid;

	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	if ((pid = fork()) != 0)
		return pid;
	setpgid(0, 0);
	setenv("LD_PRELOAD", SLOW_CHILD, 1);
	dup2(in[0], 0);
	dup2(out[1], 1);
	dup2(out[1], 2);
	for (int fd = 3; fd < 20; fd++)
		close(fd);
	if (!strcmp(shell, "busybox"))
		execlp(shell, shell, "sh", "-c", command, (char *)NULL);
	else
		execlp(shell, shell, "-c", command, (char *)NULL);
	_exit(127);
}

/* Each of many short scripts that are watched gets its answer. */
static void test_short_scripts(void **state)
{
	const char *shell = *state;
	char line[4096], wanted[64];
	int in[2], out[2], status;
	pid_t pid = start(shell, in, out);
	FILE *to = fdopen(in[1], "w"), *from = fdopen(out[0], "r");
	int answered = 0;

	group = pid;
	signal(SIGALRM, give_up);
	alarm(LIMIT_S);
	close(in[0]);
	close(out[1]);
	fprintf(to, "%s\n" NONCE "\n", bootstrap_loop);
	for (int i = 0; i < REQUESTS; i++) {
		fprintf(to, "%d cw 1 0 0 0 " NONCE "\n:\n", i);
		fflush(to);
		snprintf(wanted, sizeof(wanted), NONCE " %d 0\n", i);
		while (fgets(line, sizeof(line), from))
			if (!strcmp(line, wanted))
				break;
		if (feof(from))
			break;
		answered++;
	}
	fclose(to);
	fclose(from);
	alarm(0);
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		skip(); /* there is no such shell here */
	assert_int_equal(answered, REQUESTS);
}

int main(void)
{
	struct CMUnitTest tests[sizeof(shells) / sizeof(*shells)];

	for (size_t i = 0; i < sizeof(shells) / sizeof(*shells); i++)
		tests[i] = (struct CMUnitTest){shells[i], test_short_scripts,
		    NULL, NULL, (void *)shells[i]};
	return cmocka_run_group_tests_name("bootstrap", tests, NULL, NULL);
}
