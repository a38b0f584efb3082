/* From the command line into Lua: a verb is the Lua function that
 * `neap.verbs.<name>` returns; it takes a table of options and returns an
 * exit code. */
#ifndef NEAP_SCRIPT_VERB_H
#define NEAP_SCRIPT_VERB_H

#include <stddef.h>

#include "base/err.h"

struct script;

enum option_kind {
	OPTION_FLAG,	/* field = true */
	OPTION_COUNT,	/* field = how often it was given */
	OPTION_TEXT,	/* field = "the last value" */
	OPTION_INTEGER, /* field = 42, at least 0 */
	OPTION_LIST,	/* field = { "every", "value" } */
	OPTION_PAIR,	/* KEY=VALUE: field = { KEY = "VALUE" } */
};

/* One option as it was given; texts are borrowed from argv. */
struct option_value {
	const char *field;
	enum option_kind kind;
	const char *text;
};

/* Runs verb `name` with `n` options and the arguments `args` (field "args",
 * a list). On success *status is the exit code. Returns 0, ERR_USAGE for a
 * value that its kind does not allow, or ERR_SCRIPT with the traceback in
 * *trace, the caller's to free(). */
int verb_run(int *status, struct script *sc, const char *name,
    const struct option_value *options, size_t n, char *const *args,
    size_t nargs, char **trace, struct err *e);

#endif
