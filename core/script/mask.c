/* Finding secrets in text: see mask.h. */
#include "mask.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/digest.h"
#include "state/json.h"

enum {
	HASH_BITS = 15,
	BUCKETS = 1 << HASH_BITS,
	LINE_MIN_BYTES = 16,	     /* a line that is looked for by itself */
	FORM_MIN_BYTES = 6,	     /* what an encoding must at least fix */
	FORMS_MAX_BYTES = 64 * 1024, /* larger values: only as they are */
};

struct pattern {
	char *bytes;
	size_t len;
	const char *name; /* borrowed from names */
	uint32_t next;	  /* in the same bucket; 0 is the end */
	bool whole;	  /* a value with all its forms, no form or line */
};

struct mask {
	struct pattern *patterns; /* [0] is not used */
	size_t n, cap;
	char **names;
	size_t names_n;
	uint64_t bits[BUCKETS / 64];
	uint32_t heads[BUCKETS];
};

struct mask *mask_new(void)
{
	struct mask *m = calloc(1, sizeof(*m));

	if (m)
		m->n = 1;
	return m;
}

void mask_free(struct mask *m)
{
	if (!m)
		return;
	for (size_t i = 1; i < m->n; i++) {
		explicit_bzero(m->patterns[i].bytes, m->patterns[i].len);
		free(m->patterns[i].bytes);
	}
	for (size_t i = 0; i < m->names_n; i++)
		free(m->names[i]);
	free(m->names);
	free(m->patterns);
	free(m);
}

static inline uint32_t hash(const char *s)
{
	uint32_t v;

	memcpy(&v, s, sizeof(v));
	return (v * 2654435761u) >> (32 - HASH_BITS);
}

static inline bool bit_is_set(const struct mask *m, uint32_t h)
{
	return m->bits[h >> 6] >> (h & 63) & 1;
}

/* The longest pattern that `text` starts with; NULL for none. */
static const struct pattern *match(
    const struct mask *m, const char *text, size_t len)
{
	const struct pattern *best = NULL;
	uint32_t h = hash(text);

	if (!bit_is_set(m, h))
		return NULL;
	for (uint32_t i = m->heads[h]; i; i = m->patterns[i].next) {
		const struct pattern *p = &m->patterns[i];

		if (p->len <= len && (!best || p->len > best->len) &&
		    !memcmp(p->bytes, text, p->len))
			best = p;
	}
	return best;
}

static struct pattern *find_equal(
    const struct mask *m, const char *value, size_t len)
{
	uint32_t i = m->heads[hash(value)];

	while (i && (m->patterns[i].len != len ||
			memcmp(m->patterns[i].bytes, value, len)))
		i = m->patterns[i].next;
	return i ? &m->patterns[i] : NULL;
}

const char *mask_name(struct mask *m, const char *name)
{
	char **names;

	for (size_t i = 0; i < m->names_n; i++)
		if (!strcmp(m->names[i], name))
			return m->names[i];
	names = reallocarray(m->names, m->names_n + 1, sizeof(*names));
	if (!names)
		return NULL;
	m->names = names;
	if (!(names[m->names_n] = strdup(name)))
		return NULL;
	return names[m->names_n++];
}

static bool add_pattern(
    struct mask *m, const char *name, const char *value, size_t len)
{
	struct pattern *p;
	uint32_t h;

	if (len < MASK_MIN_BYTES || find_equal(m, value, len))
		return true;
	if (m->n >= m->cap) {
		size_t cap = m->cap ? 2 * m->cap : 64;

		p = reallocarray(m->patterns, cap, sizeof(*p));
		if (!p)
			return false;
		m->patterns = p;
		m->cap = cap;
	}
	p = &m->patterns[m->n];
	if (!(p->bytes = malloc(len)))
		return false;
	memcpy(p->bytes, value, len);
	p->len = len;
	p->name = name;
	p->whole = false;
	h = hash(value);
	p->next = m->heads[h];
	m->heads[h] = (uint32_t)m->n++;
	m->bits[h >> 6] |= UINT64_C(1) << (h & 63);
	return true;
}

/* What base64 of any text that holds the value must hold: the characters that
 * come from its bits alone, after `shift` foreign bytes. */
static bool add_base64(struct mask *m, const char *name, const char *value,
    size_t len, size_t shift, enum base64_form form)
{
	struct buf in = BUF_INIT, out = BUF_INIT;
	size_t first = shift ? shift + 1 : 0;
	size_t last = (shift + len) * 8 / 6; /* whole characters */
	bool ok = true;

	in.secret = out.secret = true;
	buf_put(&in, "\0\0", shift);
	buf_put(&in, value, len);
	if (!buf_failed(&in))
		base64_put(&out, in.data, in.len, form);
	if (buf_failed(&in) || buf_failed(&out))
		ok = false;
	else if (last >= first + FORM_MIN_BYTES)
		ok = add_pattern(m, name, out.data + first, last - first);
	buf_release(&in);
	buf_release(&out);
	return ok;
}

typedef void form_fn(struct buf *to, const char *value, size_t len);

static void put_digits(struct buf *to, char c, const char *digits)
{
	buf_putc(to, digits[(unsigned char)c >> 4]);
	buf_putc(to, digits[(unsigned char)c & 15]);
}

static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";

static void put_hex(struct buf *to, const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		put_digits(to, value[i], lower);
}

static void put_hex_upper(struct buf *to, const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		put_digits(to, value[i], upper);
}

static bool is_unreserved(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       (c >= 'a' && c <= 'z') || (c && strchr("-._~", c));
}

static void put_percent(
    struct buf *to, const char *value, size_t len, const char *digits)
{
	for (size_t i = 0; i < len; i++) {
		if (is_unreserved(value[i])) {
			buf_putc(to, value[i]);
			continue;
		}
		buf_putc(to, '%');
		put_digits(to, value[i], digits);
	}
}

static void put_url(struct buf *to, const char *value, size_t len)
{
	put_percent(to, value, len, upper);
}

static void put_url_lower(struct buf *to, const char *value, size_t len)
{
	put_percent(to, value, len, lower);
}

static void put_form(struct buf *to, const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (value[i] == ' ')
			buf_putc(to, '+');
		else
			put_url(to, value + i, 1);
}

static void put_shell(struct buf *to, const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (value[i] == '\'')
			buf_puts(to, "'\\''");
		else
			buf_putc(to, value[i]);
}

/* Text between double quotes, as of the shell, C and JSON's short escapes. */
static void put_quoted(struct buf *to, const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (value[i] && strchr("\"\\$`", value[i]))
			buf_putc(to, '\\');
		buf_putc(to, value[i]);
	}
}

static void put_json(struct buf *to, const char *value, size_t len)
{
	struct buf whole = BUF_INIT;

	whole.secret = true;
	jsonput_string(&whole, value, len, false);
	if (buf_failed(&whole))
		to->failed = true;
	else
		buf_put(to, whole.data + 1, whole.len - 2);
	buf_release(&whole);
}

static bool add_forms(
    struct mask *m, const char *name, const char *value, size_t len)
{
	static form_fn *const forms[] = {put_hex, put_hex_upper, put_url,
	    put_url_lower, put_form, put_shell, put_quoted, put_json};
	struct buf b = BUF_INIT;
	bool ok = true;

	b.secret = true;
	for (size_t i = 0; ok && i < sizeof(forms) / sizeof(forms[0]); i++) {
		buf_clear(&b);
		forms[i](&b, value, len);
		ok = !buf_failed(&b) && add_pattern(m, name, b.data, b.len);
	}
	for (size_t shift = 0; ok && shift < 3; shift++)
		ok = add_base64(m, name, value, len, shift, BASE64_PLAIN) &&
		     add_base64(m, name, value, len, shift, BASE64_URL);
	buf_release(&b);
	return ok;
}

static bool add_lines(
    struct mask *m, const char *name, const char *value, size_t len)
{
	const char *end = value + len, *eol;
	bool ok = true;

	while (ok && (eol = memchr(value, '\n', (size_t)(end - value)))) {
		const char *stop = eol;

		if (stop > value && stop[-1] == '\r')
			stop--;
		if (stop - value >= LINE_MIN_BYTES)
			ok =
			    add_pattern(m, name, value, (size_t)(stop - value));
		value = eol + 1;
	}
	if (ok && end - value >= LINE_MIN_BYTES)
		ok = add_pattern(m, name, value, (size_t)(end - value));
	return ok;
}

const char *mask_add(
    struct mask *m, const char *name, const char *value, size_t len)
{
	const char *kept = mask_name(m, name);
	struct pattern *p;

	if (!kept || len < MASK_MIN_BYTES)
		return kept;
	if ((p = find_equal(m, value, len)) && p->whole)
		return kept;
	if (!add_pattern(m, kept, value, len))
		return NULL;
	if (len <= FORMS_MAX_BYTES && (!add_forms(m, kept, value, len) ||
					  !add_lines(m, kept, value, len)))
		return NULL;
	find_equal(m, value, len)->whole = true;
	return kept;
}

/* Where the run of overlapping patterns that begins with `p` at `at` ends. */
static size_t end_of_run(const struct mask *m, const struct pattern *p,
    const char *text, size_t len, size_t at)
{
	size_t end = at + p->len;

	for (size_t i = at + 1; i < end && i + MASK_MIN_BYTES <= len; i++) {
		const struct pattern *q = match(m, text + i, len - i);

		if (q && i + q->len > end)
			end = i + q->len;
	}
	return end;
}

size_t mask_apply(
    const struct mask *m, const char *text, size_t len, struct buf *to)
{
	size_t from = 0, count = 0;

	for (size_t i = 0; m->n > 1 && i + MASK_MIN_BYTES <= len;) {
		const struct pattern *p = match(m, text + i, len - i);

		if (!p) {
			i++;
			continue;
		}
		buf_put(to, text + from, i - from);
		buf_printf(to, "<secret:%s>", p->name);
		from = i = end_of_run(m, p, text, len, i);
		count++;
	}
	buf_put(to, text + from, len - from);
	return count;
}
