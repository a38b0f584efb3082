/* What key.c, pair.c and seal.c share. */
#ifndef NEAP_CRYPTO_KEY_PART_H
#define NEAP_CRYPTO_KEY_PART_H

#include <stddef.h>

#include "base/err.h"

enum { KEY_BYTES = 32 };

/* Two keys derived from the one in the file, in guarded memory: a nonce must
 * not be made with the key that encrypts. */
struct key {
	unsigned char cipher[KEY_BYTES];
	unsigned char nonce[KEY_BYTES];
};

/* Reads a file that holds a key, at most `size` bytes of it, into `text`, which
 * the caller wipes. 0, ERR_NOTFOUND, ERR_IO, or ERR_USAGE where it is not a
 * regular file, belongs to somebody else or is open to others. */
int key_read_file(
    char *text, size_t size, size_t *len, const char *path, struct err *e);

/* Writes all of it, and syncs it: 0 or an errno. */
int key_write_file(int fd, const char *text, size_t len);

#endif
