/* Texts that claim to be sealed, and all texts as what is to be sealed: a seal
 * opens to what it was made of, and nothing else opens. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/seal.h"

static struct key *get_key(void)
{
	static struct key *key;
	char dir[] = "/tmp/neap-fuzz-XXXXXX", path[64];
	struct err e;

	if (key)
		return key;
	if (!mkdtemp(dir))
		abort();
	snprintf(path, sizeof(path), "%s/key", dir);
	if (key_load(&key, path, true, &e) < 0)
		abort();
	unlink(path);
	rmdir(dir);
	return key;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf out = BUF_INIT, text = BUF_INIT, back = BUF_INIT;
	const char *s = (const char *)data;
	struct key *key = get_key();
	struct err e;

	back.secret = out.secret = true;
	if (seal_open(&out, key, s, size, "c", 1, &e) == 0)
		abort();
	buf_puts(&text, "neap-sealed-1:");
	buf_put(&text, s, size);
	if (seal_open(&out, key, text.data, text.len, "c", 1, &e) == 0)
		abort();
	buf_clear(&text);
	if (seal_put(&text, key, s, size, "c", 1, &e) < 0 ||
	    seal_open(&back, key, text.data, text.len, "c", 1, &e) < 0 ||
	    back.len != size || (size && memcmp(back.data, s, size)))
		abort();
	text.data[size % text.len] ^= 1;
	if (seal_open(&out, key, text.data, text.len, "c", 1, &e) == 0 &&
	    (out.len != size || (size && memcmp(out.data, s, size))))
		abort();
	buf_release(&out);
	buf_release(&text);
	buf_release(&back);
	return 0;
}
