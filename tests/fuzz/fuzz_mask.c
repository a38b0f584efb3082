/* Secrets and a text, cut from one input at its newlines: the first four lines
 * are secrets. Afterwards no secret may be left in the text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "script/mask.h"

enum { SECRETS = 4 };

struct piece {
	const char *data;
	size_t len;
};

static struct piece cut(const char **at, const char *end)
{
	const char *eol = memchr(*at, '\n', (size_t)(end - *at));
	struct piece p = {*at, (size_t)((eol ? eol : end) - *at)};

	*at = eol ? eol + 1 : end;
	return p;
}

/* What masking writes may itself look like a secret; only what lies between
 * is of interest. */
static void check_clean(
    const struct piece *secret, const char *text, size_t len)
{
	static const char mark[] = "<secret:n>";
	const char *end = text + len, *next;

	while (text < end) {
		next =
		    memmem(text, (size_t)(end - text), mark, sizeof(mark) - 1);
		if (!next)
			next = end;
		if (memmem(
			text, (size_t)(next - text), secret->data, secret->len))
			abort();
		text = next + (next < end ? sizeof(mark) - 1 : 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data, *end = at + size;
	struct piece secrets[SECRETS];
	struct mask *m = mask_new();
	struct buf out = BUF_INIT;

	if (!m || size == 0)
		goto out;
	for (int i = 0; i < SECRETS; i++) {
		secrets[i] = cut(&at, end);
		if (!mask_add(m, "n", secrets[i].data, secrets[i].len))
			abort();
	}
	mask_apply(m, at, (size_t)(end - at), &out);
	for (int i = 0; i < SECRETS; i++)
		if (secrets[i].len >= MASK_MIN_BYTES && out.len)
			check_clean(&secrets[i], out.data, out.len);
out:
	buf_release(&out);
	mask_free(m);
	return 0;
}
