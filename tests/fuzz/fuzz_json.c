/* Any text: JSON or not. What can be read is written, read again and written
 * again, and the two texts must be one. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "state/json.h"

struct writer {
	struct buf out;
	char closing[DATUM_DEPTH_MAX + 1]; /* 0 at the top */
	int depth;
	int refuse_at; /* the sink fails at that datum */
};

/* What comes before a value or a key. */
static void separate(struct writer *w, enum datum_kind kind)
{
	char last = w->out.len ? w->out.data[w->out.len - 1] : '\0';

	if (kind != DATUM_END && w->depth && !strchr("[{:", last))
		buf_putc(&w->out, ',');
}

static int put(void *ctx, const struct datum *d, struct err *e)
{
	struct writer *w = ctx;

	if (--w->refuse_at == 0)
		return err_set(e, ERR_USAGE, "enough");
	separate(w, d->kind);
	switch (d->kind) {
	case DATUM_NULL:
		buf_puts(&w->out, "null");
		break;
	case DATUM_FALSE:
		buf_puts(&w->out, "false");
		break;
	case DATUM_TRUE:
		buf_puts(&w->out, "true");
		break;
	case DATUM_INTEGER:
		jsonput_integer(&w->out, d->integer);
		break;
	case DATUM_NUMBER:
		if (!jsonput_number(&w->out, d->number))
			abort();
		break;
	case DATUM_STRING:
	case DATUM_KEY:
		jsonput_string(&w->out, d->data, d->len, d->kind == DATUM_KEY);
		if (d->kind == DATUM_KEY)
			buf_putc(&w->out, ':');
		break;
	case DATUM_LIST:
	case DATUM_MAP:
		if (w->depth == DATUM_DEPTH_MAX)
			abort();
		w->closing[++w->depth] = d->kind == DATUM_LIST ? ']' : '}';
		buf_putc(&w->out, d->kind == DATUM_LIST ? '[' : '{');
		break;
	case DATUM_END:
		buf_putc(&w->out, w->closing[w->depth--]);
		break;
	}
	return 0;
}

/* Reads `text` into `w`; 0 where it is no JSON. */
static int rewrite(struct writer *w, const char *text, size_t len)
{
	struct jsondoc *doc = NULL;
	struct sink sink = {put, w};
	struct err e = {0};
	int rc = jsondoc_parse(&doc, text, len, &e);

	if (rc == 0)
		rc = jsondoc_visit(doc, &sink, &e);
	if (rc < 0 && !*e.text)
		abort();
	jsondoc_free(doc);
	return rc == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct writer one = {0}, two = {0}, cut = {.refuse_at = 3};

	rewrite(&cut, (const char *)data, size);
	if (rewrite(&one, (const char *)data, size)) {
		if (!rewrite(&two, one.out.data, one.out.len) ||
		    one.out.len != two.out.len ||
		    memcmp(one.out.data, two.out.data, one.out.len))
			abort();
	}
	buf_release(&one.out);
	buf_release(&two.out);
	buf_release(&cut.out);
	return 0;
}
