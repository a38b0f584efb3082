/* Writing to the state repository: see store.h.
 *
 * Only what is on the way to a changed file is written anew. The changes are
 * sorted so that those of one directory are neighbours, and one function
 * takes a directory and its share of them, and calls itself for those below.
 *
 *     hosts/a/x                       [hosts/a/x  hosts/a/y  hosts/b/z]
 *     hosts/a/y        ->  hosts:     [      a/x        a/y        b/z]
 *     hosts/b/z             a:        [        x          y]
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "part.h"

enum { PATH_MAX_BYTES = 4096, RETRIES = 500 };

/* A slash sorts before any other byte, or "a/b" would not follow "a". */
static int compare(const void *a, const void *b)
{
	const char *x = ((const struct store_change *)a)->path;
	const char *y = ((const struct store_change *)b)->path;

	while (*x && *x == *y) {
		x++;
		y++;
	}
	if (*x == *y || !*x || !*y)
		return (*x != '\0') - (*y != '\0');
	if (*x == '/' || *y == '/')
		return *x == '/' ? -1 : 1;
	return (unsigned char)*x < (unsigned char)*y ? -1 : 1;
}

static bool component_is(const char *s, size_t len, const char *what)
{
	return len == strlen(what) && !strncasecmp(s, what, len);
}

static int check_path(const char *path, struct err *e)
{
	const char *s = path;
	bool ok = strlen(path) <= PATH_MAX_BYTES;

	while (ok) {
		size_t len = strcspn(s, "/");

		ok = len && !component_is(s, len, ".") &&
		     !component_is(s, len, "..") &&
		     !component_is(s, len, ".git");
		if (!s[len])
			break;
		s += len + 1;
	}
	if (!ok)
		return err_set(e, ERR_USAGE,
		    "'%.200s' cannot be a path in git: encode it", path);
	return 0;
}

struct share {
	struct store_change *first;
	size_t count;
	size_t skip; /* bytes of the paths that name the directory */
};

static int write_tree(git_oid *out, bool *empty, struct store *st,
    const git_tree *base, const struct share *share, struct err *e);

/* The tree below `bld`'s entry `name`, NULL where there is none. */
static int subtree(git_tree **out, struct store *st, git_treebuilder *bld,
    const char *name, struct err *e)
{
	const git_tree_entry *entry = git_treebuilder_get(bld, name);
	int rc;

	*out = NULL;
	if (!entry || git_tree_entry_type(entry) != GIT_OBJECT_TREE)
		return 0;
	rc = git_tree_lookup(out, st->repo, git_tree_entry_id(entry));
	return rc < 0 ? store_fail(e, rc, "cannot read '%s'", name) : 0;
}

/* Everything below `name` that changes. */
static int put_below(struct store *st, git_treebuilder *bld, const char *name,
    const struct share *share, struct err *e)
{
	const git_tree_entry *entry = git_treebuilder_get(bld, name);
	bool is_file = entry && git_tree_entry_type(entry) != GIT_OBJECT_TREE;
	git_tree *base = NULL;
	bool empty;
	git_oid oid;
	int rc;

	if ((rc = subtree(&base, st, bld, name, e)) < 0 ||
	    (rc = write_tree(&oid, &empty, st, base, share, e)) < 0)
		goto out;
	if (!empty && is_file) {
		rc = err_set(e, ERR_USAGE,
		    "'%s' is recorded as a file: delete it first",
		    share->first->path);
		goto out;
	}
	if (!empty)
		rc = git_treebuilder_insert(
		    NULL, bld, name, &oid, GIT_FILEMODE_TREE);
	else if (entry && !is_file)
		rc = git_treebuilder_remove(bld, name);
	if (rc < 0)
		rc =
		    store_fail(e, rc, "cannot record '%s'", share->first->path);
out:
	git_tree_free(base);
	return rc;
}

static int put_file(struct store *st, git_treebuilder *bld, const char *name,
    const struct store_change *change, struct err *e)
{
	const git_tree_entry *entry = git_treebuilder_get(bld, name);
	bool is_tree = entry && git_tree_entry_type(entry) == GIT_OBJECT_TREE;
	git_oid oid;
	int rc = 0;

	if (is_tree && change->data)
		return err_set(e, ERR_USAGE,
		    "'%s' is recorded as a directory: delete it first",
		    change->path);
	if (change->data)
		rc = git_blob_create_from_buffer(
		    &oid, st->repo, change->data, change->len);
	if (rc == 0 && change->data)
		rc = git_treebuilder_insert(
		    NULL, bld, name, &oid, GIT_FILEMODE_BLOB);
	else if (rc == 0 && entry && !is_tree)
		rc = git_treebuilder_remove(bld, name);
	if (rc < 0)
		return store_fail(e, rc, "cannot record '%s'", change->path);
	return 0;
}

/* One entry of the directory: `share` is all that begins with its name, the
 * file of that name first. A file that goes makes room for a directory, and
 * the other way round. */
static int put_entry(struct store *st, git_treebuilder *bld, const char *name,
    const struct share *share, struct err *e)
{
	const struct store_change *first = share->first;
	size_t len = strlen(name);
	bool is_file = first->path[share->skip + len] == '\0';
	struct share rest = {share->first + is_file, share->count - is_file,
	    share->skip + len + 1};
	int rc = 0;

	if (is_file && rest.count && !rest.first->path[share->skip + len])
		return err_set(
		    e, ERR_USAGE, "'%s' is changed twice", first->path);
	if (is_file && !first->data)
		rc = put_file(st, bld, name, first, e);
	if (rc == 0 && rest.count)
		rc = put_below(st, bld, name, &rest, e);
	if (rc == 0 && is_file && first->data)
		rc = put_file(st, bld, name, first, e);
	return rc;
}

static int write_tree(git_oid *out, bool *empty, struct store *st,
    const git_tree *base, const struct share *share, struct err *e)
{
	git_treebuilder *bld = NULL;
	char *name;
	int rc = git_treebuilder_new(&bld, st->repo, base);

	if (rc < 0)
		return store_fail(e, rc, "cannot make a tree");
	for (size_t i = 0, j; rc == 0 && i < share->count; i = j) {
		const char *at = share->first[i].path + share->skip;
		size_t len = strcspn(at, "/");

		for (j = i + 1; j < share->count; j++) {
			const char *s = share->first[j].path + share->skip;

			if (strcspn(s, "/") != len || memcmp(s, at, len))
				break;
		}
		name = strndup(at, len);
		rc = name ? put_entry(st, bld, name,
				&(struct share){
				    share->first + i, j - i, share->skip},
				e)
			  : err_set(e, ERR_NOMEM, "out of memory");
		free(name);
	}
	if (rc == 0) {
		*empty = git_treebuilder_entrycount(bld) == 0;
		rc = git_treebuilder_write(out, bld);
		if (rc < 0)
			rc = store_fail(e, rc, "cannot write a tree");
	}
	git_treebuilder_free(bld);
	return rc;
}

/* The commit as text, signed. */
static int make_signed(git_oid *out, struct store *st,
    const struct store_commit *commit, const git_buf *text, struct err *e)
{
	struct buf signature = BUF_INIT;
	int rc = commit->sign(
	    commit->sign_ctx, text->ptr, text->size, &signature, e);

	if (rc == 0 && buf_failed(&signature))
		rc = err_set(e, ERR_NOMEM, "out of memory");
	else if (rc == 0 &&
		 (rc = git_commit_create_with_signature(
		      out, st->repo, text->ptr, signature.data, "gpgsig")) < 0)
		rc = store_fail(e, rc, "cannot make a signed commit");
	buf_release(&signature);
	return rc;
}

static int put_commit(git_oid *out, struct store *st,
    const struct store_commit *commit, const git_signature *author,
    const git_signature *committer, const git_tree *tree, git_commit *parent,
    struct err *e)
{
	const git_commit *parents[] = {parent};
	git_buf text = GIT_BUF_INIT;
	int rc;

	if (!commit->sign) {
		rc = git_commit_create(out, st->repo, NULL, author, committer,
		    NULL, commit->message, tree, parent ? 1 : 0, parents);
		return rc < 0 ? store_fail(e, rc, "cannot make a commit") : 0;
	}
	rc = git_commit_create_buffer(&text, st->repo, author, committer, NULL,
	    commit->message, tree, parent ? 1 : 0, parents);
	rc = rc < 0 ? store_fail(e, rc, "cannot make a commit")
		    : make_signed(out, st, commit, &text, e);
	git_buf_dispose(&text);
	return rc;
}

static int make_commit(git_oid *out, struct store *st,
    const struct store_commit *commit, git_commit *parent,
    const git_oid *tree_id, struct err *e)
{
	const char *name = commit->committer_name;
	const char *email = commit->committer_email;
	git_signature *author = NULL, *committer = NULL;
	git_tree *tree = NULL;
	int rc;

	if ((rc = git_signature_new(&author, commit->author_name,
		 commit->author_email, commit->time, commit->offset_minutes)) <
		0 ||
	    (rc = git_signature_new(&committer,
		 name ? name : commit->author_name,
		 email ? email : commit->author_email, commit->time,
		 commit->offset_minutes)) < 0 ||
	    (rc = git_tree_lookup(&tree, st->repo, tree_id)) < 0)
		rc = store_fail(e, rc, "cannot make a commit");
	else
		rc = put_commit(
		    out, st, commit, author, committer, tree, parent, e);
	git_signature_free(author);
	git_signature_free(committer);
	git_tree_free(tree);
	return rc;
}

/* Compare and swap. Another program, such as git itself, may hold git's lock
 * on the branch for a moment. */
static int move_branch(struct store *st, const git_oid *id,
    const git_commit *parent, struct err *e)
{
	const struct timespec pause = {0, 10 * 1000000L};
	git_reference *ref = NULL;
	int rc = GIT_ELOCKED;

	for (int i = 0; rc == GIT_ELOCKED && i < RETRIES; i++) {
		if (i > 0)
			nanosleep(&pause, NULL);
		rc = git_reference_create_matching(&ref, st->repo, STORE_BRANCH,
		    id, parent != NULL, parent ? git_commit_id(parent) : NULL,
		    "neap");
	}
	git_reference_free(ref);
	if (rc == GIT_ELOCKED)
		return err_set(e, ERR_LOCKED,
		    "'%s" STORE_BRANCH ".lock' is held by another program: "
		    "if none is at work there, remove it",
		    st->path);
	if (rc < 0)
		return store_fail(e, rc, "the branch main has moved");
	return 0;
}

/* The commit that must be the newest, or NULL where there must be none. */
static int check_parent(
    git_commit **out, struct store *st, const char *wanted, struct err *e)
{
	char head[STORE_ID_SIZE] = "";
	int rc = store_head(st, head, e);

	if (rc < 0 && rc != ERR_NOTFOUND)
		return rc;
	if (strcmp(head, wanted ? wanted : ""))
		return err_set(e, ERR_CONFLICT,
		    "the recorded state has moved from %.10s to %.10s",
		    wanted ? wanted : "nothing", *head ? head : "nothing");
	return wanted ? store_find_commit(out, st, wanted, e) : 0;
}

static int find_parent(git_commit **out, struct store *st,
    const struct store_commit *commit, struct err *e)
{
	if (!commit->aside)
		return check_parent(out, st, commit->parent, e);
	return commit->parent ? store_find_commit(out, st, commit->parent, e)
			      : 0;
}

/* What was written is synced before the branch says that it is there. */
static int publish(struct store *st, const git_oid *id,
    const git_commit *parent, const struct store_lock *lock, struct err *e)
{
	int rc = store_sync(lock, e);

	if (rc < 0)
		return rc;
	git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
	rc = move_branch(st, id, parent, e);
	git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 0);
	return rc;
}

static int commit_locked(git_oid *id, struct store *st,
    const struct store_commit *commit, const struct store_lock *lock,
    struct err *e)
{
	struct share all = {commit->changes, commit->count, 0};
	git_commit *parent = NULL;
	git_tree *base = NULL;
	git_oid tree;
	bool empty;
	int rc;

	if ((rc = find_parent(&parent, st, commit, e)) < 0)
		goto out;
	if (parent && (rc = git_commit_tree(&base, parent)) < 0) {
		rc = store_fail(e, rc, "cannot read '%s'", commit->parent);
		goto out;
	}
	if ((rc = write_tree(&tree, &empty, st, base, &all, e)) < 0 ||
	    (rc = make_commit(id, st, commit, parent, &tree, e)) < 0)
		goto out;
	if (!commit->aside)
		rc = publish(st, id, parent, lock, e);
out:
	git_tree_free(base);
	git_commit_free(parent);
	return rc;
}

int store_commit(struct store *st, const struct store_commit *commit,
    char id[STORE_ID_SIZE], struct err *e)
{
	struct store_lock lock = STORE_LOCK_INIT;
	git_oid oid;
	int rc;

	for (size_t i = 0; i < commit->count; i++)
		if ((rc = check_path(commit->changes[i].path, e)) < 0)
			return rc;
	if (commit->count)
		qsort(commit->changes, commit->count, sizeof(*commit->changes),
		    compare);
	if ((rc = store_lock(&lock, st->path, e)) < 0)
		return rc;
	rc = commit_locked(&oid, st, commit, &lock, e);
	store_unlock(&lock);
	if (rc == 0)
		git_oid_tostr(id, STORE_ID_SIZE, &oid);
	return rc;
}

int store_advance(
    struct store *st, const char *from, const char *to, struct err *e)
{
	struct store_lock lock = STORE_LOCK_INIT;
	git_commit *parent = NULL, *target = NULL;
	int rc;

	if ((rc = store_lock(&lock, st->path, e)) < 0)
		return rc;
	if ((rc = check_parent(&parent, st, from, e)) == 0 &&
	    (rc = store_find_commit(&target, st, to, e)) == 0)
		rc = publish(st, git_commit_id(target), parent, &lock, e);
	store_unlock(&lock);
	git_commit_free(parent);
	git_commit_free(target);
	return rc;
}
