/* Directories of the state repository: see store.h. */
#include <stdlib.h>
#include <string.h>

#include "part.h"

/* What is found is noted first, without content; content is read one file at
 * a time as the caller goes on. */
struct found {
	char *path;
	git_oid oid;
	bool is_tree;
};

struct store_list {
	struct store *st;
	bool deep;
	struct found *found;
	size_t count, cap, next;
	git_blob *blob; /* of the present entry */
};

static int add(
    struct store_list *list, const char *root, const git_tree_entry *entry)
{
	const char *name = git_tree_entry_name(entry);
	size_t root_len = strlen(root), name_len = strlen(name);
	struct found *f = list->found;

	if (list->count == list->cap) {
		size_t cap = list->cap ? 2 * list->cap : 32;

		if (!(f = reallocarray(list->found, cap, sizeof(*f))))
			return GIT_EUSER;
		list->found = f;
		list->cap = cap;
	}
	f += list->count;
	if (!(f->path = malloc(root_len + name_len + 1)))
		return GIT_EUSER;
	memcpy(f->path, root, root_len);
	memcpy(f->path + root_len, name, name_len + 1);
	f->oid = *git_tree_entry_id(entry);
	f->is_tree = git_tree_entry_type(entry) == GIT_OBJECT_TREE;
	list->count++;
	return 0;
}

/* 1 tells git_tree_walk() not to go down. */
static int on_entry(
    const char *root, const git_tree_entry *entry, void *payload)
{
	struct store_list *list = payload;
	bool is_tree = git_tree_entry_type(entry) == GIT_OBJECT_TREE;
	int rc = 0;

	if (!list->deep || !is_tree)
		rc = add(list, root, entry);
	if (rc == 0 && !list->deep)
		return 1;
	return rc;
}

static int walk(
    struct store_list *list, const char *rev, const char *dir, struct err *e)
{
	git_commit *commit = NULL;
	git_object *object = NULL;
	int rc;

	if ((rc = store_find_commit(&commit, list->st, rev, e)) < 0 ||
	    (rc = store_find_object(&object, list->st, commit, dir, e)) < 0)
		goto out;
	if (object && git_object_type(object) == GIT_OBJECT_TREE)
		rc = git_tree_walk(
		    (git_tree *)object, GIT_TREEWALK_PRE, on_entry, list);
	if (rc == GIT_EUSER)
		rc = err_set(e, ERR_NOMEM, "out of memory");
	else if (rc < 0)
		rc = store_fail(e, rc, "cannot list '%s'", dir);
out:
	git_object_free(object);
	git_commit_free(commit);
	return rc;
}

int store_list_open(struct store_list **out, struct store *st, const char *rev,
    const char *dir, bool deep, struct err *e)
{
	struct store_list *list = calloc(1, sizeof(*list));
	int rc;

	if (!list)
		return err_set(e, ERR_NOMEM, "out of memory");
	list->st = st;
	list->deep = deep;
	if ((rc = walk(list, rev, dir, e)) < 0) {
		store_list_free(list);
		return rc;
	}
	*out = list;
	return 0;
}

int store_list_next(
    struct store_list *list, struct store_entry *entry, struct err *e)
{
	struct found *f;
	int rc;

	git_blob_free(list->blob);
	list->blob = NULL;
	if (list->next == list->count)
		return 0;
	f = &list->found[list->next++];
	*entry = (struct store_entry){.path = f->path, .is_tree = f->is_tree};
	git_oid_tostr(entry->id, STORE_ID_SIZE, &f->oid);
	if (!list->deep)
		return 1;
	rc = git_blob_lookup(&list->blob, list->st->repo, &f->oid);
	if (rc < 0)
		return store_fail(e, rc, "cannot read '%s'", f->path);
	entry->data = git_blob_rawcontent(list->blob);
	entry->len = (size_t)git_blob_rawsize(list->blob);
	return 1;
}

void store_list_free(struct store_list *list)
{
	if (!list)
		return;
	for (size_t i = 0; i < list->count; i++)
		free(list->found[i].path);
	free(list->found);
	git_blob_free(list->blob);
	free(list);
}
