/* A growing run of bytes.
 *
 * `data` always ends in a NUL that `len` does not count, so that text can be
 * handed to C functions. An allocation that fails is remembered: later calls
 * do nothing, and the caller asks once, at the end, with buf_failed(). */
#ifndef NEAP_BASE_BUF_H
#define NEAP_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *data;  /* len bytes and a NUL; never NULL after an append */
	size_t len;  /* bytes in use */
	size_t cap;  /* bytes allocated */
	bool failed; /* an allocation failed */
	bool secret; /* wipe memory whenever it is given back */
};

#define BUF_INIT                                                               \
	{                                                                      \
		NULL, 0, 0, false, false                                       \
	}

/* Appends `len` bytes, a C string, one byte, or printf's output. */
void buf_put(struct buf *b, const void *data, size_t len);
void buf_puts(struct buf *b, const char *text);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Room for `len` more bytes at data + len, or NULL; count what was written
 * with buf_grown(). */
char *buf_reserve(struct buf *b, size_t len);
void buf_grown(struct buf *b, size_t len);

/* Takes `len` bytes away at the front (at most what is there). */
void buf_drop(struct buf *b, size_t len);

/* Empties the buffer, keeping its memory (wiped where it is secret). */
void buf_clear(struct buf *b);

/* Gives the memory back; the buffer is then as BUF_INIT, but stays secret. */
void buf_release(struct buf *b);

/* The bytes as a malloc'd string, the caller's; the buffer is then empty.
 * NULL if an allocation failed. */
char *buf_steal(struct buf *b);

/* Whether an allocation has failed since BUF_INIT. */
bool buf_failed(const struct buf *b);

#endif
