/* The verbs of the command line and their options, as data. */
#ifndef NEAP_CLI_VERBS_H
#define NEAP_CLI_VERBS_H

#include "script/verb.h"

struct option_spec {
	const char *name;  /* long option */
	int key;	   /* its letter, or 0 */
	const char *arg;   /* name of its value in the help, or NULL */
	const char *field; /* where Lua finds it */
	enum option_kind kind;
	const char *doc;
};

/* Groups of options, to be or-ed. */
enum option_group {
	GROUP_INVENTORY = 1 << 0, /* -i, -l, -e */
	GROUP_CONNECT = 1 << 1,	  /* how hosts are reached */
	GROUP_STATE = 1 << 2,	  /* --state */
	GROUP_SECRETS = 1 << 3,	  /* --secrets */
	GROUP_APPLY = 1 << 4,	  /* -y, -C, -D */
	GROUP_LOG = 1 << 5,	  /* -n */
	GROUP_DOC = 1 << 6,	  /* --markdown */
	GROUP_RUN = 1 << 7,	  /* --timeout of a command */
	GROUP_GRAPH = 1 << 8,	  /* --graph, --list */
	GROUP_LOCK = 1 << 9,	  /* --reason, --for */
	GROUP_UNLOCK = 1 << 10,	  /* --break */
	GROUP_ROLLBACK = 1 << 11, /* --plan, --before */
	GROUP_STATUS = 1 << 12,	  /* --live */
	GROUP_SECRET = 1 << 13,	  /* --file, --add, --drop */
	GROUP_BACK = 1 << 14,	  /* of a way back: what may be lost */
	GROUP_PRUNE = 1 << 15,	  /* --prune */
	GROUP_SAVE = 1 << 16,	  /* -o, --valid-for */
	GROUP_RECORDED = 1 << 17, /* -l of hosts that are recorded */
	GROUP_REMOTE = 1 << 18,	  /* --offline */
	GROUP_TAGS = 1 << 19,	  /* -t */
};

struct verb {
	const char *name;
	const char *args; /* arguments as the help shows them */
	unsigned min_args, max_args;
	unsigned groups;
	const char *doc;  /* one line, for the list of verbs */
	const char *more; /* what --help says below, or NULL */
};

extern const struct verb verbs[]; /* ends with a NULL name */

/* The options of group `bit` (1 << i), ending with a NULL name. */
const struct option_spec *option_group(unsigned bit);

/* Options that every verb has. */
extern const struct option_spec common_options[];

enum { OPTION_GROUPS = 20 };

#endif
