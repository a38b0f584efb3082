/* JSON (RFC 8259), in one canonical form, for states that git compares.
 *
 * Integers and floats are kept apart (1 and 1.0 are two values); NaN and
 * infinity have no form; a key that stands twice is an error.
 *
 * Strings are bytes, and JSON's are Unicode. File names, or lines of getent,
 * need not be UTF-8: a byte 0xNN that is none is written as the character
 * U+10FFNN, as "\udbff\udfNN", and comes back as the byte. So that any string
 * comes back as it went in, those 256 characters, which are for private use,
 * are themselves written byte by byte, and so is a NUL in a key. */
#ifndef NEAP_STATE_JSON_H
#define NEAP_STATE_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "datum.h"

struct jsondoc;

/* Reads `len` bytes (at most DATUM_TEXT_MAX_BYTES) of text, a value of any
 * kind. *out is then the caller's, to jsondoc_free(). Returns 0, ERR_PARSE (the
 * text says the line and column), ERR_LIMIT or ERR_NOMEM. */
int jsondoc_parse(
    struct jsondoc **out, const char *text, size_t len, struct err *e);
void jsondoc_free(struct jsondoc *doc);

/* Hands the document to `sink`. Returns 0, ERR_LIMIT where it is deeper than
 * DATUM_DEPTH_MAX, or what the sink returned. The document may be freed after
 * the sink has left by longjmp. */
int jsondoc_visit(struct jsondoc *doc, const struct sink *sink, struct err *e);

/* Append a value to `to`: a string with its quotes (as a key, NUL is escaped
 * as a foreign byte), an integer, a float in its shortest form that reads back
 * as the same (false, and nothing appended, for NaN and the infinities). */
void jsonput_string(struct buf *to, const char *s, size_t len, bool key);
void jsonput_integer(struct buf *to, long long i);
bool jsonput_number(struct buf *to, double n);

#endif
