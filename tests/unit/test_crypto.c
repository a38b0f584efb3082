/* Keys and seals as their C callers see them, and keys made at once by many. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "crypto/digest.h"
#include "crypto/pair.h"
#include "crypto/seal.h"

enum { MAKERS = 8 };

static char dir[] = "/tmp/neap-crypto-XXXXXX";
static char path[64];

static void load(struct key **key, bool create)
{
	struct err e = {0};

	if (key_load(key, path, create, &e) < 0)
		fail_msg("%s", e.text);
}

/* In a process of its own: makes or loads the key, writes a seal made by it. */
static void make_and_seal(int fd)
{
	struct buf text = BUF_INIT;
	struct key *key = NULL;
	struct err e;

	if (key_load(&key, path, true, &e) < 0 ||
	    seal_put(&text, key, "x", 1, "c", 1, &e) < 0 ||
	    write(fd, text.data, text.len) != (ssize_t)text.len)
		_exit(1);
	_exit(0);
}

static void many_makers_make_one_key(void **state)
{
	char seals[MAKERS][256] = {0};
	int fds[MAKERS][2], status;

	(void)state;
	unlink(path);
	for (int i = 0; i < MAKERS; i++) {
		assert_int_equal(pipe(fds[i]), 0);
		if (fork() == 0)
			make_and_seal(fds[i][1]);
		close(fds[i][1]);
	}
	for (int i = 0; i < MAKERS; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
		assert_true(
		    read(fds[i][0], seals[i], sizeof(seals[i]) - 1) > 0);
		close(fds[i][0]);
	}
	for (int i = 1; i < MAKERS; i++)
		assert_string_equal(seals[0], seals[i]);
}

static void the_mode_does_not_hang_on_the_umask(void **state)
{
	struct key *key = NULL;
	struct stat st;
	mode_t old = umask(0);

	(void)state;
	unlink(path);
	load(&key, true);
	umask(old);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	key_free(key);
}

static void a_seal_that_does_not_open_leaves_nothing(void **state)
{
	struct buf text = BUF_INIT, out = BUF_INIT;
	struct key *key = NULL;
	struct err e = {0};

	(void)state;
	load(&key, true);
	assert_int_equal(seal_put(&text, key, "secret", 6, "c", 1, &e), 0);
	buf_puts(&out, "before");
	assert_int_equal(
	    seal_open(&out, key, text.data, text.len, "d", 1, &e), ERR_CRYPTO);
	assert_string_equal(out.data, "before");
	assert_int_equal(
	    seal_open(&out, key, text.data, text.len, "c", 1, &e), 0);
	assert_string_equal(out.data, "beforesecret");
	buf_release(&text);
	buf_release(&out);
	key_free(key);
}

static void base64_is_padded(void **state)
{
	static const char *const wanted[] = {"", "+w==", "+/8=", "+/+/"};
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t n = 0; n <= 3; n++) {
		buf_clear(&out);
		base64_put(&out, "\xfb\xff\xbf", n, BASE64_PLAIN);
		assert_string_equal(out.data, wanted[n]);
	}
	buf_clear(&out);
	base64_put(&out, "\xfb\xff\xbf", 3, BASE64_URL);
	assert_string_equal(out.data, "-_-_");
	buf_release(&out);
}

static int make_dir(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/key", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

/* As on a full disk. */
static void a_key_that_cannot_be_written_whole_is_not_left(void **state)
{
	static const char other[] = "/tmp/neap-crypto-pair";
	struct rlimit before, small;
	struct pair *pair = NULL;
	struct err e;

	(void)state;
	unlink(other);
	assert_int_equal(pair_new(&pair, &e), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = (struct rlimit){10, before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	errno = 0;
	assert_int_equal(pair_save(pair, other, &e), ERR_IO);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_string_equal(
	    e.text, "cannot write key '/tmp/neap-crypto-pair': File too large");
	assert_int_equal(access(other, F_OK), -1);
	assert_int_equal(pair_save(pair, other, &e), 0);
	assert_int_equal(pair_save(pair, other, &e), ERR_CONFLICT);
	unlink(other);
	pair_free(pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(many_makers_make_one_key),
	    cmocka_unit_test(the_mode_does_not_hang_on_the_umask),
	    cmocka_unit_test(a_seal_that_does_not_open_leaves_nothing),
	    cmocka_unit_test(base64_is_padded),
	    cmocka_unit_test(a_key_that_cannot_be_written_whole_is_not_left),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
