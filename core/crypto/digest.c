/* Digests, random bytes and base64: see digest.h. */
#include "digest.h"

#include <sodium.h>

void digest_sha256(char hex[DIGEST_HEX_SIZE], const void *data, size_t len)
{
	unsigned char hash[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(hash, data, len);
	sodium_bin2hex(hex, DIGEST_HEX_SIZE, hash, sizeof(hash));
}

int random_put_hex(struct buf *to, size_t n, struct err *e)
{
	unsigned char raw[32];
	char hex[2 * sizeof(raw) + 1];

	if (sodium_init() < 0)
		return err_set(e, ERR_CRYPTO, "no source of random bytes");
	while (n) {
		size_t some = n < sizeof(raw) ? n : sizeof(raw);

		randombytes_buf(raw, some);
		sodium_bin2hex(hex, sizeof(hex), raw, some);
		buf_put(to, hex, 2 * some);
		n -= some;
	}
	sodium_memzero(raw, sizeof(raw));
	sodium_memzero(hex, sizeof(hex));
	return 0;
}

void base64_put(
    struct buf *to, const void *data, size_t len, enum base64_form form)
{
	int variant = form == BASE64_URL ? sodium_base64_VARIANT_URLSAFE
					 : sodium_base64_VARIANT_ORIGINAL;
	size_t size = sodium_base64_encoded_len(len, variant);
	char *at = buf_reserve(to, size);

	if (!at)
		return;
	sodium_bin2base64(at, size, data, len, variant);
	buf_grown(to, size - 1);
}
