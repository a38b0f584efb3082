/* YAML as people write it in inventories, read by libyaml.
 *
 * Types are those of YAML 1.2's core schema, with what users of Ansible are
 * used to where the two differ:
 *
 *     null      ~, null, Null, NULL, and nothing
 *     boolean   true, false and also yes, no, on, off; each also as True, TRUE
 *     integer   12, -3, 0x1f, 0o17; but 0644 is the text "0644", and so is an
 *               integer beyond 64 bits
 *     float     1.5, .5, 1e3, .inf, .nan
 *     text      all else, and all that is quoted, a block (|, >) or !!str
 *
 * Keys are text as it stands: `80: x` has the key "80". A map takes in others
 * by `<<: *name` or `<<: [*a, *b]`; its own keys win, then the first. Tags
 * other than those of the schema, a second document, an alias to what it
 * stands in, and keys that are not scalars are errors. */
#ifndef NEAP_STATE_YAML_H
#define NEAP_STATE_YAML_H

#include <stddef.h>

#include "base/err.h"
#include "datum.h"

/* Data that a document may hand over in all; aliases count each time. */
enum { YAMLDOC_DATA_MAX = 1000000 };

struct yamldoc;

/* Reads `len` bytes of UTF-8. *out is then the caller's, to yamldoc_free().
 * `name` is for messages, which begin "NAME:LINE: ". Returns 0, ERR_PARSE,
 * ERR_LIMIT or ERR_NOMEM. */
int yamldoc_parse(struct yamldoc **out, const char *text, size_t len,
    const char *name, struct err *e);
void yamldoc_free(struct yamldoc *doc);

/* Hands the document to `sink`. A text of the sink's own is set after the name
 * and the line. Returns 0, ERR_LIMIT, ERR_PARSE or what the sink returned. The
 * document may be freed after the sink has left by longjmp. */
int yamldoc_visit(struct yamldoc *doc, const struct sink *sink, struct err *e);

#endif
