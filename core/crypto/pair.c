/* Pairs of keys: see pair.h. */
#include "pair.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "digest.h"
#include "key_part.h"

#define PAIR_HEAD "neap-pair-1:"
#define PUBLIC_HEAD "neap-pub-1:"
#define BOX_HEAD "neap-box-1:"
#define VARIANT sodium_base64_VARIANT_ORIGINAL

enum {
	FILE_MAX_BYTES = 4096,
	BASE64_LEN = 44, /* of 32 bytes */
};

struct pair {
	unsigned char secret[crypto_box_SECRETKEYBYTES];
	unsigned char public[crypto_box_PUBLICKEYBYTES];
};

/* NULL in `out` where it fails. */
static int pair_alloc(struct pair **out, struct err *e)
{
	*out = NULL;
	if (sodium_init() < 0)
		return err_set(e, ERR_CRYPTO, "no source of random bytes");
	if (!(*out = sodium_malloc(sizeof(**out))))
		return err_set(e, ERR_NOMEM, "no memory for a key");
	return 0;
}

int pair_new(struct pair **out, struct err *e)
{
	int rc = pair_alloc(out, e);

	if (*out)
		crypto_box_keypair((*out)->public, (*out)->secret);
	return rc;
}

void pair_free(struct pair *p)
{
	sodium_free(p);
}

/* `head` and 32 bytes of base64 at the beginning of a line. */
static bool take(
    unsigned char out[32], const char *head, const char *text, size_t len)
{
	size_t head_len = strlen(head), n = 0;

	return len >= head_len + BASE64_LEN && !memcmp(text, head, head_len) &&
	       !sodium_base642bin(out, 32, text + head_len, BASE64_LEN, NULL,
		   &n, NULL, VARIANT) &&
	       n == 32;
}

int pair_parse(struct pair **out, const char *what, const char *text,
    size_t len, struct err *e)
{
	const char *end = text + len, *next;
	struct pair *p;
	int rc = pair_alloc(&p, e);

	if (!p)
		return rc;
	for (; text < end; text = next) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));

		next = newline ? newline + 1 : end;
		if (!take(p->secret, PAIR_HEAD, text, (size_t)(next - text)))
			continue;
		crypto_scalarmult_base(p->public, p->secret);
		*out = p;
		return 0;
	}
	pair_free(p);
	return err_set(e, ERR_PARSE,
	    "%s holds no key of neap: make one with 'neap secret keygen'",
	    what);
}

int pair_load(struct pair **out, const char *path, struct err *e)
{
	char text[FILE_MAX_BYTES], what[300];
	size_t len;
	int rc = key_read_file(text, sizeof(text), &len, path, e);

	snprintf(what, sizeof(what), "'%s'", path);
	if (rc == 0)
		rc = pair_parse(out, what, text, len, e);
	sodium_memzero(text, sizeof(text));
	return rc;
}

static void write_text(struct buf *to, const struct pair *p)
{
	buf_puts(to, "# A key of neap: whoever has it can read the secrets.\n"
		     "# public: ");
	pair_put_public(to, p);
	buf_puts(to, "\n" PAIR_HEAD);
	base64_put(to, p->secret, sizeof(p->secret), BASE64_PLAIN);
	buf_putc(to, '\n');
}

int pair_save(const struct pair *p, const char *path, struct err *e)
{
	struct buf text = {.secret = true};
	int fd, errnum, rc = 0;

	write_text(&text, p);
	if (buf_failed(&text)) {
		buf_release(&text);
		return err_set(e, ERR_NOMEM, "out of memory");
	}
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	errnum = fd < 0 ? errno : key_write_file(fd, text.data, text.len);
	if (fd < 0 && errnum == EEXIST)
		rc = err_set(e, ERR_CONFLICT,
		    "there is a key '%s' already: it is not written over",
		    path);
	else if (errnum)
		rc = err_sys(e, errnum, "cannot write key '%s'", path);
	if (fd >= 0)
		close(fd);
	if (fd >= 0 && errnum)
		unlink(path); /* half a key would be in the next one's way */
	buf_release(&text);
	return rc;
}

void pair_put_public(struct buf *to, const struct pair *p)
{
	buf_puts(to, PUBLIC_HEAD);
	base64_put(to, p->public, sizeof(p->public), BASE64_PLAIN);
}

int pair_box(struct buf *to, const char *public_text, const char *plain,
    size_t len, struct err *e)
{
	size_t sealed_len = len + crypto_box_SEALBYTES;
	unsigned char public[32], *sealed;
	size_t text_len = strlen(public_text);

	if (sodium_init() < 0)
		return err_set(e, ERR_CRYPTO, "no source of random bytes");
	if (text_len != strlen(PUBLIC_HEAD) + BASE64_LEN ||
	    !take(public, PUBLIC_HEAD, public_text, text_len))
		return err_set(e, ERR_PARSE,
		    "'%.100s' is no public key of neap (" PUBLIC_HEAD "...)",
		    public_text);
	if (!(sealed = malloc(sealed_len)))
		return err_set(e, ERR_NOMEM, "out of memory");
	if (crypto_box_seal(sealed, (const unsigned char *)plain, len, public) <
	    0) {
		free(sealed);
		return err_set(e, ERR_PARSE,
		    "'%.100s' is a public key that hides nothing", public_text);
	}
	buf_puts(to, BOX_HEAD);
	base64_put(to, sealed, sealed_len, BASE64_PLAIN);
	free(sealed);
	return buf_failed(to) ? err_set(e, ERR_NOMEM, "out of memory") : 0;
}

int pair_open(
    struct buf *to, const struct pair *p, const char *text, struct err *e)
{
	const size_t head_len = strlen(BOX_HEAD);
	size_t text_len = strlen(text), n = 0;
	struct buf raw = BUF_INIT;
	unsigned char *plain;
	char *sealed;
	int rc = 0;

	sealed = buf_reserve(&raw, text_len + 1);
	plain = (unsigned char *)buf_reserve(to, text_len + 1);
	if (!sealed || !plain)
		rc = err_set(e, ERR_NOMEM, "out of memory");
	else if (text_len < head_len || memcmp(text, BOX_HEAD, head_len) ||
		 sodium_base642bin((unsigned char *)sealed, text_len,
		     text + head_len, text_len - head_len, NULL, &n, NULL,
		     VARIANT) ||
		 n < crypto_box_SEALBYTES)
		rc = err_set(e, ERR_PARSE, "this is no box of neap");
	else if (crypto_box_seal_open(plain, (unsigned char *)sealed, n,
		     p->public, p->secret) < 0)
		rc = err_set(e, ERR_CRYPTO,
		    "the box does not open: it is for another key, or it was "
		    "altered");
	else
		buf_grown(to, n - crypto_box_SEALBYTES);
	buf_release(&raw);
	return rc;
}
