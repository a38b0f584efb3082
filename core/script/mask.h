/* Finds secrets in text and puts their names in their place.
 *
 * It stands on the way of all output, so a search costs one look at each byte,
 * whatever the number of secrets: four bytes are hashed, a table of bits says
 * "none" nearly always, and only then patterns are compared.
 *
 *     text  p a s s = h u n t e r 2 ;      hash(h u n t) -> bit -> chain
 *                     '-----'                              -> memcmp
 *
 * Each secret is also looked for as base64 (at each of the three alignments),
 * hex, URL-encoded, JSON and shell text, and a secret of several lines also
 * line by line. */
#ifndef NEAP_SCRIPT_MASK_H
#define NEAP_SCRIPT_MASK_H

#include <stddef.h>

#include "base/buf.h"

/* What is shorter is not looked for: it would be found everywhere. */
enum { MASK_MIN_BYTES = 4 };

struct mask;

/* NULL when out of memory; mask_free() wipes. */
struct mask *mask_new(void);
void mask_free(struct mask *m);

/* From now on `value` is shown as "<secret:NAME>"; a value that has a name
 * keeps it. Returns the name, which lives as long as `m`, or NULL when out of
 * memory. */
const char *mask_add(
    struct mask *m, const char *name, const char *value, size_t len);

/* The name as mask_add() returns it, without a value. */
const char *mask_name(struct mask *m, const char *name);

/* Appends `text` to `to` with the secrets replaced, and returns how many
 * were. Where secrets overlap in the text, all of their bytes go. Whoever
 * writes in pieces must pass whole lines: a secret in two pieces is not
 * found. */
size_t mask_apply(
    const struct mask *m, const char *text, size_t len, struct buf *to);

#endif
