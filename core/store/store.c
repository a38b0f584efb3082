/* Opening the state repository and looking things up: see store.h. */
#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "part.h"

static const char DAMAGED[] =
    "; the state repository is damaged: 'git fsck' in it tells what is "
    "missing, take that from its remote or a copy";

/* Whether it tells of an object or a reference that should be there and is
 * not, or is not whole; what cannot be written says so by its errno. */
static bool is_damage(const git_error *ge, int rc)
{
	if (!ge || !ge->message || strstr(ge->message, strerror(ENOSPC)) ||
	    strstr(ge->message, strerror(EACCES)) ||
	    strstr(ge->message, strerror(EROFS)) ||
	    strstr(ge->message, "write"))
		return false;
	return ge->klass == GIT_ERROR_ODB || ge->klass == GIT_ERROR_ZLIB ||
	       ge->klass == GIT_ERROR_OBJECT || ge->klass == GIT_ERROR_TREE ||
	       (ge->klass == GIT_ERROR_REFERENCE && rc == GIT_ERROR);
}

int store_fail(struct err *e, int rc, const char *fmt, ...)
{
	const git_error *ge = git_error_last();
	enum err_code code = ERR_IO;
	char head[ERR_TEXT_MAX];
	va_list ap;

	if (rc == GIT_ENOTFOUND)
		code = ERR_NOTFOUND;
	else if (rc == GIT_EMODIFIED || rc == GIT_EEXISTS)
		code = ERR_CONFLICT;
	else if (rc == GIT_ELOCKED)
		code = ERR_LOCKED;
	else if (ge && ge->klass == GIT_ERROR_NOMEMORY)
		code = ERR_NOMEM;
	va_start(ap, fmt);
	vsnprintf(head, sizeof(head), fmt, ap);
	va_end(ap);
	return err_set(e, code, "%s: %s%s", head,
	    ge && ge->message ? ge->message : "no reason given",
	    is_damage(ge, rc) ? DAMAGED : "");
}

/* libgit2 is told once that nothing of the operator's git configuration
 * matters here. Who owns the directory is no matter either: libgit2 runs no
 * program that a configuration names. It is not asked to sync each of the
 * objects it writes, which takes some milliseconds each on a disk: a commit
 * syncs them all at once before the branch moves. Nor is the id of each object
 * that is read computed again, which git does not do either: each has a
 * checksum, and there is `git fsck'. */
int store_start(struct err *e)
{
	static bool done;

	if (done)
		return 0;
	if (git_libgit2_init() < 0)
		return store_fail(e, -1, "cannot start libgit2");
	for (int level = GIT_CONFIG_LEVEL_PROGRAMDATA;
	     level <= GIT_CONFIG_LEVEL_GLOBAL; level++)
		git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, "");
	git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
	git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 0);
	done = true;
	return 0;
}

/* Whether `name` may be in a repository whose making was cut short. */
static bool is_of_git(const char *name)
{
	static const char *const known[] = {".", "..", "HEAD", "config",
	    "config.lock", "HEAD.lock", "description", "hooks", "info",
	    "objects", "refs", "neap.lock"};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(name, known[i]))
			return true;
	return false;
}

/* Refuses a directory that holds what a repository does not. */
static int check_vacant(const char *path, struct err *e)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int rc = 0;

	if (!dir && errno == ENOENT)
		return 0;
	if (!dir)
		return err_sys(e, errno, "cannot list '%s'", path);
	while (rc == 0 && (entry = readdir(dir)))
		if (!is_of_git(entry->d_name))
			rc = err_set(e, ERR_USAGE,
			    "'%s' holds other things than a state "
			    "repository: name a new directory",
			    path);
	closedir(dir);
	return rc;
}

/* The directory and those above; ours are closed to others. */
static int make_dirs(const char *path, struct err *e)
{
	char *copy = strdup(path), *slash;
	int rc = 0;

	if (!copy)
		return err_set(e, ERR_NOMEM, "out of memory");
	for (slash = strchr(copy + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(copy, 0700);
		*slash = '/';
	}
	if (mkdir(copy, 0700) < 0 && errno != EEXIST)
		rc = err_sys(e, errno, "cannot make '%s'", path);
	free(copy);
	return rc;
}

/* Under the lock of writers, so that one of several makes it and the others
 * find it made. */
static int create(git_repository **out, const char *path, struct err *e)
{
	git_repository_init_options opts;
	struct store_lock lock = STORE_LOCK_INIT;
	int rc;

	if ((rc = check_vacant(path, e)) < 0 || (rc = make_dirs(path, e)) < 0 ||
	    (rc = store_lock(&lock, path, e)) < 0)
		return rc;
	git_repository_init_options_init(
	    &opts, GIT_REPOSITORY_INIT_OPTIONS_VERSION);
	opts.flags = GIT_REPOSITORY_INIT_BARE;
	opts.initial_head = "main";
	rc = git_repository_open_bare(out, path);
	if (rc == GIT_ENOTFOUND)
		rc = git_repository_init_ext(out, path, &opts);
	if (rc < 0)
		rc = store_fail(e, rc, "cannot make repository '%s'", path);
	store_unlock(&lock);
	return rc;
}

/* Refuses a clone whose history is cut short: there is nothing to roll back
 * to, and a push or an older state fails after hosts were changed. */
static int check_whole(git_repository *repo, const char *path, struct err *e)
{
	if (git_repository_is_shallow(repo) != 1)
		return 0;
	return err_set(e, ERR_USAGE,
	    "'%s' is a shallow clone, which lacks the history: "
	    "'git --git-dir=%s fetch --unshallow' brings it",
	    path, path);
}

int store_open(
    struct store **out, const char *path, bool create_it, struct err *e)
{
	struct store *st = NULL;
	git_repository *repo = NULL;
	int rc;

	if (!*path)
		return err_set(
		    e, ERR_USAGE, "the path of the state repository is empty");
	if ((rc = store_start(e)) < 0)
		return rc;
	rc = git_repository_open_bare(&repo, path);
	if (rc == GIT_ENOTFOUND && create_it) {
		if ((rc = create(&repo, path, e)) < 0)
			return rc;
	} else if (rc < 0) {
		return store_fail(e, rc, "cannot open repository '%s'", path);
	}
	if ((rc = check_whole(repo, path, e)) < 0 ||
	    (rc = store_read_loose(repo, e)) < 0) {
		git_repository_free(repo);
		return rc;
	}
	st = calloc(1, sizeof(*st));
	if (st)
		st->path = strdup(git_repository_path(repo));
	if (!st || !st->path) {
		free(st);
		git_repository_free(repo);
		return err_set(e, ERR_NOMEM, "out of memory");
	}
	st->repo = repo;
	*out = st;
	return 0;
}

void store_free(struct store *st)
{
	if (!st)
		return;
	git_repository_free(st->repo);
	free(st->path);
	free(st);
}

const char *store_path(const struct store *st)
{
	return st->path;
}

int store_head(struct store *st, char id[STORE_ID_SIZE], struct err *e)
{
	git_oid oid;
	int rc = git_reference_name_to_id(&oid, st->repo, STORE_BRANCH);

	if (rc == GIT_ENOTFOUND)
		return err_set(e, ERR_NOTFOUND,
		    "nothing is recorded yet in '%s'", st->path);
	if (rc < 0)
		return store_fail(e, rc, "cannot read branch main");
	git_oid_tostr(id, STORE_ID_SIZE, &oid);
	return 0;
}

int store_find_commit(
    git_commit **out, struct store *st, const char *rev, struct err *e)
{
	git_object *object = NULL, *commit = NULL;
	git_oid oid;
	int rc;

	if (strlen(rev) == STORE_ID_SIZE - 1 && !git_oid_fromstr(&oid, rev) &&
	    !git_commit_lookup(out, st->repo, &oid))
		return 0;
	if ((rc = git_revparse_single(&object, st->repo, rev)) == 0)
		rc = git_object_peel(&commit, object, GIT_OBJECT_COMMIT);
	git_object_free(object);
	*out = (git_commit *)commit;
	if (rc == 0)
		return 0;
	if (rc == GIT_EAMBIGUOUS)
		return err_set(e, ERR_NOTFOUND,
		    "'%s' names more than one revision: give more of it", rev);
	return err_set(e, ERR_NOTFOUND,
	    "'%s' is no revision of the state repository", rev);
}

int store_resolve(
    struct store *st, const char *rev, char id[STORE_ID_SIZE], struct err *e)
{
	git_commit *commit = NULL;
	int rc = store_find_commit(&commit, st, rev, e);

	if (rc < 0)
		return rc;
	git_oid_tostr(id, STORE_ID_SIZE, git_commit_id(commit));
	git_commit_free(commit);
	return 0;
}

int store_find_object(git_object **out, struct store *st, git_commit *commit,
    const char *path, struct err *e)
{
	git_tree *tree = NULL;
	git_tree_entry *entry = NULL;
	int rc;

	*out = NULL;
	if ((rc = git_commit_tree(&tree, commit)) < 0)
		return store_fail(e, rc, "cannot read a commit");
	if (!*path) {
		*out = (git_object *)tree;
		return 0;
	}
	rc = git_tree_entry_bypath(&entry, tree, path);
	if (rc == 0)
		rc = git_tree_entry_to_object(out, st->repo, entry);
	else if (rc == GIT_ENOTFOUND)
		rc = 0;
	git_tree_entry_free(entry);
	git_tree_free(tree);
	if (rc < 0)
		return store_fail(e, rc, "cannot read '%s'", path);
	return 0;
}

static int put_blob(struct buf *to, const git_blob *blob, struct err *e)
{
	buf_put(to, git_blob_rawcontent(blob), (size_t)git_blob_rawsize(blob));
	return buf_failed(to) ? err_set(e, ERR_NOMEM, "out of memory") : 0;
}

int store_read_blob(
    struct store *st, const char *id, struct buf *to, struct err *e)
{
	git_blob *blob = NULL;
	git_oid oid;
	int rc = git_oid_fromstr(&oid, id);

	if (rc < 0 || (rc = git_blob_lookup(&blob, st->repo, &oid)) < 0)
		return store_fail(e, rc, "cannot read content '%.40s'", id);
	rc = put_blob(to, blob, e);
	git_blob_free(blob);
	return rc;
}

int store_read(struct store *st, const char *rev, const char *path,
    struct buf *to, struct err *e)
{
	git_commit *commit = NULL;
	git_object *object = NULL;
	int rc;

	if ((rc = store_find_commit(&commit, st, rev, e)) < 0 ||
	    (rc = store_find_object(&object, st, commit, path, e)) < 0)
		goto out;
	if (!object || git_object_type(object) != GIT_OBJECT_BLOB) {
		rc = err_set(e, ERR_NOTFOUND, "there is no file '%s' in '%s'",
		    path, rev);
		goto out;
	}
	rc = put_blob(to, (git_blob *)object, e);
out:
	git_object_free(object);
	git_commit_free(commit);
	return rc;
}
