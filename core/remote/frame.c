/* Frames: see frame.h. */
#include "frame.h"

#include <string.h>

/* Longest end of a frame behind its mark: "4294967295 255\n", or "READY\n". */
enum { END_MAX = 32, MARK_LEN = FRAME_NONCE_LEN + 2 };

void frames_init(struct frames *f, const char *nonce, size_t limit)
{
	*f = (struct frames){.body = BUF_INIT, .limit = limit};
	f->mark[0] = '\n';
	f->mark[MARK_LEN - 1] = ' ';
	frames_expect(f, nonce);
}

void frames_expect(struct frames *f, const char *nonce)
{
	memcpy(f->mark + 1, nonce, FRAME_NONCE_LEN);
	f->scanned = 0;
}

void frames_release(struct frames *f)
{
	buf_release(&f->body);
}

void frames_next(struct frames *f, size_t limit)
{
	buf_clear(&f->body);
	f->scanned = f->seen = 0;
	f->limit = limit;
	f->cut = false;
}

static bool take_number(const char **at, const char *end, uint32_t *out)
{
	uint64_t value = 0;
	const char *p = *at;

	for (; p < end && *p >= '0' && *p <= '9' && value <= UINT32_MAX; p++)
		value = value * 10 + (uint64_t)(*p - '0');
	if (p == *at || value > UINT32_MAX)
		return false;
	*at = p;
	*out = (uint32_t)value;
	return true;
}

static bool parse_end(struct frame_end *out, const char *at, const char *end)
{
	uint32_t status;

	*out = (struct frame_end){.status = -1};
	if (end - at == 5 && !memcmp(at, "READY", 5)) {
		out->ready = true;
		return true;
	}
	if (!take_number(&at, end, &out->id))
		return false;
	if (at == end)
		return true;
	if (*at++ != ' ' || !take_number(&at, end, &status) || at != end ||
	    status > 255)
		return false;
	out->status = (int)status;
	return true;
}

/* Keeps what a mark may still be in, and at most the limit. */
static void trim(struct frames *f)
{
	size_t keep = MARK_LEN + END_MAX;

	if (f->limit > keep)
		keep = f->limit;
	if (f->body.len <= keep)
		return;
	f->cut = true;
	/* Half of it goes at a time, so that moving costs little. */
	keep = f->limit / 2 > MARK_LEN + END_MAX ? f->limit / 2
						 : MARK_LEN + END_MAX;
	buf_drop(&f->body, f->body.len - keep);
}

static void shorten(struct frames *f, size_t len)
{
	f->body.len = len;
	f->body.data[len] = '\0';
	if (len > f->limit) {
		f->cut = true;
		buf_drop(&f->body, len - f->limit);
	}
}

int frames_feed(struct frames *f, const char *data, size_t len, size_t *used,
    struct frame_end *end, struct err *e)
{
	size_t before = f->body.len, rest;
	const char *mark, *from, *line_end;

	*used = len;
	f->seen += len;
	buf_put(&f->body, data, len);
	if (buf_failed(&f->body))
		return err_set(e, ERR_NOMEM, "out of memory");
	from = f->body.data + f->scanned;
	rest = f->body.len - f->scanned;
	mark = memmem(from, rest, f->mark, MARK_LEN);
	if (!mark) {
		trim(f);
		f->scanned =
		    f->body.len < MARK_LEN ? 0 : f->body.len - (MARK_LEN - 1);
		return 0;
	}
	f->scanned = (size_t)(mark - f->body.data);
	from = mark + MARK_LEN;
	rest = f->body.len - f->scanned - MARK_LEN;
	line_end = memchr(from, '\n', rest < END_MAX ? rest : END_MAX);
	if (!line_end && rest < END_MAX)
		return 0;
	if (!line_end || !parse_end(end, from, line_end))
		return err_set(
		    e, ERR_PROTOCOL, "the shell loop's answer is malformed");
	*used = (size_t)(line_end + 1 - f->body.data) - before;
	shorten(f, f->scanned);
	return 1;
}
