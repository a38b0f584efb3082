/* Sealing: see seal.h. */
#include "seal.h"

#include <assert.h>
#include <sodium.h>
#include <stdint.h>
#include <string.h>

#include "digest.h"
#include "key_part.h"

#define HEAD "neap-sealed-1:"

enum {
	HEAD_LEN = sizeof(HEAD) - 1,
	NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
	TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES,
};

static void make_nonce(unsigned char nonce[NONCE], const struct key *key,
    const char *plain, size_t len, const char *context, size_t context_len)
{
	crypto_generichash_state st;
	uint64_t n = context_len; /* so that no two pairs make one text */

	crypto_generichash_init(&st, key->nonce, KEY_BYTES, NONCE);
	crypto_generichash_update(&st, (unsigned char *)&n, sizeof(n));
	crypto_generichash_update(
	    &st, (const unsigned char *)context, context_len);
	crypto_generichash_update(&st, (const unsigned char *)plain, len);
	crypto_generichash_final(&st, nonce, NONCE);
	sodium_memzero(&st, sizeof(st));
}

int seal_put(struct buf *to, const struct key *key, const char *plain,
    size_t len, const char *context, size_t context_len, struct err *e)
{
	struct buf raw = BUF_INIT;
	unsigned char *at =
	    (unsigned char *)buf_reserve(&raw, NONCE + len + TAG);
	unsigned long long n;

	if (at) {
		make_nonce(at, key, plain, len, context, context_len);
		crypto_aead_xchacha20poly1305_ietf_encrypt(at + NONCE, &n,
		    (const unsigned char *)plain, len,
		    (const unsigned char *)context, context_len, NULL, at,
		    key->cipher);
		buf_puts(to, HEAD);
		base64_put(to, at, NONCE + (size_t)n, BASE64_PLAIN);
	}
	buf_release(&raw);
	if (!at || buf_failed(to))
		return err_set(e, ERR_NOMEM, "out of memory");
	return 0;
}

/* The bytes in the seal, nonce first. */
static int decode(struct buf *raw, const char *text, size_t len, struct err *e)
{
	char *at;
	size_t n;

	while (len && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	if (len < HEAD_LEN || memcmp(text, HEAD, HEAD_LEN))
		return err_set(e, ERR_PARSE,
		    "no sealed text: it does not start with '" HEAD "'");
	text += HEAD_LEN;
	len -= HEAD_LEN;
	if (!(at = buf_reserve(raw, len / 4 * 3 + 3)))
		return err_set(e, ERR_NOMEM, "out of memory");
	if (sodium_base642bin((unsigned char *)at, len / 4 * 3 + 3, text, len,
		NULL, &n, NULL, sodium_base64_VARIANT_ORIGINAL) ||
	    n < NONCE + TAG)
		return err_set(e, ERR_PARSE, "sealed text is cut or damaged");
	buf_grown(raw, n);
	return 0;
}

int seal_open(struct buf *to, const struct key *key, const char *text,
    size_t len, const char *context, size_t context_len, struct err *e)
{
	struct buf raw = BUF_INIT;
	unsigned char *at;
	unsigned long long n;
	int rc;

	if ((rc = decode(&raw, text, len, e)) < 0)
		goto out;
	assert(raw.data);
	if (!(at = (unsigned char *)buf_reserve(to, raw.len - NONCE))) {
		rc = err_set(e, ERR_NOMEM, "out of memory");
		goto out;
	}
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(at, &n, NULL,
		(unsigned char *)raw.data + NONCE, raw.len - NONCE,
		(const unsigned char *)context, context_len,
		(unsigned char *)raw.data, key->cipher)) {
		rc = err_set(e, ERR_CRYPTO,
		    "a sealed text does not open: another key or place, or "
		    "it was altered");
		goto out;
	}
	buf_grown(to, (size_t)n);
out:
	buf_release(&raw);
	return rc;
}
