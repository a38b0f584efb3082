/* What key.c and seal.c share. */
#ifndef NEAP_CRYPTO_KEY_PART_H
#define NEAP_CRYPTO_KEY_PART_H

enum { KEY_BYTES = 32 };

/* Two keys derived from the one in the file, in guarded memory: a nonce must
 * not be made with the key that encrypts. */
struct key {
	unsigned char cipher[KEY_BYTES];
	unsigned char nonce[KEY_BYTES];
};

#endif
