/* Errors, buffers, files and programs. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/child.h"
#include "base/err.h"
#include "base/file.h"

static void an_error_keeps_code_and_text(void **state)
{
	struct err e = {0};

	(void)state;
	assert_int_equal(
	    err_set(&e, ERR_TIMEOUT, "host '%s'", "a"), ERR_TIMEOUT);
	assert_string_equal(e.text, "host 'a'");
	assert_string_equal(err_name(e.code), "timeout");
	assert_int_equal(err_set(NULL, ERR_IO, "nobody listens"), ERR_IO);
}

static void a_long_error_is_cut_visibly(void **state)
{
	struct err e = {0};
	char text[2 * ERR_TEXT_MAX];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	err_set(&e, ERR_PARSE, "%s", text);
	assert_int_equal(strlen(e.text), ERR_TEXT_MAX - 1);
	assert_string_equal(e.text + ERR_TEXT_MAX - 4, "...");
}

static void a_system_error_names_its_cause(void **state)
{
	struct err e = {0};

	(void)state;
	assert_int_equal(err_sys(&e, 2, "cannot read '%s'", "/x"), ERR_IO);
	assert_string_equal(
	    e.text, "cannot read '/x': No such file or directory");
}

static void a_buffer_grows_drops_and_gives_away(void **state)
{
	struct buf b = BUF_INIT;
	char *text;

	(void)state;
	for (int i = 0; i < 100; i++)
		buf_printf(&b, "%d,", i);
	assert_int_equal(b.len, 290);
	buf_drop(&b, 286);
	assert_string_equal(b.data, ",99,");
	buf_drop(&b, 100);
	assert_int_equal(b.len, 0);
	buf_puts(&b, "ab");
	buf_putc(&b, 'c');
	text = buf_steal(&b);
	assert_string_equal(text, "abc");
	assert_null(b.data);
	free(text);
}

static void a_buffer_that_cannot_grow_says_so_once_and_for_all(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_puts(&b, "x");
	assert_null(buf_reserve(&b, SIZE_MAX - 1));
	buf_puts(&b, "y");
	assert_true(buf_failed(&b));
	assert_null(buf_steal(&b));
}

static void a_secret_buffer_moves_without_losing_bytes(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	b.secret = true;
	for (int i = 0; i < 1000; i++)
		buf_put(&b, "0123456789", 10);
	assert_int_equal(b.len, 10000);
	assert_memory_equal(b.data + 9990, "0123456789", 10);
	buf_drop(&b, 9990);
	assert_string_equal(b.data, "0123456789");
	buf_release(&b);
	assert_true(b.secret);
}

static void a_buffer_ends_in_a_nul_though_nothing_was_written(void **state)
{
	(void)state;
	for (int secret = 0; secret < 2; secret++) {
		struct buf b = BUF_INIT;
		char *litter = malloc(128);

		memset(litter, 'x', 128);
		free(litter);
		b.secret = secret;
		assert_non_null(buf_reserve(&b, 100));
		assert_string_equal(b.data, "");
		buf_puts(&b, "ab");
		assert_non_null(buf_reserve(&b, 1000));
		assert_string_equal(b.data, "ab");
		buf_release(&b);
	}
}

enum { MUCH = 1000 * 1000 };

/* Takes its time. */
static void *read_much(void *arg)
{
	int *fd = arg;
	static char some[4096];
	size_t sum = 0;
	ssize_t n;

	usleep(50 * 1000);
	while ((n = read(*fd, some, sizeof(some))) > 0)
		sum += (size_t)n;
	return sum == MUCH ? fd : NULL;
}

static void all_is_written_to_a_descriptor_that_does_not_block(void **state)
{
	char *data = calloc(1, MUCH);
	pthread_t reader;
	void *got;
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	assert_int_equal(fcntl(ends[0], F_SETFL, 0), 0);
	assert_int_equal(pthread_create(&reader, NULL, read_much, &ends[0]), 0);
	assert_int_equal(write_fully(ends[1], data, MUCH), 0);
	close(ends[1]);
	pthread_join(reader, &got);
	assert_non_null(got);
	close(ends[0]);
	free(data);
}

static void a_program_ignores_what_nohup_has_us_ignore(void **state)
{
	static const char *const argv[] = {
	    "sh", "-c", "kill -HUP $$; echo here; kill -TERM $$", NULL};
	struct child child = {.argv = argv};
	struct err e;

	(void)state;
	signal(SIGHUP, SIG_IGN);
	assert_int_equal(child_run(&child, &e), 0);
	signal(SIGHUP, SIG_DFL);
	assert_string_equal(child.out.data, "here\n");
	assert_int_equal(child.status, 128 + SIGTERM);
	buf_release(&child.out);
	buf_release(&child.err);
}

static void a_program_that_does_not_end_is_stopped(void **state)
{
	static const char *const obedient[] = {"sleep", "60", NULL};
	static const char *const stubborn[] = {
	    "sh", "-c", "trap '' TERM; while :; do sleep 1; done", NULL};
	static const char *const *const argvs[] = {obedient, stubborn};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct child child = {.argv = argvs[i], .timeout_ms = 200};
		time_t began = time(NULL);
		struct err e;

		assert_int_equal(child_run(&child, &e), ERR_TIMEOUT);
		assert_non_null(strstr(e.text, "was stopped"));
		assert_true(time(NULL) - began < 30);
		/* and nobody of it is left to wait for */
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
		assert_int_equal(errno, ECHILD);
		buf_release(&child.out);
		buf_release(&child.err);
	}
}

static void a_program_that_cannot_run_is_named(void **state)
{
	static const struct {
		const char *name;
		int code;
	} cases[] = {{"no-program-of-this-name", ERR_NOTFOUND},
	    {"/etc/passwd", ERR_IO}, {"/etc", ERR_IO}};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const char *const argv[] = {cases[i].name, NULL};
		struct child child = {.argv = argv};
		struct err e;

		assert_int_equal(child_run(&child, &e), cases[i].code);
		assert_non_null(strstr(e.text, cases[i].name));
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
		buf_release(&child.out);
		buf_release(&child.err);
	}
}

static void a_program_need_not_read_what_it_is_given(void **state)
{
	static const char *const argv[] = {
	    "sh", "-c", "exec <&-; echo $A", NULL};
	static const char *const env[] = {"A=its own", NULL};
	char *much = calloc(1, MUCH);
	struct child child = {
	    .argv = argv, .env = env, .input = much, .input_len = MUCH};
	struct err e;

	(void)state;
	setenv("A", "ours", 1);
	assert_int_equal(child_run(&child, &e), 0);
	assert_int_equal(child.status, 0);
	assert_string_equal(child.out.data, "its own\n");
	buf_release(&child.out);
	buf_release(&child.err);
	free(much);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_error_keeps_code_and_text),
	    cmocka_unit_test(a_long_error_is_cut_visibly),
	    cmocka_unit_test(a_system_error_names_its_cause),
	    cmocka_unit_test(a_buffer_grows_drops_and_gives_away),
	    cmocka_unit_test(
		a_buffer_that_cannot_grow_says_so_once_and_for_all),
	    cmocka_unit_test(a_secret_buffer_moves_without_losing_bytes),
	    cmocka_unit_test(a_buffer_ends_in_a_nul_though_nothing_was_written),
	    cmocka_unit_test(
		all_is_written_to_a_descriptor_that_does_not_block),
	    cmocka_unit_test(a_program_ignores_what_nohup_has_us_ignore),
	    cmocka_unit_test(a_program_that_does_not_end_is_stopped),
	    cmocka_unit_test(a_program_that_cannot_run_is_named),
	    cmocka_unit_test(a_program_need_not_read_what_it_is_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
