/* What differs between two trees: see part.h.
 *
 * Two trees are walked side by side, and where they have the same id nothing
 * below is read: what it costs goes with what has changed, not with what is
 * there. (libgit2's own comparison reads a thousand times more to find one
 * changed file among a hundred thousand.)
 */
#include <stdlib.h>
#include <string.h>

#include "part.h"

static bool is_tree(const git_tree_entry *entry)
{
	return entry && git_tree_entry_type(entry) == GIT_OBJECT_TREE;
}

int differing_add(
    struct differing_list *list, const struct differing *found, struct err *e)
{
	struct differing *f = list->all;

	if (list->count == list->cap) {
		size_t cap = list->cap ? 2 * list->cap : 64;

		if (!(f = reallocarray(f, cap, sizeof(*f))))
			return err_set(e, ERR_NOMEM, "out of memory");
		list->all = f;
		list->cap = cap;
	}
	f += list->count;
	*f = *found;
	if (!(f->path = strdup(found->path)))
		return err_set(e, ERR_NOMEM, "out of memory");
	list->count++;
	return 0;
}

static int add(struct differing_list *list, const char *path,
    const git_tree_entry *old, const git_tree_entry *new, struct err *e)
{
	struct differing found = {
	    .path = (char *)(uintptr_t)path, /* read only */
	    .is_tree = is_tree(old ? old : new),
	    .has_old = old,
	    .has_new = new};

	if (old)
		found.old_id = *git_tree_entry_id(old);
	if (new)
		found.new_id = *git_tree_entry_id(new);
	return differing_add(list, &found, e);
}

void differing_release(struct differing_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->all[i].path);
	free(list->all);
	memset(list, 0, sizeof(*list));
}

/* What one comparison carries down. */
struct walk {
	struct store *st;
	struct differing_list *to;
	unsigned depth; /* trees this far down count as files */
	struct buf path;
	struct err *e;
};

static int tree_of(git_tree **out, struct walk *w, const git_tree_entry *entry)
{
	int rc;

	*out = NULL;
	if (!entry)
		return 0;
	rc = git_tree_lookup(out, w->st->repo, git_tree_entry_id(entry));
	return rc < 0 ? store_fail(w->e, rc, "cannot read '%s'",
			    git_tree_entry_name(entry))
		      : 0;
}

static int walk_trees(
    struct walk *w, const git_tree *a, const git_tree *b, unsigned level);

static int walk_below(struct walk *w, const git_tree_entry *a,
    const git_tree_entry *b, unsigned level)
{
	git_tree *old = NULL, *new = NULL;
	int rc;

	if ((rc = tree_of(&old, w, a)) == 0 && (rc = tree_of(&new, w, b)) == 0)
		rc = walk_trees(w, old, new, level);
	git_tree_free(old);
	git_tree_free(new);
	return rc;
}

/* Entries of one name and kind; one of them may be NULL. */
static int walk_entry(struct walk *w, const git_tree_entry *a,
    const git_tree_entry *b, unsigned level)
{
	size_t len = w->path.len;
	const char *name = git_tree_entry_name(a ? a : b);
	bool down = is_tree(a ? a : b) && level < w->depth;
	int rc;

	if (a && b && git_oid_equal(git_tree_entry_id(a), git_tree_entry_id(b)))
		return 0;
	buf_puts(&w->path, name);
	if (down)
		buf_putc(&w->path, '/');
	if (buf_failed(&w->path))
		rc = err_set(w->e, ERR_NOMEM, "out of memory");
	else if (down)
		rc = walk_below(w, a, b, level + 1);
	else
		rc = add(w->to, w->path.data, a, b, w->e);
	w->path.len = len;
	return rc;
}

/* Both are sorted as git sorts, a directory as if its name ended in a slash;
 * so a file and a directory of one name are two that do not meet. */
static int walk_trees(
    struct walk *w, const git_tree *a, const git_tree *b, unsigned level)
{
	size_t na = a ? git_tree_entrycount(a) : 0;
	size_t nb = b ? git_tree_entrycount(b) : 0;
	int rc = 0;

	for (size_t i = 0, j = 0; rc == 0 && (i < na || j < nb);) {
		const git_tree_entry *x =
		    i < na ? git_tree_entry_byindex(a, i) : NULL;
		const git_tree_entry *y =
		    j < nb ? git_tree_entry_byindex(b, j) : NULL;
		int cmp = !x ? 1 : !y ? -1 : git_tree_entry_cmp(x, y);

		if (cmp > 0)
			x = NULL;
		else if (cmp < 0)
			y = NULL;
		i += x != NULL;
		j += y != NULL;
		rc = walk_entry(w, x, y, level);
	}
	return rc;
}

/* libgit2 keeps trees up to a size, in case they are asked for again, for which
 * it holds each of them twice. A comparison asks once. */
static void keep_trees(bool keep)
{
	size_t most = keep ? 4096 : 0; /* bytes; libgit2's own limit */

	git_libgit2_opts(GIT_OPT_SET_CACHE_OBJECT_LIMIT, GIT_OBJECT_TREE, most);
}

int store_compare(struct differing_list *to, struct store *st,
    const git_tree *a, const git_tree *b, const char *root, unsigned depth,
    struct err *e)
{
	struct walk w = {
	    .st = st, .to = to, .depth = depth, .path = BUF_INIT, .e = e};
	int rc;

	buf_puts(&w.path, root);
	if (*root)
		buf_putc(&w.path, '/');
	keep_trees(false);
	rc = buf_failed(&w.path) ? err_set(e, ERR_NOMEM, "out of memory")
				 : walk_trees(&w, a, b, 1);
	keep_trees(true);
	buf_release(&w.path);
	return rc;
}
