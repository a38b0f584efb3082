/* A shell on a host that scripts are streamed to.
 *
 * One SSH connection, one channel, one POSIX shell in a loop (bootstrap.c),
 * perhaps under sudo. Requests are sent without waiting for the answers of
 * those before them; they are run and answered in their order. The first ones
 * travel in the same flight as the loop itself, unless sudo asks for a
 * password.
 *
 * Behind a watched request nothing is sent before it is answered; and so it can
 * be stopped, with all that it has started. */
#ifndef NEAP_REMOTE_SHELL_H
#define NEAP_REMOTE_SHELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "ssh/session.h"

struct shell;

struct shell_config {
	struct session_config session;
	const char *become; /* the user to become with sudo; NULL: stay */
	const char *become_password; /* NULL: sudo must not ask */
};

struct shell_events {
	void (*ready)(void *arg);
	/* Once, and nothing after; may free the shell. */
	void (*ended)(void *arg, const struct err *e);
	/* As in session.h; may be NULL. */
	void (*unknown_key)(void *arg, const struct shown_key *key);
};

struct shell_stats {
	uint64_t bytes_out, bytes_in, requests;
};

/* One script and what came of it. */
struct request {
	/* The question: set before shell_submit(), then left alone. */
	struct buf script; /* without NUL bytes */
	struct buf input;  /* the script's stdin */
	bool capture;	   /* the script may leave a daemon behind */
	bool here;	   /* run in the loop's own shell: see bootstrap.c; its
			    * limit of time is then only ours */
	bool secret;	   /* not to be sent before the shell stands */
	bool watched;
	int64_t limit_ms; /* of time, from when it is its turn; 0: none, but
			   * the connection is given up when it takes a
			   * quarter of an hour */
	size_t max_bytes; /* of each output */
	void (*on_done)(void *arg); /* may be NULL; may not call the shell */
	void *arg;

	/* The answer, when `done`. */
	bool done;
	struct err error; /* code 0: the script ran */
	int status;	  /* its exit status */
	struct buf out, err;

	/* The shell's. */
	struct request *next;
	uint32_t id;
	char nonce[33];
	int64_t began_ms; /* when its turn came */
	bool held, dropped, out_done, err_done, stopped, overdue;
};

/* A request that waits for nothing and takes 16 MiB of output, or NULL. */
struct request *request_new(void);

/* At any time; a request that is under way is forgotten, not stopped. */
void request_free(struct request *r);

/* Begins to connect. Returns 0 or as session_open(); ERR_USAGE for a name of
 * a user that sudo should not see. */
int shell_open(struct shell **out, struct realm *realm,
    const struct shell_config *config, const struct shell_events *events,
    void *arg, struct err *e);

/* Closes the connection; what waits is answered with `ERR_SHELL`. The loop on
 * the host ends, and takes its files with it, when the script that it is at
 * has ended. */
void shell_free(struct shell *sh);

/* Queues `r`, which must have been filled in. */
void shell_submit(struct shell *sh, struct request *r);

/* Has a watched request ended on the host, or one that was not sent yet not
 * be sent; says whether it is one of these. It is then answered soon, within
 * some 15 s at most: with ERR_INTERRUPTED, or as usual where its script had
 * succeeded by then. */
bool shell_stop(struct shell *sh, struct request *r);

bool shell_is_ready(const struct shell *sh);
bool shell_is_open(const struct shell *sh);
const struct shell_stats *shell_stats(const struct shell *sh);

#endif
