/* Private keys from files, each read once for all hosts, and the certificates
 * beside them: that of `id` is in `id-cert.pub`, as ssh(1) has it. */
#ifndef NEAP_SSH_IDENTITY_H
#define NEAP_SSH_IDENTITY_H

#include <libssh/libssh.h>
#include <stdbool.h>

#include "base/err.h"

struct identities;

struct identities *identities_new(void);
void identities_free(struct identities *ids);

/* The key in the file `path`, borrowed; with its certificate where `certified`
 * is set, and NULL where there is none. Returns 0, ERR_NOTFOUND, ERR_AUTH
 * (encrypted, or no key) or ERR_NOMEM; the same again when asked again. */
int identities_get(ssh_key *out, struct identities *ids, const char *path,
    bool certified, struct err *e);

/* Whether the key in `path` was tried and is encrypted. */
bool identities_locked(const struct identities *ids, const char *path);

/* Decrypts it, which takes some 100 ms. 0, or ERR_AUTH (not with this
 * passphrase). */
int identities_unlock(struct identities *ids, const char *path,
    const char *passphrase, struct err *e);

#endif
