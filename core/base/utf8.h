/* UTF-8, strictly as in RFC 3629. */
#ifndef NEAP_BASE_UTF8_H
#define NEAP_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The length of the character that starts at `text` (1 to 4), its code point
 * in *cp; 0 where the bytes are no UTF-8 (too short, overlong, a surrogate,
 * above U+10FFFF) or `len` is 0. */
size_t utf8_next(const char *text, size_t len, uint32_t *cp);

#endif
