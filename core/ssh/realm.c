/* What all sessions of a run share. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "home.h"
#include "internal.h"

enum { FILES_MAX = 65536 };

static const char *const identity_files[] = {
    "id_ed25519", "id_ecdsa", "id_rsa", NULL};
static const char *const known_hosts_files[] = {
    "known_hosts", "known_hosts2", NULL};

static void free_list(char **list)
{
	for (char **at = list; at && *at; at++)
		free(*at);
	free(list);
}

/* ~/.ssh/ before each name, and `more` behind them. */
static char **in_home(const char *const *names, const char *const *more)
{
	char **list = calloc(8, sizeof(*list));
	size_t n = 0;

	for (; list && *names; names++, n++)
		if (asprintf(&list[n], "%s/.ssh/%s", home_dir(), *names) < 0)
			goto fail;
	for (; list && more && *more; more++, n++)
		if (!(list[n] = strdup(*more)))
			goto fail;
	return list;
fail:
	list[n] = NULL;
	free_list(list);
	return NULL;
}

/* A connection is a descriptor, and the customary 1,024 are few. */
static void allow_many_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= FILES_MAX)
		return;
	limit.rlim_cur =
	    limit.rlim_max < FILES_MAX ? limit.rlim_max : FILES_MAX;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int realm_new(struct realm **out, struct loop *loop, struct err *e)
{
	static const char *const global[] = {
	    "/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2", NULL};
	struct realm *r = calloc(1, sizeof(*r));

	if (!r)
		return err_set(e, ERR_NOMEM, "out of memory");
	allow_many_files();
	r->loop = loop;
	r->known = known_hosts_new();
	r->identities = identities_new();
	r->default_identities = in_home(identity_files, NULL);
	r->default_known_hosts = in_home(known_hosts_files, global);
	if (!r->known || !r->identities || !r->default_identities ||
	    !r->default_known_hosts) {
		realm_free(r);
		return err_set(e, ERR_NOMEM, "out of memory");
	}
	*out = r;
	return 0;
}

void realm_free(struct realm *r)
{
	if (!r)
		return;
	known_hosts_free(r->known);
	identities_free(r->identities);
	free_list(r->default_identities);
	free_list(r->default_known_hosts);
	free(r);
}

struct loop *realm_loop(const struct realm *r)
{
	return r->loop;
}

bool realm_key_locked(const struct realm *r, const char *path)
{
	return identities_locked(r->identities, path);
}

int realm_unlock_key(
    struct realm *r, const char *path, const char *passphrase, struct err *e)
{
	return identities_unlock(r->identities, path, passphrase, e);
}
