/* The key that the secrets in the state repository are sealed with: 32 random
 * bytes in a file of their own, which nobody but its owner may read.
 *
 * The file is one line, "neap-key-1:" and base64. It is made complete under
 * another name and then linked to its own, so that of two runs that make it at
 * once one wins and both use the same; it is never written over. */
#ifndef NEAP_CRYPTO_KEY_H
#define NEAP_CRYPTO_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct key;

/* Loads the key at `path`; where there is none and `create` says so, makes
 * one. *out is the caller's, to key_free(), which wipes it. Returns 0,
 * ERR_NOTFOUND, ERR_IO, ERR_PARSE, ERR_NOMEM, or ERR_USAGE where the file is
 * not a regular one, belongs to somebody else or is open to others. */
int key_load(struct key **out, const char *path, bool create, struct err *e);

/* The key of 32 bytes that came from elsewhere. */
int key_of(struct key **out, const char *raw, size_t len, struct err *e);
void key_free(struct key *key);

#endif
