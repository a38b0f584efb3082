/* Lua's patterns (manual section 6.4.1), with a bound on the work.
 *
 * A pattern with several `.*` can take longer than anybody waits, and Lua's
 * own functions cannot be stopped while they match. This one counts each
 * character that it looks at, and gives up when its budget is spent. */
#ifndef NEAP_SCRIPT_MATCH_H
#define NEAP_SCRIPT_MATCH_H

#include <stdbool.h>
#include <stddef.h>

enum { MATCH_CAPTURES_MAX = 32, MATCH_DEPTH_MAX = 200 };

/* What stands for the length of a capture that is open, or a position. */
enum { CAPTURE_OPEN = -1, CAPTURE_POSITION = -2 };

struct match_capture {
	const char *start;
	ptrdiff_t len;
};

struct match {
	const char *subject, *subject_end, *pattern_end;
	long long *budget; /* steps left; counted down */
	const char *error; /* what is wrong with the pattern, or NULL */
	int depth, level;  /* recursion; captures so far */
	struct match_capture capture[MATCH_CAPTURES_MAX];
};

/* Matches `pattern` (up to m->pattern_end) at exactly `s`. Returns where the
 * match ends, or NULL: no match, or m->error is set. The captures are then
 * in m, all closed. */
const char *match_at(struct match *m, const char *s, const char *pattern);

#endif
