/* What differs between two texts, line by line, as patch(1) takes it. */
#ifndef NEAP_STORE_TEXT_H
#define NEAP_STORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/* Larger texts are not compared by line: made for it, two texts of 1 MB keep
 * the comparison busy for more than two seconds. */
enum { TEXT_MAX_BYTES = 512 * 1024 };

/* Whether it is no text: there is a NUL in its first 8000 bytes. */
bool text_is_binary(const char *data, size_t len);

struct text_line {
	char origin; /* ' ' '+' '-'; '@' a hunk's head; '\\' no newline */
	const char *data;
	size_t len; /* with the newline, if it has one */
};

/* Hands what differs to `put`, line by line, with `context` equal lines
 * around. Returns 0; ERR_LIMIT where a text is too large; ERR_NOMEM; or the
 * negative value that `put` returned, which must not leave by longjmp. */
int text_diff(const char *old, size_t old_len, const char *new, size_t new_len,
    unsigned context, int (*put)(void *ctx, const struct text_line *line),
    void *ctx, struct err *e);

#endif
