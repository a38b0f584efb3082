/* What differs between two commits: see store.h. */
#include <stdlib.h>
#include <string.h>

#include "part.h"

struct store_diff {
	struct store *st;
	git_diff *diff;
	size_t next;
	git_blob *old_blob, *new_blob; /* of the present delta */
};

static int find_tree(
    git_tree **out, struct store *st, const char *rev, struct err *e)
{
	git_commit *commit = NULL;
	int rc;

	if (!rev)
		return 0;
	if ((rc = store_find_commit(&commit, st, rev, e)) < 0)
		return rc;
	if ((rc = git_commit_tree(out, commit)) < 0)
		rc = store_fail(e, rc, "cannot read '%s'", rev);
	git_commit_free(commit);
	return rc;
}

int store_diff_open(struct store_diff **out, struct store *st, const char *a,
    const char *b, const char *prefix, struct err *e)
{
	git_diff_options opts;
	struct store_diff *diff = calloc(1, sizeof(*diff));
	git_tree *from = NULL, *to = NULL;
	char *path = (char *)(uintptr_t)prefix; /* read only */
	int rc;

	if (!diff)
		return err_set(e, ERR_NOMEM, "out of memory");
	diff->st = st;
	if ((rc = find_tree(&from, st, a, e)) < 0 ||
	    (rc = find_tree(&to, st, b, e)) < 0)
		goto out;
	git_diff_options_init(&opts, GIT_DIFF_OPTIONS_VERSION);
	opts.flags = GIT_DIFF_DISABLE_PATHSPEC_MATCH;
	if (*prefix)
		opts.pathspec = (git_strarray){&path, 1};
	rc = git_diff_tree_to_tree(&diff->diff, st->repo, from, to, &opts);
	if (rc < 0)
		rc = store_fail(e, rc, "cannot compare two states");
out:
	git_tree_free(from);
	git_tree_free(to);
	if (rc < 0)
		store_diff_free(diff);
	else
		*out = diff;
	return rc;
}

static const char *status_of(git_delta_t status)
{
	if (status == GIT_DELTA_ADDED)
		return "added";
	return status == GIT_DELTA_DELETED ? "deleted" : "modified";
}

static int load(git_blob **blob, struct store_diff *diff,
    const git_diff_file *file, const char **data, size_t *len, struct err *e)
{
	int rc = git_blob_lookup(blob, diff->st->repo, &file->id);

	if (rc < 0)
		return store_fail(e, rc, "cannot read '%s'", file->path);
	*data = git_blob_rawcontent(*blob);
	*len = (size_t)git_blob_rawsize(*blob);
	return 0;
}

static void drop_blobs(struct store_diff *diff)
{
	git_blob_free(diff->old_blob);
	git_blob_free(diff->new_blob);
	diff->old_blob = diff->new_blob = NULL;
}

int store_diff_next(
    struct store_diff *diff, struct store_delta *delta, struct err *e)
{
	const git_diff_delta *d;
	int rc;

	drop_blobs(diff);
	if (diff->next == git_diff_num_deltas(diff->diff))
		return 0;
	d = git_diff_get_delta(diff->diff, diff->next++);
	*delta = (struct store_delta){
	    .path = d->new_file.path, .status = status_of(d->status)};
	if (d->status != GIT_DELTA_ADDED &&
	    (rc = load(&diff->old_blob, diff, &d->old_file, &delta->old_data,
		 &delta->old_len, e)) < 0)
		return rc;
	if (d->status != GIT_DELTA_DELETED &&
	    (rc = load(&diff->new_blob, diff, &d->new_file, &delta->new_data,
		 &delta->new_len, e)) < 0)
		return rc;
	return 1;
}

void store_diff_free(struct store_diff *diff)
{
	if (!diff)
		return;
	drop_blobs(diff);
	git_diff_free(diff->diff);
	free(diff);
}
