/* Pairs of keys (X25519): how a team shares secrets. A person's pair stands in
 * a file of their own, as key.h has it; what is boxed for the public half only
 * the holder of the pair can open (crypto_box_seal of libsodium).
 *
 *     neap-pair-1:<base64 of the secret half>     a file, a line of it
 *     neap-pub-1:<base64>                         for everybody to see
 *     neap-box-1:<base64>                         a box */
#ifndef NEAP_CRYPTO_PAIR_H
#define NEAP_CRYPTO_PAIR_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

struct pair;

/* A new one; *out is the caller's, to pair_free(), which wipes it. */
int pair_new(struct pair **out, struct err *e);

/* The pair in a text: its first line that is one. ERR_PARSE where there is
 * none; `what` names the text. */
int pair_parse(struct pair **out, const char *what, const char *text,
    size_t len, struct err *e);

/* Reads and makes files; as key_load(), but that a file is never made by
 * reading, and never written over (ERR_CONFLICT). */
int pair_load(struct pair **out, const char *path, struct err *e);
int pair_save(const struct pair *p, const char *path, struct err *e);
void pair_free(struct pair *p);

/* Appends the public half as text. */
void pair_put_public(struct buf *to, const struct pair *p);

/* Appends a box for the holder of a public half. 0, ERR_PARSE, ERR_NOMEM. */
int pair_box(struct buf *to, const char *public_text, const char *plain,
    size_t len, struct err *e);

/* Appends what is in a box to `to`, which should be a secret buffer. 0,
 * ERR_PARSE, ERR_CRYPTO (it is for somebody else) or ERR_NOMEM. */
int pair_open(
    struct buf *to, const struct pair *p, const char *text, struct err *e);

#endif
