/* A growing run of bytes: see buf.h. */
#include "buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAP = 64 };

/* realloc() may leave the old bytes behind, so a secret buffer moves by
 * hand. */
static char *move_to(struct buf *b, size_t cap)
{
	char *data;

	if (!b->secret)
		return realloc(b->data, cap);
	if (!(data = malloc(cap)))
		return NULL;
	if (b->data) {
		memcpy(data, b->data, b->len);
		explicit_bzero(b->data, b->cap);
		free(b->data);
	}
	return data;
}

char *buf_reserve(struct buf *b, size_t len)
{
	size_t cap = b->cap ? b->cap : FIRST_CAP;
	char *data;

	if (b->failed || len >= SIZE_MAX / 2 - b->len) {
		b->failed = true;
		return NULL;
	}
	while (cap < b->len + len + 1)
		cap *= 2;
	if (cap != b->cap) {
		if (!(data = move_to(b, cap))) {
			b->failed = true;
			return NULL;
		}
		b->data = data;
		b->cap = cap;
		data[b->len] = '\0'; /* though nothing may be written */
	}
	return b->data + b->len;
}

void buf_grown(struct buf *b, size_t len)
{
	b->len += len;
	b->data[b->len] = '\0';
}

void buf_put(struct buf *b, const void *data, size_t len)
{
	char *to = buf_reserve(b, len);

	if (!to)
		return;
	if (len)
		memcpy(to, data, len);
	buf_grown(b, len);
}

void buf_puts(struct buf *b, const char *text)
{
	buf_put(b, text, strlen(text));
}

void buf_putc(struct buf *b, char c)
{
	buf_put(b, &c, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	char *to;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (len < 0 || !(to = buf_reserve(b, (size_t)len)))
		return;
	va_start(ap, fmt);
	vsnprintf(to, (size_t)len + 1, fmt, ap);
	va_end(ap);
	buf_grown(b, (size_t)len);
}

void buf_drop(struct buf *b, size_t len)
{
	if (len > b->len)
		len = b->len;
	if (!len)
		return;
	memmove(b->data, b->data + len, b->len - len);
	if (b->secret)
		explicit_bzero(b->data + b->len - len, len);
	b->len -= len;
	b->data[b->len] = '\0';
}

void buf_clear(struct buf *b)
{
	if (b->secret && b->data)
		explicit_bzero(b->data, b->cap);
	b->len = 0;
	if (b->data)
		b->data[0] = '\0';
}

void buf_release(struct buf *b)
{
	bool secret = b->secret;

	if (secret && b->data)
		explicit_bzero(b->data, b->cap);
	free(b->data);
	*b = (struct buf)BUF_INIT;
	b->secret = secret;
}

char *buf_steal(struct buf *b)
{
	char *data;

	buf_put(b, "", 0);
	if (b->failed) {
		buf_release(b);
		return NULL;
	}
	data = b->data;
	b->data = NULL;
	b->len = b->cap = 0;
	return data;
}

bool buf_failed(const struct buf *b)
{
	return b->failed;
}
