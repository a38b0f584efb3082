/* Sessions that do not get far: what they opened is closed, and once. */
#include <dirent.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "ssh/home.h"
#include "ssh/session.h"

/* The linker sends our code's calls through this. A descriptor that is closed
 * twice may be another thread's by then. */
int __real_close(int fd);

int __wrap_close(int fd)
{
	int rc = __real_close(fd);

	assert_int_equal(rc, 0);
	return rc;
}

static size_t count_open(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void no_data(void *arg, const char *data, size_t len, bool is_err)
{
	(void)arg, (void)data, (void)len, (void)is_err;
}

static void nothing(void *arg)
{
	(void)arg;
}

static void on_ended(void *arg, const struct err *e)
{
	*(struct err *)arg = *e;
}

static void no_end(void *arg, const struct err *e)
{
	(void)arg, (void)e;
	fail_msg("a session that was freed tells nothing");
}

static const char *const none[] = {"/nowhere", NULL};

/* Opens a session, and turns the loop until it has ended, or `turns` times. */
static struct err run(const char *address, const char *proxy, int turns)
{
	const struct session_events events = {
	    nothing, no_data, nothing, turns ? no_end : on_ended, NULL};
	const struct session_config config = {.name = "x",
	    .address = address,
	    .port = 22,
	    .identities = none,
	    .known_hosts = none,
	    .proxy_command = proxy,
	    /* what its owner ends does not end by itself on a busy machine */
	    .connect_ms = turns ? 60000 : 100,
	    .auth_ms = 100};
	struct session *s = NULL;
	struct realm *realm = NULL;
	struct loop *loop = NULL;
	struct err e, end = {0};

	assert_int_equal(loop_new(&loop, &e), 0);
	assert_int_equal(realm_new(&realm, loop, &e), 0);
	assert_int_equal(
	    session_open(&s, realm, &config, "true", &events, &end, &e), 0);
	for (int i = 0; turns ? i < turns : !end.code; i++)
		assert_int_equal(loop_turn(loop, 50, &e), 0);
	session_free(s);
	realm_free(realm);
	loop_free(loop);
	return end;
}

static void what_was_opened_is_closed_once(void **state)
{
	static const struct {
		const char *address, *proxy;
		int turns;
		enum err_code code;
	} cases[] = {
	    {"", "exec sleep 5", 0, ERR_USAGE},	   /* before the handshake */
	    {"x", "exec sleep 5", 0, ERR_TIMEOUT}, /* in it */
	    {"x", "exec sleep 5", 1, ERR_NONE},	   /* by its owner */
	    {"x", "exec sleep 5", 2, ERR_NONE},
	    {"x", "echo 'no SSH'; exec sleep 5", 0, ERR_TIMEOUT},
	    {"x", "exit 1", 0, ERR_UNREACHABLE}, /* by the other side */
	    {"x", "echo SSH-2.0-x; echo x", 0, ERR_UNREACHABLE},
	    {"127.0.0.1", NULL, 1, ERR_NONE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t before = count_open();
		struct err e =
		    run(cases[i].address, cases[i].proxy, cases[i].turns);

		print_message("%zu: %s\n", i, e.text);
		assert_int_equal(e.code, cases[i].code);
		assert_int_equal(count_open(), before);
	}
}

static void the_home_is_kept(void **state)
{
	const char *home = home_dir();
	char first[1024];

	(void)state;
	snprintf(first, sizeof(first), "%s", home);
	/* another's, into the same place, where it is not kept */
	assert_non_null(getpwuid(getuid() == 1 ? 0 : 1));
	assert_string_equal(home, first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_home_is_kept),
	    cmocka_unit_test(what_was_opened_is_closed_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
