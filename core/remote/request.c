/* Requests: their life, and their form on the wire. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

enum { DEFAULT_MAX_BYTES = 16 * 1024 * 1024 };

/* A longer script is cheaper for the host as a file than line by line. */
enum { LINES_MAX_BYTES = 4096 };

/* The controller ends a watched script that takes too long; the host does so by
 * itself only when it has heard nothing for so long. */
enum { LONE_S = 20 };

struct request *request_new(void)
{
	struct request *r = calloc(1, sizeof(*r));

	if (r)
		r->max_bytes = DEFAULT_MAX_BYTES;
	return r;
}

void request_free(struct request *r)
{
	if (!r)
		return;
	if (r->held) { /* by the shell, which frees it when it is answered */
		r->dropped = true;
		r->on_done = NULL;
		return;
	}
	buf_release(&r->script);
	buf_release(&r->input);
	buf_release(&r->out);
	buf_release(&r->err);
	free(r);
}

/* The buffers of the question are of no use any more. */
void request_sent(struct request *r)
{
	buf_release(&r->script);
	buf_release(&r->input);
}

void request_answer(struct request *r)
{
	r->held = false;
	r->done = true;
	if (r->dropped)
		request_free(r);
	else if (r->on_done)
		r->on_done(r->arg);
}

static size_t count_lines(const struct buf *script)
{
	const char *at = script->data, *end = at + script->len;
	size_t n = 0;

	while (at < end && (at = memchr(at, '\n', (size_t)(end - at)))) {
		at++;
		n++;
	}
	return n;
}

static char mode_of(const struct request *r)
{
	if (r->here)
		return 'h';
	return r->capture ? 'c' : 's';
}

void request_write(struct buf *out, struct request *r)
{
	int64_t seconds = r->here ? 0 : (r->limit_ms + 999) / 1000;
	bool in_file;

	if (r->watched && seconds)
		seconds += LONE_S;
	if (!r->script.len || r->script.data[r->script.len - 1] != '\n')
		buf_putc(&r->script, '\n');
	in_file = r->script.len > LINES_MAX_BYTES;
	buf_printf(out, "%u %c%s %zu %zu %zu %lld %s\n", r->id, mode_of(r),
	    r->watched ? "w" : "", in_file ? 0 : count_lines(&r->script),
	    in_file ? r->script.len : 0, r->input.len, (long long)seconds,
	    r->nonce);
	buf_put(out, r->script.data, r->script.len);
	if (in_file)
		buf_puts(out, ".\n");
	if (r->input.len) {
		buf_put(out, r->input.data, r->input.len);
		buf_puts(out, ".\n");
	}
}
