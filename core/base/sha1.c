/* SHA-1 (FIPS 180-4) and HMAC (RFC 2104). */
#include "sha1.h"

#include <string.h>

enum { BLOCK = 64 };

static const uint32_t initial[5] = {
    0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};

static uint32_t rotate(uint32_t x, int n)
{
	return x << n | x >> (32 - n);
}

static uint32_t choose(int t, uint32_t b, uint32_t c, uint32_t d)
{
	if (t < 20)
		return ((b & c) | (~b & d)) + 0x5a827999;
	if (t < 40)
		return (b ^ c ^ d) + 0x6ed9eba1;
	if (t < 60)
		return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
	return (b ^ c ^ d) + 0xca62c1d6;
}

static void schedule(uint32_t w[80], const uint8_t block[BLOCK])
{
	for (size_t t = 0; t < 16; t++)
		w[t] = (uint32_t)block[4 * t] << 24 |
		       (uint32_t)block[4 * t + 1] << 16 |
		       (uint32_t)block[4 * t + 2] << 8 | block[4 * t + 3];
	for (int t = 16; t < 80; t++)
		w[t] = rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
}

static void absorb(uint32_t state[5], const uint8_t block[BLOCK])
{
	uint32_t w[80], s[5];

	schedule(w, block);
	memcpy(s, state, sizeof(s));
	for (int t = 0; t < 80; t++) {
		uint32_t next =
		    rotate(s[0], 5) + choose(t, s[1], s[2], s[3]) + s[4] + w[t];

		s[4] = s[3];
		s[3] = s[2];
		s[2] = rotate(s[1], 30);
		s[1] = s[0];
		s[0] = next;
	}
	for (int i = 0; i < 5; i++)
		state[i] += s[i];
}

/* The last bytes of a message of `total` bytes, padded. */
static void finish(uint8_t out[SHA1_BYTES], uint32_t state[5],
    const uint8_t *rest, size_t len, uint64_t total)
{
	uint8_t block[BLOCK] = {0};

	if (len)
		memcpy(block, rest, len);
	block[len] = 0x80;
	if (len >= BLOCK - 8) {
		absorb(state, block);
		memset(block, 0, sizeof(block));
	}
	for (int i = 0; i < 8; i++)
		block[BLOCK - 1 - i] = (uint8_t)(total * 8 >> (8 * i));
	absorb(state, block);
	for (int i = 0; i < SHA1_BYTES; i++)
		out[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
}

void sha1(uint8_t out[SHA1_BYTES], const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t total = len;
	uint32_t state[5];

	memcpy(state, initial, sizeof(initial));
	for (; len >= BLOCK; p += BLOCK, len -= BLOCK)
		absorb(state, p);
	finish(out, state, p, len, total);
}

void hmac_sha1_key(struct hmac_sha1 *h, const void *key, size_t len)
{
	uint8_t pad[BLOCK] = {0};

	memcpy(pad, key, len < BLOCK ? len : BLOCK);
	for (int i = 0; i < BLOCK; i++)
		pad[i] ^= 0x36;
	memcpy(h->inner, initial, sizeof(initial));
	absorb(h->inner, pad);
	for (int i = 0; i < BLOCK; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	memcpy(h->outer, initial, sizeof(initial));
	absorb(h->outer, pad);
}

void hmac_sha1(uint8_t out[SHA1_BYTES], const struct hmac_sha1 *h,
    const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t total = BLOCK + len;
	uint32_t state[5];

	memcpy(state, h->inner, sizeof(state));
	for (; len >= BLOCK; p += BLOCK, len -= BLOCK)
		absorb(state, p);
	finish(out, state, p, len, total);
	memcpy(state, h->outer, sizeof(state));
	finish(out, state, out, SHA1_BYTES, BLOCK + SHA1_BYTES);
}
