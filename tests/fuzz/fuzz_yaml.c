/* Any text: YAML or not. What is handed over must be well formed, and an error
 * must name the place. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "state/yaml.h"

struct checker {
	char open[DATUM_DEPTH_MAX + 1];
	size_t left[DATUM_DEPTH_MAX + 1]; /* data still to come */
	int depth;
	int key_before; /* the last datum was a key */
};

static void count(struct checker *c, const struct datum *d)
{
	int in_map = c->depth && c->open[c->depth] == 'm';

	if (d->kind == DATUM_END)
		return;
	if ((d->kind == DATUM_KEY) != (in_map && !c->key_before))
		abort();
	if (d->kind != DATUM_KEY && c->left[c->depth]-- == 0)
		abort();
	c->key_before = d->kind == DATUM_KEY;
}

static int put(void *ctx, const struct datum *d, struct err *e)
{
	struct checker *c = ctx;
	static volatile char last;

	(void)e;
	count(c, d);
	if ((d->kind == DATUM_STRING || d->kind == DATUM_KEY) && d->len)
		last = d->data[d->len - 1];
	if (d->kind == DATUM_LIST || d->kind == DATUM_MAP) {
		if (++c->depth > DATUM_DEPTH_MAX)
			abort();
		c->open[c->depth] = d->kind == DATUM_MAP ? 'm' : 'l';
		c->left[c->depth] = d->count;
	}
	if (d->kind == DATUM_END && (!c->depth || c->left[c->depth--]))
		abort();
	(void)last;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct checker c = {.left = {1}};
	struct sink sink = {put, &c};
	struct yamldoc *doc = NULL;
	struct err e = {0};
	int rc = yamldoc_parse(&doc, (const char *)data, size, "f", &e);

	if (rc == 0)
		rc = yamldoc_visit(doc, &sink, &e);
	if (rc == 0 && (c.depth || c.left[0]))
		abort();
	if (rc < 0 && strncmp(e.text, "f:", 2) != 0)
		abort();
	yamldoc_free(doc);
	return 0;
}
