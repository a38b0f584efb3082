/* SHA-1, for what others have made of it: hashed names in known_hosts (an HMAC,
 * sshd(8)) and passwords of mysql_native_password. For nothing else: it is no
 * longer good for signatures. */
#ifndef NEAP_BASE_SHA1_H
#define NEAP_BASE_SHA1_H

#include <stddef.h>
#include <stdint.h>

enum { SHA1_BYTES = 20 };

void sha1(uint8_t out[SHA1_BYTES], const void *data, size_t len);

/* The key's part of an HMAC, which need not be computed for each message. */
struct hmac_sha1 {
	uint32_t inner[5], outer[5];
};

/* `key` is of at most 64 bytes (RFC 2104). */
void hmac_sha1_key(struct hmac_sha1 *h, const void *key, size_t len);
void hmac_sha1(uint8_t out[SHA1_BYTES], const struct hmac_sha1 *h,
    const void *data, size_t len);

#endif
