/* Errors and buffers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"

static void an_error_keeps_code_and_text(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(err_set(&e, ERR_TIMEOUT, "host '%s'", "a"),
	    ERR_TIMEOUT);
	assert_string_equal(e.text, "host 'a'");
	assert_string_equal(err_name(e.code), "timeout");
	assert_int_equal(err_set(NULL, ERR_IO, "nobody listens"), ERR_IO);
}

static void a_long_error_is_cut_visibly(void **state)
{
	struct err e = { 0 };
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
	struct err e = { 0 };

	(void)state;
	assert_int_equal(err_sys(&e, 2, "cannot read '%s'", "/x"), ERR_IO);
	assert_string_equal(e.text,
	    "cannot read '/x': No such file or directory");
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
