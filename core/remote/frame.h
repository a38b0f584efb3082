/* Where the output of one request ends and the next begins.
 *
 *	OUTPUT \n NONCE SP ID SP STATUS \n OUTPUT \n NONCE ...     stdout
 *	OUTPUT \n NONCE SP ID \n OUTPUT \n NONCE ...               stderr
 *	ANYTHING \n NONCE SP READY \n ...                          both, first
 *
 * The nonce is 128 random bits that no command on the host gets to see, and
 * other ones for each request, so that no output can look like an end, not
 * even to whoever has seen earlier ones. */
#ifndef NEAP_REMOTE_FRAME_H
#define NEAP_REMOTE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum { FRAME_NONCE_LEN = 32 };

/* One of the two streams. */
struct frames {
	char mark[FRAME_NONCE_LEN + 2]; /* "\n" NONCE " " */
	size_t scanned;			/* bytes of `body` without a mark */
	size_t seen;			/* bytes of this output so far */
	struct buf body;		/* the output so far */
	size_t limit;			/* most bytes to keep of it */
	bool cut; /* it was longer: only its tail is kept */
};

struct frame_end {
	bool ready; /* the loop stands; no request ended */
	uint32_t id;
	int status; /* -1 where the stream tells none */
};

/* `nonce` is FRAME_NONCE_LEN characters. */
void frames_init(struct frames *f, const char *nonce, size_t limit);
void frames_release(struct frames *f);

/* Takes `len` bytes of the stream, or fewer where an output ends among them;
 * *used says how many. Returns 1 when one has ended (it is in `body`, which
 * the caller empties with frames_next() before it goes on), 0 when it has not
 * yet, ERR_PROTOCOL after a malformed end, or ERR_NOMEM. */
int frames_feed(struct frames *f, const char *data, size_t len, size_t *used,
    struct frame_end *end, struct err *e);

/* Begins the next output, of which at most `limit` bytes are kept. */
void frames_next(struct frames *f, size_t limit);

/* What ends from now on has this nonce. Not in the midst of an output. */
void frames_expect(struct frames *f, const char *nonce);

#endif
