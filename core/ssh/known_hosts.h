/* Who is who: the known_hosts files, in the form of sshd(8), "SSH_KNOWN_HOSTS
 * FILE FORMAT": plain names, patterns, `[host]:port`, hashed names, @revoked.
 * A @cert-authority vouches for certificates, not for keys: whoever asks gets
 * the authorities of a host.
 *
 * A file is read once and again when it has changed. A file that is not there
 * is an empty one. */
#ifndef NEAP_SSH_KNOWN_HOSTS_H
#define NEAP_SSH_KNOWN_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct known_hosts; /* the files that were read so far */

enum known_state {
	KNOWN_NOT,	 /* no line names the host */
	KNOWN_AUTHORITY, /* only a @cert-authority does */
	KNOWN_OTHER,	 /* the lines have other keys only */
	KNOWN_SAME,	 /* a line has this key */
	KNOWN_REVOKED,	 /* a @revoked line has this key */
};

struct known_answer {
	enum known_state state;
	const char *path; /* of the line that decided; NULL for KNOWN_NOT */
	unsigned line;
	const char *type, *key; /* what stands there; all borrowed until the
				 * next call */
};

struct known_hosts *known_hosts_new(void);
void known_hosts_free(struct known_hosts *kh);

/* The name that a host goes by in these files: `host`, in lower case, or
 * `[host]:port` where the port is not 22. Appended to `out`. */
void known_hosts_name(struct buf *out, const char *host, uint16_t port);

/* Looks for `name` and its key (`type` as "ssh-ed25519", `key` in base64) in
 * the files `paths`, which a NULL ends. Returns 0, ERR_IO for a file that
 * cannot be read or ERR_NOMEM. */
int known_hosts_check(struct known_answer *out, struct known_hosts *kh,
    const char *const *paths, const char *name, const char *type,
    const char *key, struct err *e);

/* Appends the types of the keys known for `name`, each once, with commas
 * between. Returns as above. */
int known_hosts_types(struct buf *out, struct known_hosts *kh,
    const char *const *paths, const char *name, struct err *e);

/* Appends the authorities that may vouch for `name`, a line each: type and
 * key, as known_hosts_check() takes them. One that is revoked for that name is
 * none. Returns as above. */
int known_hosts_authorities(struct buf *out, struct known_hosts *kh,
    const char *const *paths, const char *name, struct err *e);

/* Appends a line to the file `path`, made with mode 0600 (its directory with
 * 0700) where it is missing. One write, so that several processes can do so
 * at once. */
int known_hosts_add(const char *path, const char *name, const char *type,
    const char *key, struct err *e);

/* A parsed text, for tests and fuzzers. `text` is taken over. */
struct known_file;
int known_file_parse(
    struct known_file **out, const char *path, char *text, struct err *e);
void known_file_free(struct known_file *f);
void known_file_check(struct known_answer *out, const struct known_file *f,
    const char *name, const char *type, const char *key);

#endif
