/* What differs between two texts: see text.h. */
#include "text.h"

#include <git2.h>
#include <string.h>

#include "part.h"

bool text_is_binary(const char *data, size_t len)
{
	return len && memchr(data, '\0', len < 8000 ? len : 8000);
}

struct taker {
	int (*put)(void *ctx, const struct text_line *line);
	void *ctx;
	int rc; /* what put() returned, or why the diff could not be made */
};

static int on_hunk(
    const git_diff_delta *delta, const git_diff_hunk *hunk, void *payload)
{
	struct taker *taker = payload;
	const char *end;
	struct text_line line = {'@', hunk->header, hunk->header_len};

	(void)delta;
	/* Without the line of the text that git adds after the second @@. */
	if ((end = memmem(line.data + 2, line.len - 2, "@@", 2)))
		line.len = (size_t)(end + 2 - line.data);
	taker->rc = taker->put(taker->ctx, &line);
	return taker->rc ? GIT_EUSER : 0;
}

static int on_line(const git_diff_delta *delta, const git_diff_hunk *hunk,
    const git_diff_line *l, void *payload)
{
	struct taker *taker = payload;
	struct text_line line = {l->origin, l->content, l->content_len};

	(void)delta;
	(void)hunk;
	if (!strchr(" +-", line.origin))
		line = (struct text_line){'\\', NULL, 0};
	taker->rc = taker->put(taker->ctx, &line);
	return taker->rc ? GIT_EUSER : 0;
}

int text_diff(const char *old, size_t old_len, const char *new, size_t new_len,
    unsigned context, int (*put)(void *ctx, const struct text_line *line),
    void *ctx, struct err *e)
{
	git_diff_options opts;
	struct taker taker = {put, ctx, 0};
	int rc;

	if (old_len > TEXT_MAX_BYTES || new_len > TEXT_MAX_BYTES)
		return err_set(e, ERR_LIMIT,
		    "texts of %zu and %zu bytes are too large to compare by "
		    "line",
		    old_len, new_len);
	if ((rc = store_start(e)) < 0)
		return rc;
	git_diff_options_init(&opts, GIT_DIFF_OPTIONS_VERSION);
	opts.flags = GIT_DIFF_FORCE_TEXT;
	opts.context_lines = context;
	rc = git_diff_buffers(old, old_len, NULL, new, new_len, NULL, &opts,
	    NULL, NULL, on_hunk, on_line, &taker);
	if (rc < 0 && taker.rc)
		return taker.rc;
	return rc < 0 ? store_fail(e, rc, "cannot compare two texts") : 0;
}
