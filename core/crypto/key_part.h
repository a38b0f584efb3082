/* What key.c, pair.c and seal.c share. */
#ifndef NEAP_CRYPTO_KEY_PART_H
#define NEAP_CRYPTO_KEY_PART_H

#include "base/err.h"

enum { KEY_BYTES = 32 };

/* Two keys derived from the one in the file, in guarded memory: a nonce must
 * not be made with the key that encrypts. */
struct key {
	unsigned char cipher[KEY_BYTES];
	unsigned char nonce[KEY_BYTES];
};

/* Whether the open file is a regular one, ours, and closed to others; else
 * ERR_USAGE or ERR_IO. */
int key_check_file(const char *path, int fd, struct err *e);

#endif
