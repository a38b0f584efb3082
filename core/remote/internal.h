/* Between the files of the remote part. */
#ifndef NEAP_REMOTE_INTERNAL_H
#define NEAP_REMOTE_INTERNAL_H

#include "frame.h"
#include "shell.h"

enum phase { PHASE_WAIT, PHASE_ASK, PHASE_BOOT, PHASE_READY, PHASE_ENDED };

enum {
	NOISE_BYTES = 4096, /* kept of what comes before READY */
	TOKEN_LEN = 16,
};

struct shell {
	struct session *session;
	struct loop *loop;
	char *name, *user, *password;
	int64_t auth_ms;
	enum phase phase;
	char nonce[FRAME_NONCE_LEN + 1], token[TOKEN_LEN + 1];
	bool asked; /* the password was sent */
	struct frames out, err;
	bool out_ready, err_ready; /* READY was seen there */
	struct buf unwritten;
	size_t written; /* of it */
	struct request *first, **last;
	struct request *unsent, *reading_out, *reading_err;
	struct request *watched; /* was sent, and nothing behind it */
	uint32_t next_id;
	struct later pump;
	struct timer timer;	 /* the first request's limit */
	struct timer stop_timer; /* the watched one's, to end */
	struct err failure; /* found where nothing could be done about it */
	struct shell_stats stats;
	struct shell_events events;
	void *arg;
};

/* Ends the connection: answers what waits, and tells the owner, who may free
 * the shell. */
void shell_end(struct shell *sh, const struct err *e);

/* The first request's turn begins, if there is one, and with it its time. */
void turn_begin(struct shell *sh);

/* The watched request was told to end, and has so long to do it. */
void turn_end_soon(struct shell *sh);

/* Begins to read what `r` (or nobody) says there. */
void turn_read_next(struct frames *f, const struct request *r);

/* A session's `data`: what the host says, on either stream. */
void turn_take(void *arg, const char *data, size_t len, bool is_err);

/* Appends the request in the loop's form. */
void request_write(struct buf *out, struct request *r);

/* Gives the memory of a question back that was sent. */
void request_sent(struct request *r);

/* The answer is in: tells it, or frees a request that nobody waits for. */
void request_answer(struct request *r);

/* What a host has said so far, and who it is. */
struct words {
	const char *name, *user; /* NULL: no sudo */
	const struct buf *out, *err;
};

/* Why sudo let nobody through; why the shell has ended, or (unless it `stood`
 * already) did not start. */
void explain_sudo(const struct words *w, struct err *e);
void explain_end(const struct words *w, bool stood, struct err *e);

#endif
