/* Which commit last changed what: see store.h.
 *
 * All files of a directory are asked about at once. From a commit to its
 * parent only what differs is looked at; a file that differs, and was not met
 * before, was last changed by that commit.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "part.h"

struct origin {
	char *path; /* the key: first */
	git_oid commit;
	bool known;
};

struct store_blame {
	struct store *st;
	char *dir;
	struct origin *all; /* sorted by path */
	size_t count, next;
	size_t open; /* so many are not known yet */
};

static int by_path(const void *a, const void *b)
{
	return strcmp(
	    ((const struct origin *)a)->path, ((const struct origin *)b)->path);
}

/* What stands at the directory in `commit` (NULL: nothing). */
static int object_at(git_object **out, struct store_blame *blame,
    git_commit *commit, struct err *e)
{
	*out = NULL;
	if (!commit)
		return 0;
	return store_find_object(out, blame->st, commit, blame->dir, e);
}

static const git_tree *as_tree(const git_object *object)
{
	if (object && git_object_type(object) == GIT_OBJECT_TREE)
		return (const git_tree *)object;
	return NULL;
}

static int compare(struct differing_list *to, struct store_blame *blame,
    const git_object *old, const git_object *new, struct err *e)
{
	static const struct differing itself = {.path = "", .has_new = true};

	if (old && new &&git_oid_equal(git_object_id(old), git_object_id(new)))
		return 0;
	if (new && !as_tree(new))
		return differing_add(to, &itself, e);
	return store_compare(
	    to, blame->st, as_tree(old), as_tree(new), "", UINT_MAX, e);
}

/* All files that are there in the end, none of them known yet. */
static int list_files(
    struct store_blame *blame, const git_object *object, struct err *e)
{
	struct differing_list files = {0};
	int rc = compare(&files, blame, NULL, object, e);

	if (rc == 0 && files.count) {
		blame->all = calloc(files.count, sizeof(*blame->all));
		if (!blame->all)
			rc = err_set(e, ERR_NOMEM, "out of memory");
	}
	for (size_t i = 0; rc == 0 && i < files.count; i++) {
		blame->all[i].path = files.all[i].path;
		files.all[i].path = NULL;
		blame->count++;
	}
	differing_release(&files);
	if (blame->count)
		qsort(blame->all, blame->count, sizeof(*blame->all), by_path);
	blame->open = blame->count;
	return rc;
}

static void credit(struct store_blame *blame, const struct differing *found,
    const git_commit *commit)
{
	struct origin key = {.path = found->path}, *origin;

	origin = blame->count ? bsearch(&key, blame->all, blame->count,
				    sizeof(key), by_path)
			      : NULL;
	if (!origin || origin->known)
		return;
	origin->known = true;
	origin->commit = *git_commit_id(commit);
	blame->open--;
}

/* Takes one step back: *commit and *at become its parent's. */
static int step(struct store_blame *blame, git_commit **commit, git_object **at,
    struct err *e)
{
	struct differing_list differs = {0};
	git_commit *parent = NULL;
	git_object *before = NULL;
	int rc = 0;

	if (git_commit_parentcount(*commit) > 0 &&
	    (rc = git_commit_parent(&parent, *commit, 0)) < 0)
		return store_fail(e, rc, "cannot read a commit");
	if ((rc = object_at(&before, blame, parent, e)) == 0 &&
	    (rc = compare(&differs, blame, before, *at, e)) == 0) {
		for (size_t i = 0; i < differs.count; i++)
			credit(blame, &differs.all[i], *commit);
	}
	differing_release(&differs);
	git_object_free(*at);
	git_commit_free(*commit);
	*at = before;
	*commit = parent;
	return rc;
}

int store_blame_open(struct store_blame **out, struct store *st,
    const char *rev, const char *dir, struct err *e)
{
	struct store_blame *blame = calloc(1, sizeof(*blame));
	git_commit *commit = NULL;
	git_object *at = NULL;
	int rc;

	if (!blame || !(blame->dir = strdup(dir))) {
		free(blame);
		return err_set(e, ERR_NOMEM, "out of memory");
	}
	blame->st = st;
	if ((rc = store_find_commit(&commit, st, rev, e)) == 0 &&
	    (rc = object_at(&at, blame, commit, e)) == 0)
		rc = list_files(blame, at, e);
	while (rc == 0 && commit && blame->open)
		rc = step(blame, &commit, &at, e);
	git_object_free(at);
	git_commit_free(commit);
	if (rc < 0)
		store_blame_free(blame);
	else
		*out = blame;
	return rc;
}

int store_blame_next(
    struct store_blame *blame, struct store_origin *origin, struct err *e)
{
	const struct origin *o;

	(void)e;
	if (blame->next == blame->count)
		return 0;
	o = &blame->all[blame->next++];
	origin->path = o->path;
	git_oid_tostr(origin->id, STORE_ID_SIZE, &o->commit);
	return 1;
}

void store_blame_free(struct store_blame *blame)
{
	if (!blame)
		return;
	for (size_t i = 0; i < blame->count; i++)
		free(blame->all[i].path);
	free(blame->all);
	free(blame->dir);
	free(blame);
}
