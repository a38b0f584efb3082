/* What the files of the store share. */
#ifndef NEAP_STORE_PART_H
#define NEAP_STORE_PART_H

#include <git2.h>

#include "store.h"

#define STORE_BRANCH "refs/heads/main"

struct store {
	git_repository *repo;
	char *path; /* ends in a slash */
};

/* Makes libgit2 ready; must come first. */
int store_start(struct err *e);

/* Has loose objects of `repo` read by us (loose.c), not by libgit2. */
int store_read_loose(git_repository *repo, struct err *e);

/* Sets `e` from libgit2's return value `rc` and its last error, after what we
 * say, and returns the code. */
int store_fail(struct err *e, int rc, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The commit that `rev` names; the caller's to git_commit_free(). */
int store_find_commit(
    git_commit **out, struct store *st, const char *rev, struct err *e);

/* The object at `path` ("": the tree itself) in the tree of `commit`, the
 * caller's to git_object_free(); NULL in *out where there is none. */
int store_find_object(git_object **out, struct store *st, git_commit *commit,
    const char *path, struct err *e);

/* What differs between two trees. */
struct differing {
	char *path;
	git_oid old_id, new_id;
	bool has_old, has_new;
	bool is_tree;
};

struct differing_list {
	struct differing *all;
	size_t count, cap;
};

/* Appends to `to` what differs from `a` to `b` (NULL: nothing), by path, the
 * paths beginning with `root`. Directories more than `depth` levels down (1:
 * none is gone into) count as one thing. */
int store_compare(struct differing_list *to, struct store *st,
    const git_tree *a, const git_tree *b, const char *root, unsigned depth,
    struct err *e);

/* Appends a copy. */
int differing_add(
    struct differing_list *list, const struct differing *found, struct err *e);
void differing_release(struct differing_list *list);

/* The lock of writers (see store.h): waits up to 30 s for its turn, clears
 * away what a writer that died has left, and marks that one is writing.
 * `path` is the repository's directory. */
struct store_lock {
	int fd;
};
#define STORE_LOCK_INIT                                                        \
	{                                                                      \
		-1                                                             \
	}
/* Syncs what was written to the file system that the lock is on. */
int store_sync(const struct store_lock *lock, struct err *e);

int store_lock(struct store_lock *lock, const char *path, struct err *e);
void store_unlock(struct store_lock *lock);

#endif
