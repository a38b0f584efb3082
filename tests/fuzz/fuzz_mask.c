/* Secrets and a text, cut from one input at its NULs: the first four pieces
 * are secrets. To the text come the forms in which hosts print secrets: one
 * line of it, hexadecimal, base64 behind none to two other bytes. Afterwards no
 * secret may be left in the text, and none of these; and of secrets that
 * overlap there, not a byte. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "crypto/digest.h"
#include "script/mask.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SECRETS = 4, LINE_MIN_BYTES = 16, BASE64_MIN_BYTES = 8 };

static const char mark[] = "<secret:n>";

struct piece {
	const char *data;
	size_t len;
};

/* A secret, and where its forms stand in the text. */
struct secret {
	struct piece value;
	size_t line_at, line_len, hex_at, hex_len, base64_at, base64_len;
};

static struct piece cut(const char **at, const char *end)
{
	const char *nul = memchr(*at, '\0', (size_t)(end - *at));
	struct piece p = {*at, (size_t)((nul ? nul : end) - *at)};

	*at = nul ? nul + 1 : end;
	return p;
}

/* What masking writes may itself look like a secret; only what lies between
 * is of interest. */
static void check_clean(
    const char *secret, size_t secret_len, const struct buf *out)
{
	const char *text = out->data, *end = text + out->len, *next;

	while (secret_len && text < end) {
		next =
		    memmem(text, (size_t)(end - text), mark, sizeof(mark) - 1);
		if (!next)
			next = end;
		if (memmem(text, (size_t)(next - text), secret, secret_len))
			abort();
		text = next + (next < end ? sizeof(mark) - 1 : 0);
	}
}

/* Appends the forms of a secret, those that are long enough to be known. */
static void put_forms(struct buf *text, struct secret *s, size_t shift)
{
	const char *value = s->value.data;
	size_t len = s->value.len;
	const char *eol = memchr(value, '\n', len);
	struct buf in = BUF_INIT;

	buf_putc(text, '\n');
	s->line_at = text->len;
	s->line_len = eol ? (size_t)(eol - value) : len;
	if (eol && s->line_len && value[s->line_len - 1] == '\r')
		s->line_len--;
	if (s->line_len < LINE_MIN_BYTES)
		s->line_len = 0;
	buf_put(text, value, s->line_len);
	buf_putc(text, '\n');
	s->hex_at = text->len;
	for (size_t i = 0; i < len; i++)
		buf_printf(text, "%02x", (unsigned char)value[i]);
	s->hex_len = text->len - s->hex_at;
	buf_putc(text, '\n');
	if (len < BASE64_MIN_BYTES)
		return;
	buf_put(&in, "xy", shift);
	buf_put(&in, value, len);
	s->base64_at = text->len + (shift ? shift + 1 : 0);
	s->base64_len = (shift + len) * 8 / 6 - (shift ? shift + 1 : 0);
	base64_put(text, in.data, in.len, BASE64_PLAIN);
	buf_release(&in);
}

static void check_secret(
    const struct secret *s, const struct buf *text, const struct buf *out)
{
	check_clean(s->value.data, s->value.len, out);
	check_clean(text->data + s->line_at, s->line_len, out);
	check_clean(text->data + s->hex_at, s->hex_len, out);
	check_clean(text->data + s->base64_at, s->base64_len, out);
}

/* How many bytes of the text are part of a secret. */
static size_t count_secret(
    const struct secret *secrets, const char *text, size_t len)
{
	char *is_secret = calloc(1, len + 1);
	size_t n = 0;

	if (!is_secret)
		abort();
	for (int i = 0; i < SECRETS; i++) {
		const struct piece *v = &secrets[i].value;
		const char *at = text, *end = text + len;

		while (v->len >= MASK_MIN_BYTES &&
		       (at = memmem(at, (size_t)(end - at), v->data, v->len)))
			memset(is_secret + (at++ - text), 1, v->len);
	}
	for (size_t i = 0; i < len; i++)
		n += is_secret[i] != 0;
	free(is_secret);
	return n;
}

/* Before the forms come to it, which are masked too. */
static void check_rest(const struct mask *m, const struct secret *secrets,
    const char *text, size_t len)
{
	struct buf out = BUF_INIT;
	size_t marks = mask_apply(m, text, len, &out);

	if (out.len - marks * (sizeof(mark) - 1) >
	    len - count_secret(secrets, text, len))
		abort();
	buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data, *end = at + size;
	struct secret secrets[SECRETS] = {0};
	struct mask *m = mask_new();
	struct buf text = BUF_INIT, out = BUF_INIT;

	if (!m || size == 0)
		goto out;
	for (int i = 0; i < SECRETS; i++) {
		secrets[i].value = cut(&at, end);
		if (!mask_add(
			m, "n", secrets[i].value.data, secrets[i].value.len))
			abort();
	}
	check_rest(m, secrets, at, (size_t)(end - at));
	buf_put(&text, at, (size_t)(end - at));
	for (size_t i = 0; i < SECRETS; i++)
		if (secrets[i].value.len >= MASK_MIN_BYTES)
			put_forms(&text, &secrets[i], i % 3);
	if (text.len)
		mask_apply(m, text.data, text.len, &out);
	for (int i = 0; i < SECRETS; i++)
		if (secrets[i].value.len >= MASK_MIN_BYTES)
			check_secret(&secrets[i], &text, &out);
out:
	buf_release(&text);
	buf_release(&out);
	mask_free(m);
	return 0;
}
