/* The state repository: a bare git repository with one branch, `main`, that
 * only ever grows by one commit at its end.
 *
 * Writers take their turns by a lock on the file `neap.lock` in it, which
 * goes away with the process that holds it. The file says "writing" while a
 * commit is made: whoever then finds it free and saying so knows that its
 * writer died, and clears away what git's own locks and temporary files it
 * left. Objects and references are synced to disk before they count. */
#ifndef NEAP_STORE_STORE_H
#define NEAP_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum { STORE_ID_SIZE = 41 }; /* 40 hex digits and a NUL */

struct store;

/* Opens the repository at `path`; where there is none and `create` says so,
 * makes it, and the directories above, with mode 0700. A directory that holds
 * anything else is left alone, and a shallow clone is refused (both
 * ERR_USAGE). *out is the caller's, to store_free(). Returns 0, ERR_NOTFOUND,
 * ERR_IO, ERR_USAGE or ERR_NOMEM. */
int store_open(
    struct store **out, const char *path, bool create, struct err *e);
void store_free(struct store *st);

/* Its directory, with a slash at the end. */
const char *store_path(const struct store *st);

/* The branch's newest commit; ERR_NOTFOUND where there is none yet. */
int store_head(struct store *st, char id[STORE_ID_SIZE], struct err *e);

/* The commit that `rev` names, in any way git understands (HEAD~3,
 * a tag, the start of an id). 0 or ERR_NOTFOUND. */
int store_resolve(
    struct store *st, const char *rev, char id[STORE_ID_SIZE], struct err *e);

/* Appends the content of `path` in `rev`. 0, ERR_NOTFOUND, ERR_NOMEM. */
int store_read(struct store *st, const char *rev, const char *path,
    struct buf *to, struct err *e);

/* Appends the content that has the id `id`, as deltas have it. 0,
 * ERR_NOTFOUND, ERR_NOMEM. */
int store_read_blob(
    struct store *st, const char *id, struct buf *to, struct err *e);

/* One thing in a directory. Pointers are borrowed until the next one. */
struct store_entry {
	const char *path; /* relative to the directory */
	bool is_tree;
	char id[STORE_ID_SIZE];
	const char *data; /* with `deep`: the content, `len` bytes */
	size_t len;
};

/* What is in the directory `dir` ("" is all) of `rev`, sorted by path: its
 * entries, or with `deep` the files in it and below, with their content.
 * Nothing where there is no such directory. store_list_next() returns 1, or 0
 * at the end, or a negative err_code. */
struct store_list;
int store_list_open(struct store_list **out, struct store *st, const char *rev,
    const char *dir, bool deep, struct err *e);
int store_list_next(
    struct store_list *list, struct store_entry *entry, struct err *e);
void store_list_free(struct store_list *list);

/* A change to one file: `data` NULL deletes it (and the directories that
 * get empty by it); deleting what is not there is nothing. */
struct store_change {
	const char *path; /* no "", ".", "..", ".git" between slashes */
	const char *data;
	size_t len;
};

/* Signs `text`: appends the signature, as git keeps it, to `to`. Returns as
 * everything here. */
typedef int store_signer(
    void *ctx, const char *text, size_t len, struct buf *to, struct err *e);

struct store_commit {
	const char *parent; /* an id; NULL: there is no commit yet */
	bool aside;	    /* not put on the branch: on top of any `parent` */
	struct store_change *changes; /* gets sorted */
	size_t count;
	const char *message;
	const char *author_name;
	const char *author_email;
	const char *committer_name; /* NULL: the author */
	const char *committer_email;
	int64_t time; /* seconds since the epoch */
	int offset_minutes;
	store_signer *sign; /* NULL: not signed */
	void *sign_ctx;
};

/* Puts one commit on the branch, if its newest is still `parent`. Returns 0
 * and the new id; ERR_CONFLICT where the branch has moved; ERR_LOCKED where
 * another process has held the lock for 30 s; ERR_USAGE for a path that git
 * would not have; ERR_IO. On failure the branch is as it was. */
int store_commit(struct store *st, const struct store_commit *commit,
    char id[STORE_ID_SIZE], struct err *e);

/* Moves the branch from `from` (NULL: there is no commit yet) to the commit
 * `to`. Returns as store_commit(). */
int store_advance(
    struct store *st, const char *from, const char *to, struct err *e);

/* The newest commit that both revisions come from: 0, or ERR_NOTFOUND where
 * they have nothing in common. */
int store_base(struct store *st, const char *a, const char *b,
    char id[STORE_ID_SIZE], struct err *e);

/* Gives the commit `id` a name, "refs/...", that keeps it. */
int store_keep(
    struct store *st, const char *name, const char *id, struct err *e);

/* Appends the value of `key` in the configuration of the repository or of
 * the operator's git (~/.gitconfig and the like). 0, ERR_NOTFOUND, ERR_IO,
 * ERR_NOMEM. Nothing else here heeds the operator's configuration. */
int store_config(
    struct store *st, const char *key, struct buf *to, struct err *e);

/* One commit of a log. Pointers are borrowed until the next one. */
struct store_log_entry {
	char id[STORE_ID_SIZE];
	int64_t time;
	const char *author_name;
	const char *author_email;
	const char *message;
	size_t parents;
	char parent[STORE_ID_SIZE]; /* the first, if there is one */
};

/* The commits up to `rev`, newest first; with `path` (not NULL) those that
 * changed it or anything below, and with `line` (not NULL) those, too, whose
 * message has one that begins with it, below the first. store_log_next()
 * returns as store_list_next(). */
struct store_log;
int store_log_open(struct store_log **out, struct store *st, const char *rev,
    const char *path, const char *line, struct err *e);
int store_log_next(
    struct store_log *log, struct store_log_entry *entry, struct err *e);
void store_log_free(struct store_log *log);

/* One file that differs. Pointers are borrowed until the next one. */
struct store_delta {
	const char *path;
	const char *status;	    /* "added", "deleted", "modified" */
	bool is_tree;		    /* with `depth`: a directory, as a whole */
	char old_id[STORE_ID_SIZE]; /* of the content; "": added */
	char new_id[STORE_ID_SIZE]; /* "": deleted */
	const char *old_data;	    /* with `content`; NULL: added */
	const char *new_data;	    /* NULL: deleted */
	size_t old_len, new_len;
};

struct store_diff_query {
	const char *from, *to; /* revisions; NULL: nothing */
	const char *prefix;    /* at or below it; NULL, "": all */
	unsigned depth; /* directories so far below it count as one; 0: none */
	bool content;	/* with what is in the files */
};

/* The files that differ, sorted by path. What is read is what differs, and
 * the directories above it. store_diff_next() returns as store_list_next(). */
struct store_diff;
int store_diff_open(struct store_diff **out, struct store *st,
    const struct store_diff_query *query, struct err *e);
int store_diff_next(
    struct store_diff *diff, struct store_delta *delta, struct err *e);
void store_diff_free(struct store_diff *diff);

#endif
