/* What sharing a state repository takes: see store.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "part.h"

int store_base(struct store *st, const char *a, const char *b,
    char id[STORE_ID_SIZE], struct err *e)
{
	git_commit *one = NULL, *two = NULL;
	git_oid base;
	int rc;

	if ((rc = store_find_commit(&one, st, a, e)) < 0 ||
	    (rc = store_find_commit(&two, st, b, e)) < 0)
		goto out;
	rc = git_merge_base(
	    &base, st->repo, git_commit_id(one), git_commit_id(two));
	if (rc < 0)
		rc = store_fail(e, rc,
		    "'%.10s' and '%.10s' have no commit in common", a, b);
	else
		git_oid_tostr(id, STORE_ID_SIZE, &base);
out:
	git_commit_free(one);
	git_commit_free(two);
	return rc;
}

int store_keep(
    struct store *st, const char *name, const char *id, struct err *e)
{
	git_reference *ref = NULL;
	git_oid oid;
	int rc = git_oid_fromstr(&oid, id);

	if (rc == 0)
		rc = git_reference_create(&ref, st->repo, name, &oid, 1, NULL);
	git_reference_free(ref);
	return rc < 0 ? store_fail(e, rc, "cannot keep '%s'", id) : 0;
}

/* The operator's own files, which libgit2 was told not to look for. */
static void add_operators(git_config *config, struct store *st)
{
	const char *home = getenv("HOME"), *xdg = getenv("XDG_CONFIG_HOME");
	const char *only = getenv("GIT_CONFIG_GLOBAL");
	struct {
		const char *dir, *name;
		git_config_level_t level;
	} files[] = {
	    {"", "/etc/gitconfig", GIT_CONFIG_LEVEL_SYSTEM},
	    {only ? NULL : home, "/.config/git/config", GIT_CONFIG_LEVEL_XDG},
	    {only ? NULL : home, "/.gitconfig", GIT_CONFIG_LEVEL_GLOBAL},
	    {only, "", GIT_CONFIG_LEVEL_GLOBAL},
	};
	char path[4096];

	if (getenv("GIT_CONFIG_NOSYSTEM"))
		files[0].dir = NULL;
	if (xdg && *xdg && !only) {
		files[1].dir = xdg;
		files[1].name = "/git/config";
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (!files[i].dir ||
		    snprintf(path, sizeof(path), "%s%s", files[i].dir,
			files[i].name) >= (int)sizeof(path))
			continue;
		git_config_add_file_ondisk(
		    config, path, files[i].level, st->repo, 1);
	}
}

int store_config(
    struct store *st, const char *key, struct buf *to, struct err *e)
{
	git_config *config = NULL;
	git_buf value = GIT_BUF_INIT;
	char *own = NULL;
	int rc;

	if (asprintf(&own, "%sconfig", st->path) < 0)
		return err_set(e, ERR_NOMEM, "out of memory");
	if ((rc = git_config_new(&config)) == 0) {
		add_operators(config, st);
		git_config_add_file_ondisk(
		    config, own, GIT_CONFIG_LEVEL_LOCAL, st->repo, 1);
		rc = git_config_get_string_buf(&value, config, key);
	}
	if (rc < 0)
		rc = store_fail(e, rc, "no '%s' in git's configuration", key);
	else
		buf_put(to, value.ptr, value.size);
	git_buf_dispose(&value);
	git_config_free(config);
	free(own);
	if (rc == 0 && buf_failed(to))
		rc = err_set(e, ERR_NOMEM, "out of memory");
	return rc;
}
