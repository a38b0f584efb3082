/* Frames: where the output of one request ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "remote/frame.h"

#define NONCE "0123456789abcdef0123456789abcdef"
#define END(text) "\n" NONCE " " text "\n"

/* A stream, and what comes out of it: "body|ready", "body|id/status" or
 * "body|id", with "cut:" before a body that was too long, "!" where the
 * stream is malformed, and the bytes of no frame yet in (). */
static const struct {
	const char *name, *stream, *wanted;
	size_t limit;
} cases[] = {
    {"nothing", "", "()", 100},
    {"no output", END("1 0"), "|1/0 ()", 100},
    {"a line", "hello\n" END("1 0"), "hello\n|1/0 ()", 100},
    {"no newline", "hello" END("12 255"), "hello|12/255 ()", 100},
    {"the other stream", "oops" END("4294967295"), "oops|4294967295 ()", 100},
    {"noise, then ready", "motd\n" END("READY") "x" END("1 0") "y",
	"motd\n|ready x|1/0 (y)", 100},
    {"two at once", "a" END("1 0") "b" END("2 1"), "a|1/0 b|2/1 ()", 100},
    {"half a mark is output", "\n0123456789abcdef0123\n" END("1 0"),
	"\n0123456789abcdef0123\n|1/0 ()", 100},
    {"a mark without its newline is output", "x" NONCE " 1 0\n" END("2 0"),
	"x" NONCE " 1 0\n|2/0 ()", 100},
    {"a mark right behind newlines", "\n\n" END("1 0"), "\n\n|1/0 ()", 100},
    {"at the limit", "12345" END("1 0"), "12345|1/0 ()", 5},
    {"above the limit", "123456" END("1 0") "ab" END("2 0"),
	"cut:23456|1/0 ab|2/0 ()", 5},
    {"no id", END("x"), "!", 100},
    {"no status", END("1 "), "!", 100},
    {"a status too large", END("1 256"), "!", 100},
    {"an id too large", END("4294967296 0"), "!", 100},
    {"an id far too large", END("99999999999999999999 0"), "!", 100},
    {"more behind", END("1 0 2"), "!", 100},
    {"an end without an end",
	"\n" NONCE " 1 000000000000000000000000000000000000000", "!", 100},
    {"an end that is not there yet", "a\n" NONCE " 1", "(a\n" NONCE " 1)", 100},
};

static void say_end(
    struct buf *out, const struct frames *f, const struct frame_end *end)
{
	buf_puts(out, f->cut ? "cut:" : "");
	buf_put(out, f->body.data, f->body.len);
	if (end->ready)
		buf_puts(out, "|ready ");
	else if (end->status < 0)
		buf_printf(out, "|%u ", end->id);
	else
		buf_printf(out, "|%u/%d ", end->id, end->status);
}

/* Feeds `step` bytes at a time. */
static void feed(struct buf *out, const char *stream, size_t limit, size_t step)
{
	size_t len = strlen(stream), used;
	struct frames f;
	struct frame_end end;
	int rc = 0;

	frames_init(&f, NONCE, limit);
	while (len && rc >= 0) {
		size_t n = len < step ? len : step;

		rc = frames_feed(&f, stream, n, &used, &end, NULL);
		assert_true(used <= n);
		stream += used;
		len -= used;
		if (rc == 1) {
			say_end(out, &f, &end);
			frames_next(&f, limit);
		}
	}
	if (rc < 0)
		buf_puts(out, "!");
	else
		buf_printf(out, "(%s)", f.body.data ? f.body.data : "");
	frames_release(&f);
}

static void frames_end_where_they_should(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t step = 1; step < 100; step += step < 40 ? 1 : 59) {
			struct buf out = BUF_INIT;

			feed(&out, cases[i].stream, cases[i].limit, step);
			if (strcmp(out.data, cases[i].wanted) != 0)
				fail_msg("%s, %zu bytes at a time:\n%s",
				    cases[i].name, step, out.data);
			buf_release(&out);
		}
	}
}

static void an_endless_output_stays_within_bounds(void **state)
{
	struct frames f;
	struct frame_end end;
	char block[1000];
	size_t used;

	(void)state;
	memset(block, '\n', sizeof(block));
	frames_init(&f, NONCE, 10000);
	for (int i = 0; i < 10000; i++) {
		assert_int_equal(
		    frames_feed(&f, block, sizeof(block), &used, &end, NULL),
		    0);
		assert_true(f.body.cap <= 16384);
	}
	assert_int_equal(
	    frames_feed(&f, END("7 1"), strlen(END("7 1")), &used, &end, NULL),
	    1);
	assert_true(f.cut);
	assert_int_equal(end.id, 7);
	frames_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(frames_end_where_they_should),
	    cmocka_unit_test(an_endless_output_stays_within_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
