/* Digests, random bytes and base64. */
#ifndef NEAP_CRYPTO_DIGEST_H
#define NEAP_CRYPTO_DIGEST_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

enum { DIGEST_HEX_SIZE = 65 };

/* SHA-256 of `len` bytes, as lower case hex with a NUL. */
void digest_sha256(char hex[DIGEST_HEX_SIZE], const void *data, size_t len);

/* Appends `n` random bytes, in lower case hex. 0 or ERR_CRYPTO. */
int random_put_hex(struct buf *to, size_t n, struct err *e);

enum base64_form { BASE64_PLAIN, BASE64_URL };

/* Appends base64 of `len` bytes, padded, in one line. */
void base64_put(
    struct buf *to, const void *data, size_t len, enum base64_form form);

#endif
