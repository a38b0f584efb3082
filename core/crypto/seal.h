/* Sealing: secrets as text that can stand in git.
 *
 *     neap-sealed-1:<base64 of nonce (24) and XChaCha20-Poly1305 of the text>
 *
 * The nonce is BLAKE2b-192, keyed, of the context and the text (a synthetic
 * IV, as in RFC 5297), so that equal content in an equal context seals
 * to equal text and git sees no change where there is none. What that tells a
 * reader of the repository: that content is what it was before, and how long
 * it is. The context, such as the path that the content stands at, is
 * authenticated: a seal moved elsewhere does not open. */
#ifndef NEAP_CRYPTO_SEAL_H
#define NEAP_CRYPTO_SEAL_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "key.h"

/* Appends the seal of `plain` to `to`. 0 or ERR_NOMEM. */
int seal_put(struct buf *to, const struct key *key, const char *plain,
    size_t len, const char *context, size_t context_len, struct err *e);

/* Appends what `text` seals to `to`, which should be a secret buffer. 0,
 * ERR_PARSE (no seal), ERR_CRYPTO (another key or context, or it was tampered
 * with) or ERR_NOMEM; on failure nothing is appended. */
int seal_open(struct buf *to, const struct key *key, const char *text,
    size_t len, const char *context, size_t context_len, struct err *e);

#endif
