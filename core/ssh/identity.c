/* Private keys: see identity.h. */
#include "identity.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"

struct identity {
	struct identity *next;
	char *path;
	ssh_key key; /* NULL: it could not be read, and why is in `error` */
	ssh_key certified; /* the same with its certificate, or NULL */
	bool encrypted;
	struct err error;
};

struct identities {
	struct identity *first;
};

struct identities *identities_new(void)
{
	return calloc(1, sizeof(struct identities));
}

void identities_free(struct identities *ids)
{
	struct identity *id, *next;

	if (!ids)
		return;
	for (id = ids->first; id; id = next) {
		next = id->next;
		ssh_key_free(id->key);
		ssh_key_free(id->certified);
		free(id->path);
		free(id);
	}
	free(ids);
}

/* libssh asks for a passphrase: the key is encrypted, and that is all that we
 * want to know. Decrypting would block for some 100 ms of bcrypt. */
static int no_passphrase(const char *prompt, char *buf, size_t len, int echo,
    int verify, void *userdata)
{
	bool *encrypted = userdata;

	(void)prompt, (void)buf, (void)len, (void)echo, (void)verify;
	*encrypted = true;
	return -1;
}

/* A certificate that cannot be read is none: the key may do without. */
static void load_certificate(struct identity *id, const char *passphrase)
{
	struct buf path = BUF_INIT;
	ssh_key cert = NULL;

	buf_printf(&path, "%s-cert.pub", id->path);
	if (buf_failed(&path) || access(path.data, R_OK) < 0 ||
	    ssh_pki_import_cert_file(path.data, &cert) != SSH_OK)
		goto out;
	if (ssh_pki_import_privkey_file(
		id->path, passphrase, NULL, NULL, &id->certified) != SSH_OK)
		id->certified = NULL;
	else if (ssh_pki_copy_cert_to_privkey(cert, id->certified) != SSH_OK) {
		ssh_key_free(id->certified);
		id->certified = NULL;
	}
out:
	ssh_key_free(cert);
	buf_release(&path);
}

static void load(struct identity *id)
{
	if (access(id->path, R_OK) < 0) {
		err_set(&id->error, errno == ENOENT ? ERR_NOTFOUND : ERR_AUTH,
		    "cannot read key '%s': %s", id->path, strerror(errno));
		return;
	}
	if (ssh_pki_import_privkey_file(id->path, NULL, no_passphrase,
		&id->encrypted, &id->key) == SSH_OK) {
		load_certificate(id, NULL);
		return;
	}
	id->key = NULL;
	if (id->encrypted)
		err_set(&id->error, ERR_AUTH,
		    "key '%s' is encrypted: load it into the agent with "
		    "ssh-add",
		    id->path);
	else
		err_set(&id->error, ERR_AUTH,
		    "'%s' is not a private key that can be read", id->path);
}

static struct identity *find(const struct identities *ids, const char *path)
{
	struct identity *id = ids->first;

	while (id && strcmp(id->path, path) != 0)
		id = id->next;
	return id;
}

bool identities_locked(const struct identities *ids, const char *path)
{
	const struct identity *id = find(ids, path);

	return id && !id->key && id->encrypted;
}

int identities_unlock(struct identities *ids, const char *path,
    const char *passphrase, struct err *e)
{
	struct identity *id = find(ids, path);

	if (!id)
		return err_set(e, ERR_NOTFOUND, "there is no key '%s'", path);
	if (id->key)
		return 0;
	if (ssh_pki_import_privkey_file(
		path, passphrase, NULL, NULL, &id->key) == SSH_OK) {
		load_certificate(id, passphrase);
		return 0;
	}
	id->key = NULL;
	return err_set(
	    e, ERR_AUTH, "this is not the passphrase of the key '%s'", path);
}

int identities_get(ssh_key *out, struct identities *ids, const char *path,
    bool certified, struct err *e)
{
	struct identity *id = find(ids, path);

	if (!id) {
		id = calloc(1, sizeof(*id));
		if (!id || !(id->path = strdup(path))) {
			free(id);
			return err_set(e, ERR_NOMEM, "out of memory");
		}
		id->next = ids->first;
		ids->first = id;
		load(id);
	}
	if (!id->key) {
		if (e)
			*e = id->error;
		return id->error.code;
	}
	*out = certified ? id->certified : id->key;
	return 0;
}
