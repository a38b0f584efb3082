/* neap VERB [OPTION...] [ARGUMENT...]: finds the verb, reads its options with
 * argp, and hands both to Lua. */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "script/script.h"
#include "verbs.h"

enum {
	EXIT_USAGE = 1,
	MAX_SPECS = 64,	      /* options that one verb knows */
	MAX_VERBS = 64,	      /* that are looked through for a likeness */
	FIRST_KEY = 1000,     /* keys of options without a letter */
	HEAP_BYTES = 4 << 20, /* what a run on a few hosts comes to */
};

/* The options of one verb, as argp wants them and as they were given. */
struct parse {
	const struct verb *verb;
	const struct option_spec *specs[MAX_SPECS];
	struct argp_option options[MAX_SPECS + 1];
	unsigned nspecs;
	struct option_value *values;
	size_t nvalues;
	char **args;
	size_t nargs;
};

static void add_specs(struct parse *p, const struct option_spec *specs)
{
	for (; specs->name; specs++) {
		struct argp_option *o = &p->options[p->nspecs];

		if (p->nspecs == MAX_SPECS)
			abort();
		o->name = specs->name;
		o->key = specs->key ? specs->key : FIRST_KEY + (int)p->nspecs;
		o->arg = specs->arg;
		o->doc = specs->doc;
		p->specs[p->nspecs++] = specs;
	}
}

static int usage_error(
    const struct parse *p, const char *what, const char *subject)
{
	fprintf(stderr, "neap %s: %s%s; see 'neap %s --help'\n", p->verb->name,
	    what, subject, p->verb->name);
	return EXIT_USAGE;
}

static error_t parse_opt(int key, char *arg, struct argp_state *state)
{
	struct parse *p = state->input;

	if (key == ARGP_KEY_ARG) {
		p->args[p->nargs++] = arg;
		return 0;
	}
	for (unsigned i = 0; i < p->nspecs; i++) {
		if (p->options[i].key != key)
			continue;
		p->values[p->nvalues++] = (struct option_value){
		    p->specs[i]->field, p->specs[i]->kind, arg};
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static void gather_options(struct parse *p)
{
	for (unsigned i = 0; i < OPTION_GROUPS; i++)
		if (p->verb->groups & 1u << i)
			add_specs(p, option_group(1u << i));
	add_specs(p, common_options);
}

/* For `run', what follows a `--' is the command: it goes to Lua as the list
 * "command" and is cut off here. Returns the new argc. */
static int take_command(struct parse *p, int argc, char **argv)
{
	int cut = 1;

	if (!(p->verb->groups & GROUP_RUN))
		return argc;
	while (cut < argc && strcmp(argv[cut], "--") != 0)
		cut++;
	for (int i = cut + 1; i < argc; i++)
		p->values[p->nvalues++] =
		    (struct option_value){"command", OPTION_LIST, argv[i]};
	return cut;
}

static int parse_line(struct parse *p, int argc, char **argv)
{
	char doc[1024];
	struct argp argp = {
	    p->options, parse_opt, p->verb->args, doc, NULL, NULL, NULL};
	char name[64];

	snprintf(doc, sizeof(doc), "%s\v%s", p->verb->doc,
	    p->verb->more ? p->verb->more : "");
	snprintf(name, sizeof(name), "neap %s", p->verb->name);
	argv[0] = name;
	argp_err_exit_status = EXIT_USAGE;
	argc = take_command(p, argc, argv);
	if (argp_parse(&argp, argc, argv, 0, NULL, p) != 0)
		return EXIT_USAGE;
	if (p->nargs < p->verb->min_args)
		return usage_error(p, "missing argument: ", p->verb->args);
	if (p->nargs > p->verb->max_args)
		return usage_error(
		    p, "too many arguments: ", p->args[p->verb->max_args]);
	return 0;
}

/* Asks for the memory of a small run at once: a thousand page faults one by
 * one cost up to 20 ms on a virtual machine, and a tenth of that together.
 * A kernel before 5.14 refuses, which changes nothing but the time. */
static void warm_heap(void)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	void *block;

	mallopt(M_MMAP_THRESHOLD, 2 * HEAP_BYTES);
	mallopt(M_TRIM_THRESHOLD, 2 * HEAP_BYTES);
	if ((block = malloc(HEAP_BYTES))) {
		uintptr_t first = (uintptr_t)block & ~(page - 1);

		madvise((void *)first, HEAP_BYTES, MADV_POPULATE_WRITE);
	}
	free(block);
}

static int run(const struct parse *p)
{
	struct script *sc = NULL;
	struct err e = {0};
	char *trace = NULL;
	int status = 0;

	warm_heap();
	if (script_new(&sc, script_lua_dir(), &e) < 0 ||
	    verb_run(&status, sc, p->verb->name, p->values, p->nvalues, p->args,
		p->nargs, &trace, &e) < 0) {
		fprintf(stderr, "neap: %s\n", trace ? trace : e.text);
		status = EXIT_USAGE;
	}
	free(trace);
	script_free(sc);
	return status;
}

static void list_verbs(FILE *to)
{
	fprintf(to, "usage: neap VERB [OPTION...] [ARGUMENT...]\n\n");
	for (const struct verb *v = verbs; v->name; v++)
		fprintf(to, "  %-10s %-24s %s\n", v->name, v->args, v->doc);
	fprintf(to, "\n'neap VERB --help' tells a verb's options, 'neap doc' "
		    "the resource types.\n");
}

/* The exit status of what has printed its own result. */
static int told(void)
{
	if (fflush(stdout) == 0 || errno == EPIPE)
		return 0;
	perror("neap: stdout");
	return EXIT_USAGE;
}

static const struct verb *find_verb(const char *name)
{
	for (const struct verb *v = verbs; v->name; v++)
		if (!strcmp(v->name, name))
			return v;
	return NULL;
}

static bool is_any(const char *text, const char *a, const char *b)
{
	return !strcmp(text, a) || !strcmp(text, b);
}

/* Lua says which verb was probably meant. */
static int run_unknown(char *word)
{
	static const struct verb unknown = {.name = "unknown"};
	char *args[MAX_VERBS] = {word};
	struct parse p = {.verb = &unknown, .args = args, .nargs = 1};

	for (const struct verb *v = verbs; v->name && p.nargs < MAX_VERBS; v++)
		args[p.nargs++] = (char *)v->name;
	return run(&p);
}

/* What whoever started us may have left: without the standard descriptors a
 * file of ours would get their numbers, and be written to by what writes to
 * stderr (instead, to write there fails); and with SIGCHLD ignored nobody could
 * wait for a child. A run goes to its end though nobody reads on (`| head`). */
static bool put_right(void)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) < 0) {
			perror("neap: /dev/null");
			return false;
		}
	}
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	return true;
}

/* Secrets are in our memory; they should not get to a disk with it. */
static void leave_no_core(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_CORE, &limit) < 0)
		return;
	limit.rlim_cur = 0;
	setrlimit(RLIMIT_CORE, &limit);
}

/* How many options a command line can hold: each has a letter at least. */
static size_t count_options(int argc, char **argv)
{
	size_t n = 0;

	for (int i = 0; i < argc; i++)
		n += strlen(argv[i]) + 1;
	return n;
}

int main(int argc, char **argv)
{
	struct parse p = {0};
	int status = EXIT_FAILURE;

	if (!put_right())
		return EXIT_USAGE;
	leave_no_core();
	if (argc < 2 || is_any(argv[1], "--help", "-h")) {
		list_verbs(argc < 2 ? stderr : stdout);
		return argc < 2 ? EXIT_USAGE : told();
	}
	if (is_any(argv[1], "--version", "-V")) {
		printf("neap %s\n", NEAP_VERSION);
		return told();
	}
	if (!(p.verb = find_verb(argv[1])))
		return run_unknown(argv[1]);
	p.values = calloc(count_options(argc, argv), sizeof(*p.values));
	p.args = calloc((size_t)argc, sizeof(*p.args));
	if (!p.values || !p.args) {
		fprintf(stderr, "neap: out of memory\n");
	} else {
		gather_options(&p);
		status = parse_line(&p, argc - 1, argv + 1);
		if (!status)
			status = run(&p);
	}
	free(p.values);
	free(p.args);
	return status;
}
