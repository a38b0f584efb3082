/* The history of the state repository: see store.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "part.h"

struct store_log {
	struct store *st;
	git_revwalk *walk;
	char *path;	       /* NULL: all commits */
	char *line;	       /* "\n" and how a line begins, or NULL */
	git_commit *commit;    /* the present one */
	git_oid seen, at_seen; /* what stands at the path in that commit */
};

int store_log_open(struct store_log **out, struct store *st, const char *rev,
    const char *path, const char *line, struct err *e)
{
	struct store_log *log = calloc(1, sizeof(*log));
	git_commit *commit = NULL;
	int rc;

	if (!log || (path && !(log->path = strdup(path))) ||
	    (line && asprintf(&log->line, "\n%s", line) < 0)) {
		if (log)
			free(log->path);
		free(log);
		return err_set(e, ERR_NOMEM, "out of memory");
	}
	log->st = st;
	if ((rc = store_find_commit(&commit, st, rev, e)) < 0)
		goto fail;
	if ((rc = git_revwalk_new(&log->walk, st->repo)) < 0 ||
	    (rc = git_revwalk_push(log->walk, git_commit_id(commit))) < 0) {
		rc = store_fail(e, rc, "cannot read the log of '%s'", rev);
		goto fail;
	}
	git_commit_free(commit);
	*out = log;
	return 0;
fail:
	git_commit_free(commit);
	store_log_free(log);
	return rc;
}

/* The id at the log's path in `commit`; all zeros where there is nothing. */
static int id_at(
    git_oid *oid, struct store_log *log, git_commit *commit, struct err *e)
{
	git_tree_entry *entry = NULL;
	git_tree *tree = NULL;
	int rc;

	if (git_oid_equal(&log->seen, git_commit_id(commit))) {
		*oid = log->at_seen;
		return 0;
	}
	memset(oid, 0, sizeof(*oid));
	if ((rc = git_commit_tree(&tree, commit)) < 0)
		return store_fail(e, rc, "cannot read a commit");
	rc = git_tree_entry_bypath(&entry, tree, log->path);
	if (rc == 0)
		*oid = *git_tree_entry_id(entry);
	else if (rc == GIT_ENOTFOUND)
		rc = 0;
	else
		rc = store_fail(e, rc, "cannot read '%s'", log->path);
	git_tree_entry_free(entry);
	git_tree_free(tree);
	return rc;
}

/* 1 where the present commit changed the log's path, else 0. The parent is
 * most often the next one to be asked about. */
static int changed(struct store_log *log, struct err *e)
{
	git_commit *parent = NULL;
	git_oid now, then;
	int rc;

	memset(&then, 0, sizeof(then));
	if ((rc = id_at(&now, log, log->commit, e)) < 0)
		return rc;
	if (git_commit_parentcount(log->commit) > 0) {
		rc = git_commit_parent(&parent, log->commit, 0);
		if (rc < 0)
			return store_fail(e, rc, "cannot read a commit");
		rc = id_at(&then, log, parent, e);
		log->seen = *git_commit_id(parent);
		log->at_seen = then;
		git_commit_free(parent);
	}
	return rc < 0 ? rc : !git_oid_equal(&now, &then);
}

static bool says(const struct store_log *log)
{
	return log->line && strstr(git_commit_message(log->commit), log->line);
}

static void fill(struct store_log_entry *entry, git_commit *commit)
{
	const git_signature *author = git_commit_author(commit);

	*entry = (struct store_log_entry){
	    .time = git_commit_time(commit),
	    .author_name = author->name,
	    .author_email = author->email,
	    .message = git_commit_message(commit),
	    .parents = git_commit_parentcount(commit),
	};
	git_oid_tostr(entry->id, STORE_ID_SIZE, git_commit_id(commit));
	if (entry->parents)
		git_oid_tostr(entry->parent, STORE_ID_SIZE,
		    git_commit_parent_id(commit, 0));
}

int store_log_next(
    struct store_log *log, struct store_log_entry *entry, struct err *e)
{
	git_oid oid;
	int rc;

	for (;;) {
		git_commit_free(log->commit);
		log->commit = NULL;
		if ((rc = git_revwalk_next(&oid, log->walk)) == GIT_ITEROVER)
			return 0;
		if (rc < 0 || (rc = git_commit_lookup(
				   &log->commit, log->st->repo, &oid)) < 0)
			return store_fail(e, rc, "cannot read the log");
		if (!log->path || says(log) || (rc = changed(log, e)) > 0)
			break;
		if (rc < 0)
			return rc;
	}
	fill(entry, log->commit);
	return 1;
}

void store_log_free(struct store_log *log)
{
	if (!log)
		return;
	git_commit_free(log->commit);
	git_revwalk_free(log->walk);
	free(log->path);
	free(log->line);
	free(log);
}
