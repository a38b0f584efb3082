/* How much memory a Lua state holds, and a bound on it for the time that a
 * playbook runs. Beyond the bound an allocation fails, which Lua turns into
 * its error "not enough memory" after collecting what garbage there is. */
#ifndef NEAP_SCRIPT_MEMORY_H
#define NEAP_SCRIPT_MEMORY_H

#include <stddef.h>

struct memory {
	size_t used_bytes;
	size_t limit_bytes; /* 0: none */
};

/* A lua_Alloc; `ud` is a struct memory that outlives the state. */
void *memory_alloc(void *ud, void *ptr, size_t osize, size_t nsize);

#endif
