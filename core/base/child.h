/* A program that is run and waited for: git to reach another repository, gpg
 * or ssh-keygen to sign. It keeps our terminal, so that it can ask for a
 * passphrase there, and our process group, so that Ctrl-C ends it too. */
#ifndef NEAP_BASE_CHILD_H
#define NEAP_BASE_CHILD_H

#include <stddef.h>

#include "buf.h"
#include "err.h"

struct child {
	const char *const *argv; /* ends with NULL; looked up in PATH */
	const char *const *env;	 /* "NAME=VALUE" ... NULL, over ours; or NULL */
	const char *input;	 /* its standard input; NULL: /dev/null */
	size_t input_len;
	int timeout_ms; /* then it is killed; 0: no limit */
	struct buf out, err;
	int status; /* its exit status, or 128 and the number of a signal */
};

/* Runs it. Returns 0, with out, err and status set, however it ended;
 * ERR_NOTFOUND where there is no such program, ERR_TIMEOUT, ERR_NOMEM,
 * ERR_IO. `out` and `err` are the caller's to buf_release() in any case. What
 * the program leaves behind (an ssh that is kept open) is not waited for. */
int child_run(struct child *child, struct err *e);

#endif
