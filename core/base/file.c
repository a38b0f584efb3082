/* Files: see file.h. */
#include "file.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

/* A terminal or socket that we share with another program may have been made
 * non-blocking by it. */
static void wait_for_room(int fd)
{
	struct pollfd p = {fd, POLLOUT, 0};

	poll(&p, 1, -1);
}

int write_fully(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);
		int errnum = n < 0 ? errno : 0;

		if (errnum == EAGAIN)
			wait_for_room(fd);
		if (errnum == EINTR || errnum == EAGAIN)
			continue;
		if (errnum)
			return errnum;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}
