/* JSON: see json.h. Reading is jansson's; writing is ours, so that the form
 * of a float and of a foreign byte is what the header says. */
#include "json.h"

#include <jansson.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

/* The first of the 256 characters that stand for foreign bytes. */
enum { FOREIGN = 0x10ff00 };

struct jsondoc {
	json_t *root;
	struct buf scratch; /* a string with its foreign bytes back in place */
};

/* Where memory runs out in the midst of a token, jansson says that the token
 * is invalid: so it is noted here. */
static bool starved;

static void *allocate(size_t n)
{
	void *p = malloc(n);

	starved = starved || !p;
	return p;
}

int jsondoc_parse(
    struct jsondoc **out, const char *text, size_t len, struct err *e)
{
	struct jsondoc *doc;
	json_error_t je;

	if (len > DATUM_TEXT_MAX_BYTES)
		return err_set(
		    e, ERR_LIMIT, "JSON of %zu bytes is too large", len);
	if (!(doc = calloc(1, sizeof(*doc))))
		return err_set(e, ERR_NOMEM, "out of memory");
	starved = false;
	json_set_alloc_funcs(allocate, free);
	doc->root = json_loadb(text, len,
	    JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &je);
	if (!doc->root) {
		free(doc);
		if (starved)
			return err_set(e, ERR_NOMEM, "out of memory");
		return err_set(e, ERR_PARSE, "line %d, column %d: %s", je.line,
		    je.column, je.text);
	}
	*out = doc;
	return 0;
}

void jsondoc_free(struct jsondoc *doc)
{
	if (!doc)
		return;
	json_decref(doc->root);
	buf_release(&doc->scratch);
	free(doc);
}

/* A string as jansson has it, which is UTF-8, to the bytes it stands for. A
 * foreign byte is F4 8F BC..BF and one more. */
static int put_bytes(struct jsondoc *doc, const struct sink *sink,
    enum datum_kind kind, const char *s, size_t len, struct err *e)
{
	struct datum d = {.kind = kind, .data = s, .len = len};
	const char *end = s + len, *from = s, *at;

	buf_clear(&doc->scratch);
	while ((at = memchr(from, 0xf4, (size_t)(end - from)))) {
		uint32_t cp = 0;
		size_t n = utf8_next(at, (size_t)(end - at), &cp);

		if (cp < FOREIGN)
			n = n ? n : 1;
		buf_put(&doc->scratch, from, (size_t)(at - from));
		if (cp >= FOREIGN)
			buf_putc(&doc->scratch, (char)(cp - FOREIGN));
		else
			buf_put(&doc->scratch, at, n);
		from = at + n;
	}
	if (from != s) {
		buf_put(&doc->scratch, from, (size_t)(end - from));
		if (buf_failed(&doc->scratch))
			return err_set(e, ERR_NOMEM, "out of memory");
		d.data = doc->scratch.data;
		d.len = doc->scratch.len;
	}
	return sink->put(sink->ctx, &d, e);
}

static int visit(struct jsondoc *doc, json_t *v, int depth,
    const struct sink *sink, struct err *e);

static int visit_list(struct jsondoc *doc, json_t *list, int depth,
    const struct sink *sink, struct err *e)
{
	struct datum d = {.kind = DATUM_LIST, .count = json_array_size(list)};
	int rc = sink->put(sink->ctx, &d, e);

	for (size_t i = 0; rc == 0 && i < d.count; i++)
		rc = visit(doc, json_array_get(list, i), depth + 1, sink, e);
	if (rc == 0)
		rc =
		    sink->put(sink->ctx, &(struct datum){.kind = DATUM_END}, e);
	return rc;
}

static int visit_map(struct jsondoc *doc, json_t *map, int depth,
    const struct sink *sink, struct err *e)
{
	struct datum d = {.kind = DATUM_MAP, .count = json_object_size(map)};
	int rc = sink->put(sink->ctx, &d, e);

	for (void *it = json_object_iter(map); rc == 0 && it;
	     it = json_object_iter_next(map, it)) {
		const char *key = json_object_iter_key(it);

		rc = put_bytes(doc, sink, DATUM_KEY, key, strlen(key), e);
		if (rc == 0)
			rc = visit(doc, json_object_iter_value(it), depth + 1,
			    sink, e);
	}
	if (rc == 0)
		rc =
		    sink->put(sink->ctx, &(struct datum){.kind = DATUM_END}, e);
	return rc;
}

static int visit(struct jsondoc *doc, json_t *v, int depth,
    const struct sink *sink, struct err *e)
{
	struct datum d = {.kind = DATUM_NULL};

	if (depth == DATUM_DEPTH_MAX && (json_is_object(v) || json_is_array(v)))
		return err_set(e, ERR_LIMIT, "JSON is deeper than %d levels",
		    DATUM_DEPTH_MAX);
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return visit_map(doc, v, depth, sink, e);
	case JSON_ARRAY:
		return visit_list(doc, v, depth, sink, e);
	case JSON_STRING:
		return put_bytes(doc, sink, DATUM_STRING, json_string_value(v),
		    json_string_length(v), e);
	case JSON_INTEGER:
		d.kind = DATUM_INTEGER;
		d.integer = json_integer_value(v);
		break;
	case JSON_REAL:
		d.kind = DATUM_NUMBER;
		d.number = json_real_value(v);
		break;
	case JSON_TRUE:
		d.kind = DATUM_TRUE;
		break;
	case JSON_FALSE:
		d.kind = DATUM_FALSE;
		break;
	case JSON_NULL:
		break;
	}
	return sink->put(sink->ctx, &d, e);
}

int jsondoc_visit(struct jsondoc *doc, const struct sink *sink, struct err *e)
{
	return visit(doc, doc->root, 0, sink, e);
}

static void put_control(struct buf *to, unsigned char c)
{
	static const char letters[] = {['\b'] = 'b',
	    ['\t'] = 't',
	    ['\n'] = 'n',
	    ['\f'] = 'f',
	    ['\r'] = 'r'};

	if (c < sizeof(letters) && letters[c])
		buf_printf(to, "\\%c", letters[c]);
	else
		buf_printf(to, "\\u%04x", c);
}

/* Appends one character, or one byte that is part of none, and returns how
 * many bytes it took. */
static size_t put_char(struct buf *to, const char *s, size_t len, bool key)
{
	uint32_t cp = 0;
	size_t n = utf8_next(s, len, &cp);

	if (n == 0 || cp >= FOREIGN || (key && cp == 0)) {
		buf_printf(to, "\\udbff\\udf%02x", (unsigned char)s[0]);
		return 1;
	}
	if (cp < 0x20 || cp == 0x7f)
		put_control(to, (unsigned char)cp);
	else
		buf_put(to, s, n);
	return n;
}

void jsonput_string(struct buf *to, const char *s, size_t len, bool key)
{
	size_t i = 0;

	buf_putc(to, '"');
	while (i < len) {
		size_t from = i;

		while (i < len && (unsigned char)s[i] >= 0x20 &&
		       (unsigned char)s[i] < 0x7f && s[i] != '"' &&
		       s[i] != '\\')
			i++;
		buf_put(to, s + from, i - from);
		if (i < len && (s[i] == '"' || s[i] == '\\'))
			buf_printf(to, "\\%c", s[i++]);
		else if (i < len)
			i += put_char(to, s + i, len - i, key);
	}
	buf_putc(to, '"');
}

void jsonput_integer(struct buf *to, long long i)
{
	buf_printf(to, "%lld", i);
}

bool jsonput_number(struct buf *to, double n)
{
	char text[40];

	if (!isfinite(n))
		return false;
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, n);
		if (strtod(text, NULL) == n)
			break;
	}
	buf_puts(to, text);
	if (!strpbrk(text, ".e"))
		buf_puts(to, ".0");
	return true;
}
