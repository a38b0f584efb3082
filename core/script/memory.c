/* The allocator of a bounded Lua state: see memory.h. */
#include "memory.h"

#include <stdlib.h>

void *memory_alloc(void *ud, void *ptr, size_t osize, size_t nsize)
{
	struct memory *m = ud;
	size_t old = ptr ? osize : 0; /* without ptr, osize is a type's tag */
	void *p;

	if (nsize == 0) {
		free(ptr);
		m->used_bytes -= old;
		return NULL;
	}
	/* To shrink must never fail. */
	if (m->limit_bytes && nsize > old &&
	    nsize - old > m->limit_bytes - m->used_bytes)
		return NULL;
	if ((p = realloc(ptr, nsize)))
		m->used_bytes += nsize - old;
	return p;
}
