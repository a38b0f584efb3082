/* The verbs of the command line and their options. */
#include "verbs.h"

#include <stddef.h>

#define END                                                                    \
	{                                                                      \
		NULL, 0, NULL, NULL, OPTION_FLAG, NULL                         \
	}

const struct option_spec common_options[] = {
    {"verbose", 'v', NULL, "verbose", OPTION_COUNT,
	"say more; twice: the scripts that run; three times: all"},
    {"quiet", 'q', NULL, "quiet", OPTION_FLAG, "no progress"},
    {"json", 0, NULL, "json", OPTION_FLAG, "one JSON object a line on stdout"},
    {"no-color", 0, NULL, "no_color", OPTION_FLAG,
	"no colours (also: NO_COLOR)"},
    END,
};

static const struct option_spec inventory_options[] = {
    {"inventory", 'i', "FILE", "inventory", OPTION_LIST,
	"inventory: .lua, .yml, .ini or a directory (default: inventory "
	"of one of these names beside the playbook, else here)"},
    {"limit", 'l', "PATTERN", "limit", OPTION_LIST,
	"only these hosts: names, groups, globs, `a:b', `:&c', `:!d'"},
    {"extra", 'e', "KEY=VALUE", "extra", OPTION_PAIR,
	"set a variable, over all others"},
    END,
};

static const struct option_spec connect_options[] = {
    {"user", 'u', "USER", "user", OPTION_TEXT, "log in as USER"},
    {"port", 0, "PORT", "port", OPTION_INTEGER, "port of sshd"},
    {"private-key", 0, "FILE", "private_key", OPTION_LIST,
	"log in with this key"},
    {"ask-pass", 'k', NULL, "ask_pass", OPTION_FLAG,
	"ask for the login password"},
    {"become", 'b', NULL, "become", OPTION_FLAG, "become root with sudo"},
    {"ask-become-pass", 'K', NULL, "ask_become_pass", OPTION_FLAG,
	"ask for the sudo password"},
    {"become-password-file", 0, "FILE", "become_password_file", OPTION_TEXT,
	"read the sudo password from FILE"},
    {"known-hosts", 0, "FILE", "known_hosts", OPTION_LIST,
	"host keys are looked up here"},
    {"accept-new-host-keys", 0, NULL, "accept_new", OPTION_FLAG,
	"trust and remember the key of a host never seen before"},
    {"forks", 'f', "N", "forks", OPTION_INTEGER,
	"at most N hosts at a time (default: 500; 128 for plans; drift: "
	"never more than 64)"},
    {"timeout", 0, "SECONDS", "timeout", OPTION_INTEGER,
	"give up connecting after SECONDS (default 10)"},
    END,
};

static const struct option_spec recorded_options[] = {
    {"limit", 'l', "PATTERN", "limit", OPTION_LIST,
	"only these recorded hosts: names, with `*' and `?'"},
    END,
};

static const struct option_spec state_options[] = {
    {"state", 0, "DIR", "state", OPTION_TEXT,
	"state repository (default: the project's .neap/state.git, here "
	"or above)"},
    END,
};

static const struct option_spec remote_options[] = {
    {"offline", 0, NULL, "offline", OPTION_FLAG,
	"do not reach for the state repository's remote"},
    END,
};

static const struct option_spec tags_options[] = {
    {"tags", 't', "TAG,...", "tags", OPTION_LIST,
	"only resources with one of these tags"},
    END,
};

static const struct option_spec secrets_options[] = {
    {"secrets", 0, "FILE", "secrets", OPTION_TEXT,
	"file with the values of secret(\"name\") (also: "
	"NEAP_SECRETS_FILE, NEAP_SECRET_<NAME>)"},
    END,
};

static const struct option_spec apply_options[] = {
    {"yes", 'y', NULL, "yes", OPTION_FLAG, "do not ask"},
    {"adopt", 0, NULL, "adopt", OPTION_FLAG,
	"accept a host that was installed anew: its records begin anew"},
    {"discard-pending", 0, NULL, "discard_pending", OPTION_FLAG,
	"forget a rollback that is pending on a host"},
    {"check", 'C', NULL, "check", OPTION_FLAG,
	"only show the plan, as `neap plan' does"},
    {"guard-timeout", 0, "SECONDS", "guard_timeout", OPTION_INTEGER,
	"a change that cuts us off is taken back after SECONDS (default "
	"60)"},
    {"serial", 0, "N,...", "serial", OPTION_TEXT,
	"so many hosts at a time: 2, 10%, or one batch after the other "
	"as in 1,10%,50%"},
    {"max-fail", 0, "N", "max_fail", OPTION_TEXT,
	"go on while no more than N hosts (or N%) have failed (default "
	"with --serial: 0)"},
    {"on-failure", 0, "WHAT", "on_failure", OPTION_TEXT,
	"keep what was done (default); rollback: hosts that fail go back "
	"to what they were before the run; rollback-all: those that "
	"succeeded too"},
    {"diff", 'D', NULL, "diff", OPTION_FLAG,
	"show diffs (they are shown anyway)"},
    END,
};

static const struct option_spec log_options[] = {
    {"max-count", 'n', "N", "max", OPTION_INTEGER,
	"at most N lines (default: 50 commits; all of a host)"},
    {"before", 0, "TIME", "before", OPTION_TEXT,
	"as of TIME: \"2026-11-01 12:00\", \"2 hours ago\""},
    END,
};

static const struct option_spec doc_options[] = {
    {"markdown", 0, NULL, "markdown", OPTION_FLAG, "the reference as Markdown"},
    END,
};

static const struct option_spec run_options[] = {
    {"command-timeout", 0, "SECONDS", "command_timeout", OPTION_INTEGER,
	"end the command after SECONDS (default 300)"},
    END,
};

static const struct option_spec graph_options[] = {
    {"graph", 0, NULL, "graph", OPTION_FLAG, "groups as a tree"},
    {"list", 0, NULL, "list", OPTION_FLAG, "hosts and their groups"},
    END,
};

static const struct option_spec lock_options[] = {
    {"reason", 0, "TEXT", "reason", OPTION_TEXT, "what the others are told"},
    {"for", 0, "TIME", "lock_for", OPTION_TEXT,
	"until then: 45m, 2h, 1d (default: until it is taken away)"},
    END,
};

static const struct option_spec status_options[] = {
    {"live", 0, NULL, "live", OPTION_FLAG, "ask the hosts, too"},
    END,
};

static const struct option_spec unlock_options[] = {
    {"break", 0, NULL, "break_lock", OPTION_FLAG,
	"end the run that is at work on the host, too"},
    END,
};

static const struct option_spec rollback_options[] = {
    {"plan", 0, NULL, "plan", OPTION_FLAG, "only show the plan"},
    {"before", 0, "TIME", "before", OPTION_TEXT,
	"to what was recorded last before TIME: "
	"\"2026-11-01 12:00\", \"2 hours ago\""},
    END,
};

static const struct option_spec back_options[] = {
    {"theirs", 0, NULL, "theirs", OPTION_FLAG,
	"on a way back (rollback, --prune): what others have changed on "
	"a host stays"},
    {"ours", 0, NULL, "ours", OPTION_FLAG,
	"on a way back: what others have changed on a host is "
	"overwritten"},
    {"allow-data-loss", 0, NULL, "allow_data_loss", OPTION_FLAG,
	"cross barriers of databases: drop them, change their server "
	"and its role"},
    {"allow-barriers", 0, NULL, "allow_barriers", OPTION_FLAG,
	"go back although a command has no undo, or what was purged "
	"is gone"},
    {"keep-versions", 0, NULL, "keep_versions", OPTION_FLAG,
	"a package whose version no source has any more keeps the one "
	"it has"},
    {"remove-homes", 0, NULL, "remove_homes", OPTION_FLAG,
	"homes go with their users"},
    END,
};

static const struct option_spec secret_options[] = {
    {"file", 0, "FILE", "file", OPTION_TEXT,
	"the sealed file (default: secrets.sealed.yml here or above)"},
    {"add", 0, "NAME=PUBLIC-KEY", "add", OPTION_PAIR,
	"init, rekey: let this key open the file"},
    {"drop", 0, "NAME", "drop", OPTION_LIST,
	"rekey: do not let that one open it any more"},
    END,
};

static const struct option_spec prune_options[] = {
    {"prune", 0, NULL, "prune", OPTION_FLAG,
	"what the playbook no longer has goes back to what it was before "
	"neap"},
    END,
};

static const struct option_spec save_options[] = {
    {"out", 'o', "FILE", "out", OPTION_TEXT,
	"save the plan to FILE, for `neap apply FILE'"},
    {"valid-for", 0, "TIME", "valid_for", OPTION_TEXT,
	"how long a saved plan is good: 30m, 24h (default), 2d"},
    END,
};

static const struct option_spec *const groups[OPTION_GROUPS] = {
    inventory_options,
    connect_options,
    state_options,
    secrets_options,
    apply_options,
    log_options,
    doc_options,
    run_options,
    graph_options,
    lock_options,
    unlock_options,
    rollback_options,
    status_options,
    secret_options,
    back_options,
    prune_options,
    save_options,
    recorded_options,
    remote_options,
    tags_options,
};

const struct option_spec *option_group(unsigned bit)
{
	for (unsigned i = 0; i < OPTION_GROUPS; i++)
		if (bit == 1u << i)
			return groups[i];
	return NULL;
}

#define PLAN_GROUPS                                                            \
	(GROUP_INVENTORY | GROUP_CONNECT | GROUP_STATE | GROUP_REMOTE |        \
	    GROUP_TAGS | GROUP_SECRETS)

static const char exit_codes[] =
    "Exit codes: 0 done, nothing differs; 1 usage, inventory or playbook "
    "error, a remote out of reach, or results that could not be written; "
    "2 there are differences (plan, drift), or a run would be refused (plan); "
    "3 a host failed, or the state repository; 4 a host was unreachable; 5 "
    "something is not as it was planned or recorded: a host moved, a conflict "
    "or barrier of --prune, a pending rollback, a saved plan that was used or "
    "is too old; 6 locked, by another run or a person; 7 a change was made and "
    "then taken back; 128+n ended by signal n. Of several hosts the first of "
    "3, 7, 4, 5, 6 counts.";

static const char exit_codes_of_hosts[] =
    "Exit codes: 0 done on all hosts; 1 usage or inventory error, or results "
    "that could not be written; 3 a host failed (run: or its command did); 4 a "
    "host was unreachable; 6 locked by a person (lock); 128+n ended by signal "
    "n. Of several hosts the first of 3, 4, 6 counts.";

#define EXIT_CODES_OF_RECORDS                                                  \
	"Exit codes: 0 told, whatever it is; 1 usage error, or results that "  \
	"could not be written; 3 the state repository could not be read"

const struct verb verbs[] = {
    {"plan", "PLAYBOOK", 1, 1,
	PLAN_GROUPS | GROUP_PRUNE | GROUP_BACK | GROUP_SAVE,
	"show what apply would change, with diffs", exit_codes},
    {"apply", "PLAYBOOK|PLAN", 1, 1,
	PLAN_GROUPS | GROUP_APPLY | GROUP_PRUNE | GROUP_BACK,
	"plan, show, ask, change, verify, record", exit_codes},
    {"rollback", "[REV]", 0, 1,
	PLAN_GROUPS | GROUP_APPLY | GROUP_ROLLBACK | GROUP_BACK,
	"bring hosts back to a recorded state",
	"REV is what git understands (HEAD~1, a tag, a commit), or "
	"`genesis': before neap.\n\n"
	"Exit codes: as for apply; 2 with --plan: there are differences; "
	"5 also: a conflict, a barrier, or something that cannot be "
	"brought back. What is found while planning stops it on all hosts "
	"before anything is changed, but for hosts out of reach (4)."},
    {"drift", "[PLAYBOOK]", 0, 1, PLAN_GROUPS,
	"what has changed on hosts since it was recorded", exit_codes},
    {"history", "[HOST [RESOURCE]]", 0, 2, GROUP_STATE | GROUP_LOG,
	"what was done, when, by whom; of a host: who last changed "
	"what, by which line of the playbook",
	EXIT_CODES_OF_RECORDS "."},
    {"show", "[REV|PLAN]", 0, 1, GROUP_STATE | GROUP_RECORDED,
	"what a run has changed, or a saved plan would, with diffs",
	EXIT_CODES_OF_RECORDS "."},
    {"diff", "A [B]", 1, 2, GROUP_STATE | GROUP_RECORDED,
	"what differs between two recorded states",
	"A and B are what git understands (HEAD~1, a tag, a commit), or "
	"`genesis': before neap. B is HEAD where it is left "
	"out.\n\n" EXIT_CODES_OF_RECORDS "."},
    {"facts", "[PATTERN]", 0, 1, GROUP_INVENTORY | GROUP_CONNECT,
	"what hosts say of themselves", exit_codes_of_hosts},
    {"ping", "[PATTERN]", 0, 1, GROUP_INVENTORY | GROUP_CONNECT,
	"whether hosts can be reached and managed", exit_codes_of_hosts},
    {"run", "[PATTERN] -- COMMAND...", 0, 1,
	GROUP_INVENTORY | GROUP_CONNECT | GROUP_RUN,
	"run a command on hosts, side by side", exit_codes_of_hosts},
    {"status", "[PATTERN]", 0, 1,
	GROUP_INVENTORY | GROUP_CONNECT | GROUP_STATE | GROUP_STATUS,
	"how hosts stand: complete, interrupted, what is pending",
	EXIT_CODES_OF_RECORDS "; 4 a host was unreachable (--live)."},
    {"lock", "[PATTERN]", 0, 1, GROUP_INVENTORY | GROUP_CONNECT | GROUP_LOCK,
	"keep hosts from being changed, with a reason", exit_codes_of_hosts},
    {"unlock", "[PATTERN]", 0, 1,
	GROUP_INVENTORY | GROUP_CONNECT | GROUP_UNLOCK,
	"take such locks away again", exit_codes_of_hosts},
    {"inventory", "[HOST]", 0, 1, GROUP_INVENTORY | GROUP_SECRETS | GROUP_GRAPH,
	"hosts, groups, and where each variable comes from", NULL},
    {"lint", "PLAYBOOK", 1, 1, GROUP_INVENTORY | GROUP_SECRETS,
	"find what can be found without a host",
	"Exit codes: 0 no error was found, though there may be warnings; 1 "
	"errors were found, or it could not be looked."},
    {"secret", "ACTION [NAME]", 1, 2, GROUP_SECRET,
	"secrets of a project, sealed for a team",
	"Actions: keygen [FILE], public, init, set NAME, get NAME, edit, "
	"list, remove NAME, rekey. Values are typed without echo, or "
	"read from standard input. Your key is in ~/.config/neap/key, or "
	"where NEAP_KEY_FILE says, or in NEAP_KEY, or what the command "
	"in NEAP_KEY_COMMAND prints."},
    {"doc", "[TYPE]", 0, 1, GROUP_DOC, "reference of the resource types", NULL},
    {NULL, NULL, 0, 0, 0, NULL, NULL},
};
