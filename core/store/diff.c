/* What differs between two commits, file by file: see store.h. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "part.h"

struct store_diff {
	struct store *st;
	struct differing_list found;
	size_t next;
	bool content;
	git_blob *old_blob, *new_blob; /* of the present delta */
};

/* The directory or file at `prefix` of `rev`; NULL where there is none. */
static int find_at(git_object **out, struct store *st, const char *rev,
    const char *prefix, struct err *e)
{
	git_commit *commit = NULL;
	int rc;

	if (!rev)
		return 0;
	if ((rc = store_find_commit(&commit, st, rev, e)) == 0)
		rc = store_find_object(out, st, commit, prefix, e);
	git_commit_free(commit);
	return rc;
}

static const git_tree *as_tree(const git_object *object)
{
	if (object && git_object_type(object) == GIT_OBJECT_TREE)
		return (const git_tree *)object;
	return NULL;
}

/* `prefix` is a file in one of them or both. */
static int compare_files(struct store_diff *diff, const git_object *a,
    const git_object *b, const char *prefix, struct err *e)
{
	bool old = a && git_object_type(a) == GIT_OBJECT_BLOB;
	bool new = b &&git_object_type(b) == GIT_OBJECT_BLOB;

	if (!old && !new)
		return 0;
	if (old && new &&git_oid_equal(git_object_id(a), git_object_id(b)))
		return 0;
	return differing_add(&diff->found,
	    &(struct differing){.path = (char *)(uintptr_t)prefix,
		.old_id = old ? *git_object_id(a) : (git_oid){{0}},
		.new_id = new ? *git_object_id(b) : (git_oid){{0}},
		.has_old = old,
		.has_new = new},
	    e);
}

int store_diff_open(struct store_diff **out, struct store *st,
    const struct store_diff_query *query, struct err *e)
{
	const char *prefix = query->prefix ? query->prefix : "";
	struct store_diff *diff = calloc(1, sizeof(*diff));
	git_object *from = NULL, *to = NULL;
	int rc;

	if (!diff)
		return err_set(e, ERR_NOMEM, "out of memory");
	diff->st = st;
	diff->content = query->content;
	if ((rc = find_at(&from, st, query->from, prefix, e)) == 0 &&
	    (rc = find_at(&to, st, query->to, prefix, e)) == 0 &&
	    (rc = compare_files(diff, from, to, prefix, e)) == 0)
		rc = store_compare(&diff->found, st, as_tree(from), as_tree(to),
		    prefix, query->depth ? query->depth : UINT_MAX, e);
	git_object_free(from);
	git_object_free(to);
	if (rc < 0)
		store_diff_free(diff);
	else
		*out = diff;
	return rc;
}

static int load(git_blob **blob, struct store_diff *diff, const char *path,
    const git_oid *id, const char **data, size_t *len, struct err *e)
{
	int rc = git_blob_lookup(blob, diff->st->repo, id);

	if (rc < 0)
		return store_fail(e, rc, "cannot read '%s'", path);
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
	bool load_it;
	struct differing *f;
	int rc = 0;

	drop_blobs(diff);
	if (diff->next == diff->found.count)
		return 0;
	f = &diff->found.all[diff->next++];
	*delta = (struct store_delta){.path = f->path, .is_tree = f->is_tree};
	delta->status = !f->has_old  ? "added"
			: f->has_new ? "modified"
				     : "deleted";
	if (f->has_old)
		git_oid_tostr(delta->old_id, STORE_ID_SIZE, &f->old_id);
	if (f->has_new)
		git_oid_tostr(delta->new_id, STORE_ID_SIZE, &f->new_id);
	load_it = diff->content && !f->is_tree;
	if (load_it && f->has_old)
		rc = load(&diff->old_blob, diff, f->path, &f->old_id,
		    &delta->old_data, &delta->old_len, e);
	if (rc == 0 && load_it && f->has_new)
		rc = load(&diff->new_blob, diff, f->path, &f->new_id,
		    &delta->new_data, &delta->new_len, e);
	return rc < 0 ? rc : 1;
}

void store_diff_free(struct store_diff *diff)
{
	if (!diff)
		return;
	drop_blobs(diff);
	differing_release(&diff->found);
	free(diff);
}
