/* The frame parser on bytes of a hostile host: the first byte says how the
 * rest is cut into pieces, the second how much may be kept. */
#include <stddef.h>
#include <stdint.h>

#include "remote/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frames f;
	struct frame_end end;
	size_t step, limit, used;
	int rc = 0;

	if (size < 2)
		return 0;
	step = data[0] + 1U;
	limit = data[1];
	data += 2;
	size -= 2;
	frames_init(&f, "0123456789abcdef0123456789abcdef", limit);
	while (size && rc >= 0) {
		size_t n = size < step ? size : step;

		rc = frames_feed(&f, (const char *)data, n, &used, &end, NULL);
		if (used > n || (rc == 1 && f.body.len > limit))
			__builtin_trap();
		data += used;
		size -= used;
		if (rc == 1)
			frames_next(&f, limit);
	}
	frames_release(&f);
	return 0;
}
