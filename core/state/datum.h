/* How a reader hands over what it reads, whatever the language: one datum
 * after the other, in the order of the text.
 *
 *     {"a": [1, true]}  ->  MAP  KEY a  LIST  INTEGER 1  TRUE  END  END
 *
 * The readers (json.h, yaml.h) know no Lua; the script part builds Lua values
 * out of the data. */
#ifndef NEAP_STATE_DATUM_H
#define NEAP_STATE_DATUM_H

#include <stddef.h>

#include "base/err.h"

/* How deep values may lie in each other, and how large a text may be. */
enum { DATUM_DEPTH_MAX = 100, DATUM_TEXT_MAX_BYTES = 64 * 1024 * 1024 };

enum datum_kind {
	DATUM_NULL,
	DATUM_FALSE,
	DATUM_TRUE,
	DATUM_INTEGER,
	DATUM_NUMBER,
	DATUM_STRING,
	DATUM_LIST, /* `count` data follow, then END */
	DATUM_MAP,  /* `count` times KEY and datum follow, then END */
	DATUM_KEY,
	DATUM_END,
};

struct datum {
	enum datum_kind kind;
	long long integer;
	double number;
	const char *data; /* STRING, KEY: `len` bytes, borrowed for the call */
	size_t len;
	size_t count; /* LIST, MAP: how many */
};

/* Who takes the data. `put` returns 0 or a negative err_code, which ends the
 * visit and is what the visit returns. It may also leave by longjmp: a
 * visit keeps nothing on the stack that needs to be given back. */
struct sink {
	int (*put)(void *ctx, const struct datum *d, struct err *e);
	void *ctx;
};

#endif
