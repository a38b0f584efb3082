/* Between the files of the ssh part. */
#ifndef NEAP_SSH_INTERNAL_H
#define NEAP_SSH_INTERNAL_H

#include <libssh/callbacks.h>
#include <libssh/libssh.h>

#include "base/buf.h"
#include "dial.h"
#include "identity.h"
#include "known_hosts.h"
#include "proxy.h"
#include "session.h"

struct realm {
	struct loop *loop;
	struct known_hosts *known;
	struct identities *identities;
	char **default_identities, **default_known_hosts;
};

enum stage {
	STAGE_DIAL,
	STAGE_KEX,
	STAGE_AUTH,
	STAGE_OPEN, /* the channel */
	STAGE_EXEC, /* the command was sent, the reply is not there */
	STAGE_RUN,
	STAGE_ENDED,
};

/* How far the log-in has come: see auth.c. */
struct auth {
	int method;
	size_t identity;	  /* next to try */
	bool without_certificate; /* it alone: with it, it was refused */
	bool agent_tried;
	bool answered;	  /* the prompt of keyboard-interactive */
	struct buf tried; /* for the message */
};

/* A step of libssh that blocks, on a thread. */
struct agent_job {
	struct job job;
	struct session *session;
	bool running;
	bool orphan; /* the session is to be freed when it ends */
	bool ready;  /* `rc` is there */
	int rc;
};

struct session {
	struct realm *realm;
	/* the configuration, our own copy */
	char *name, *address, *user, *password, *command, *host_key_alias;
	char *accept_key, *certified_key, *certified_type, *proxy_command;
	char **identities, **known_hosts; /* the realm's where not given */
	bool own_identities, own_known_hosts;
	uint16_t port;
	bool agent, accept_new;
	int64_t connect_ms, auth_ms;

	enum stage stage;
	struct dial dial;
	struct proxy proxy;
	struct watch watch;
	struct timer timer;
	struct later later;
	const char *limit_what;
	int64_t limit_ms;
	int fd;
	ssh_session ssh;
	ssh_channel channel;
	ssh_event event;
	struct ssh_channel_callbacks_struct callbacks;
	struct auth auth;
	struct agent_job agent_job;
	struct session_events events;
	void *arg;
	bool handed_over; /* the socket, to libssh */
	bool unblocked;	  /* it, again */
	bool closed;	  /* by the other side */
	bool told;	  /* data since the last `settled` */
	bool wants_room;
};

/* What a step says. */
enum { STEP_WAIT = 0, STEP_DONE = 1 }; /* or an error, below 0 */

/* The key algorithms to ask the host for: of the keys that are known. */
int hostkey_prepare(struct session *s, struct err *e);

/* Compares the key that the host has shown. Returns 0 or ERR_HOSTKEY. */
int hostkey_check(struct session *s, struct err *e);

int auth_step(struct session *s, struct err *e);

/* libssh's own words for what went wrong, in one line. */
const char *session_words(const struct session *s);

/* Whether these words say that the host hung up without one of its own. */
bool session_hung_up(const struct session *s);

/* Sets up a new libssh session for its socket and its host. */
int session_set_options(struct session *s, struct err *e);

/* Goes on from the stage that it has reached: STEP_DONE where the next one can
 * be taken at once. */
int session_step(struct session *s, struct err *e);

/* Goes on with a session whose agent has answered. */
void session_resume(struct session *s);

#endif
