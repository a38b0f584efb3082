/* A command on a host, over SSH, without blocking the loop.
 *
 *	look up ▶ connect ▶ key exchange ▶ host key ▶ log in ▶ channel ▶ exec
 *
 * A session goes this way by itself and tells its owner what comes of it. All
 * sessions of a run share a `struct realm`: the loop, the identities and the
 * known hosts, each read once. */
#ifndef NEAP_SSH_SESSION_H
#define NEAP_SSH_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "loop/loop.h"

struct realm;
struct session;

/* A host's key that the known_hosts files do not vouch for. */
struct shown_key {
	const char *name;	 /* what the host goes by in these files */
	const char *type;	 /* as "ssh-ed25519" */
	const char *fingerprint; /* as "SHA256:..." */
	const char *authorities; /* who may vouch for it by a certificate, a
				  * line each: type and key; or "" */
	bool other;		 /* a line has another key of the host */
};

/* The loop is borrowed and outlives the realm. */
int realm_new(struct realm **out, struct loop *loop, struct err *e);
void realm_free(struct realm *realm);
struct loop *realm_loop(const struct realm *realm);

/* Whether the key in the file `path` was tried and is encrypted; decrypts it
 * for all sessions to come: 0, or ERR_AUTH. */
bool realm_key_locked(const struct realm *realm, const char *path);
int realm_unlock_key(struct realm *realm, const char *path,
    const char *passphrase, struct err *e);

/* Where to and how. Lists end in NULL; all is copied by session_open(). */
struct session_config {
	const char *name;    /* the host as the operator calls it */
	const char *address; /* a name or a number */
	uint16_t port;
	const char *host_key_alias;	/* its name in known_hosts; NULL: the
					 * address, and the port if not 22 */
	const char *user;		/* NULL: as here */
	const char *const *identities;	/* files of private keys, tried in
					 * order; NULL or empty: those of
					 * ssh(1) that there are */
	bool agent;			/* also ask $SSH_AUTH_SOCK */
	const char *password;		/* NULL: none */
	const char *const *known_hosts; /* files; the first takes new hosts;
					 * NULL or empty: those of ssh(1) */
	bool accept_new;	/* write down a host that no file names */
	const char *accept_key; /* or only with this fingerprint; may be NULL */
	const char *certified_key;  /* the fingerprint of a key that an
				     * authority was seen to vouch for: taken,
				     * and not written down; may be NULL */
	const char *certified_type; /* its type, the only one asked for */
	const char *proxy_command;  /* for sh: reach it through this; or NULL */
	int64_t connect_ms, auth_ms; /* limits of time: to connect, and the
				      * same again for the key exchange; and
				      * to log in */
};

/* What a session tells. `data` may not call into the session. `opened` may,
 * but for session_free(); `settled` and `ended` may free it, too. */
struct session_events {
	void (*opened)(void *arg); /* the command is on its way; from now on
				    * its input may be written */
	void (*data)(void *arg, const char *data, size_t len, bool is_err);
	void (*settled)(void *arg); /* data was told, or input has room again */
	void (*ended)(void *arg, const struct err *e); /* e->code is 0 when the
							* command ended */
	/* Before it ends for want of a key in known_hosts; may be NULL. */
	void (*unknown_key)(void *arg, const struct shown_key *key);
};

/* Begins. Returns 0, ERR_NOMEM or ERR_IO; no event comes before it returns. */
int session_open(struct session **out, struct realm *realm,
    const struct session_config *config, const char *command,
    const struct session_events *events, void *arg, struct err *e);

/* Ends the connection, tells nothing more, and frees. */
void session_free(struct session *s);

/* Takes what there is room for and returns how much; `settled` is told when
 * there is room again. */
size_t session_write(struct session *s, const char *data, size_t len);

/* The limit of time for what the session waits for now; 0: none. `what`
 * completes "host 'x': no ... in 5000 ms". */
int session_limit(
    struct session *s, int64_t ms, const char *what, struct err *e);

#endif
