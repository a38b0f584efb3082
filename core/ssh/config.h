/* What ssh_config(5) says about a host, as far as it concerns us.
 *
 * libssh's own reader is not used: it differs from ssh(1) in what it takes
 * from where. A test compares this one with `ssh -G`. Not read: `Match` blocks
 * other than `Match all`, which are told in `skipped`. */
#ifndef NEAP_SSH_CONFIG_H
#define NEAP_SSH_CONFIG_H

#include "base/err.h"

/* The first value that is found for a name holds; NULL or 0 where there is
 * none. Paths have their `~` and `%` tokens expanded. Lists end in NULL. */
struct client_config {
	char *hostname; /* never NULL */
	char *user;
	unsigned port;
	char **identity_file; /* all that are found, in their order */
	char **user_known_hosts, **global_known_hosts;
	char *strict_checking; /* "yes", "no", "accept-new", "ask", "off" */
	char *identity_agent, *host_key_alias;
	char *proxy_jump;    /* of the two, the first that is found */
	char *proxy_command; /* all that follows it, its tokens as they are */
	unsigned connect_timeout_s;
	int identities_only; /* 1 yes, -1 no, 0 not said */
	char **skipped;	     /* "FILE:LINE: what" */
};

/* Reads what is said of `host`, in the file `path`, or where that is NULL in
 * ~/.ssh/config and /etc/ssh/ssh_config. Returns 0, ERR_IO (not for the two
 * when they are missing), ERR_PARSE with file and line, or ERR_NOMEM. */
int client_config_read(struct client_config *out, const char *host,
    const char *path, struct err *e);
void client_config_release(struct client_config *c);

/* The same from a text, for tests and fuzzers: reads no other file. */
int client_config_parse(struct client_config *out, const char *host,
    const char *name, const char *text, struct err *e);

#endif
