/* What files need beyond the C library. */
#ifndef NEAP_BASE_FILE_H
#define NEAP_BASE_FILE_H

#include <stddef.h>

/* Writes all of it, however often that takes. 0 or an errno. */
int write_fully(int fd, const char *data, size_t len);

#endif
