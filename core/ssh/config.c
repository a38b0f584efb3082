/* Reading ssh_config(5): see config.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "home.h"
#include "pattern.h"
#include "words.h"

enum {
	DEPTH_MAX = 16,
	FILE_MAX_BYTES = 4 * 1024 * 1024,
	SECONDS_MAX = 1000000,
};

/* Where the reading stands. */
struct reader {
	struct client_config *out;
	const char *host;
	bool files; /* Include may read */
	int depth;
	const char *path;
	const char *base; /* what relative names of Include stand in */
	unsigned line;
	bool active; /* the block is about our host */
	struct err *e;
};

static int nomem(struct err *e)
{
	return err_set(e, ERR_NOMEM, "out of memory");
}

static int bad(const struct reader *r, const char *what, const char *word)
{
	return err_set(
	    r->e, ERR_PARSE, "%s:%u: %s '%s'", r->path, r->line, what, word);
}

/* ---- lists ---- */

static int list_add(char ***list, const char *text, struct err *e)
{
	size_t n = 0;
	char **grown;

	while (*list && (*list)[n])
		n++;
	if (!(grown = realloc(*list, (n + 2) * sizeof(*grown))))
		return nomem(e);
	*list = grown;
	grown[n + 1] = NULL;
	if (!(grown[n] = strdup(text)))
		return nomem(e);
	return 0;
}

static void list_release(char ***list)
{
	for (char **at = *list; at && *at; at++)
		free(*at);
	free(*list);
	*list = NULL;
}

/* ---- values ---- */

static int set_text(char **to, const struct reader *r, const char *word)
{
	if (*to)
		return 0;
	return (*to = strdup(word)) ? 0 : nomem(r->e);
}

static int set_number(
    unsigned *to, unsigned long max, const struct reader *r, const char *word)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(word, &end, 10);
	if (*word < '0' || *word > '9' || *end || errno || value > max)
		return bad(r, "this is no number that fits:", word);
	if (!*to)
		*to = (unsigned)value;
	return 0;
}

/* "90", "1m30s": as in sshd_config(5), TIME FORMATS. */
static int set_seconds(unsigned *to, const struct reader *r, const char *word)
{
	static const char letters[] = "sSmMhHdDwW";
	static const unsigned long units[] = {1, 60, 3600, 86400, 604800};
	unsigned long sum = 0;
	const char *at = word, *letter;

	do {
		char *end;
		unsigned long n = strtoul(at, &end, 10);

		letter = *end ? strchr(letters, *end) : letters;
		if (*at < '0' || *at > '9' || !letter || n > SECONDS_MAX)
			return bad(r, "this is no time:", word);
		sum += n * units[(letter - letters) / 2];
		at = end + (*end != '\0');
	} while (*at && sum <= SECONDS_MAX);
	if (sum > SECONDS_MAX)
		return bad(r, "this time is too long:", word);
	if (!*to)
		*to = (unsigned)sum;
	return 0;
}

static int set_list(char ***to, const struct reader *r, const struct words *w)
{
	int rc = 0;

	if (*to)
		return 0;
	for (int i = 1; i < w->count && rc == 0; i++)
		rc = list_add(to, w->word[i], r->e);
	return rc;
}

static int add_identity(struct reader *r, const char *word)
{
	for (char **at = r->out->identity_file; at && *at; at++)
		if (!strcmp(*at, word))
			return 0;
	return list_add(&r->out->identity_file, word, r->e);
}

static int skip(struct reader *r, const char *what)
{
	struct buf b = BUF_INIT;
	int rc;

	buf_printf(&b, "%s:%u: %s", r->path, r->line, what);
	rc = buf_failed(&b) ? nomem(r->e)
			    : list_add(&r->out->skipped, b.data, r->e);
	buf_release(&b);
	return rc;
}

/* ---- blocks ---- */

static int on_host(struct reader *r, const struct words *w)
{
	bool found = false;

	for (int i = 1; i < w->count; i++) {
		const char *pattern = w->word[i];
		bool negated = *pattern == '!';

		if (!pattern_match(pattern + negated, r->host))
			continue;
		if (negated) {
			found = false;
			break;
		}
		found = true;
	}
	r->active = found;
	return 0;
}

static int on_match(struct reader *r, const struct words *w)
{
	r->active = w->count == 2 && !strcasecmp(w->word[1], "all");
	return r->active ? 0 : skip(r, "a Match block is not read");
}

static int read_file(struct reader *r, const char *path, bool must_be);

static int include_one(struct reader *r, const char *path)
{
	struct reader inner = *r;

	if (r->depth == DEPTH_MAX)
		return bad(r, "too many levels of Include:", path);
	inner.depth++;
	return read_file(&inner, path, false);
}

static int include_glob(struct reader *r, const char *pattern)
{
	glob_t found = {0};
	int rc = 0;

	if (glob(pattern, 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc && rc == 0; i++)
			rc = include_one(r, found.gl_pathv[i]);
	globfree(&found);
	return rc;
}

static int on_include(struct reader *r, const struct words *w)
{
	int rc = 0;

	for (int i = 1; r->files && i < w->count && rc == 0; i++) {
		struct buf path = BUF_INIT;
		const char *word = w->word[i];

		if (!strncmp(word, "~/", 2))
			buf_printf(&path, "%s%s", home_dir(), word + 1);
		else if (*word == '/')
			buf_puts(&path, word);
		else
			buf_printf(&path, "%s/%s", r->base, word);
		rc = buf_failed(&path) ? nomem(r->e)
				       : include_glob(r, path.data);
		buf_release(&path);
	}
	return rc;
}

/* ---- lines ---- */

/* The two exclude each other: the first one holds. */
static int on_proxy(struct reader *r, char **to, const char *value)
{
	if (r->out->proxy_jump || r->out->proxy_command)
		return 0;
	return set_text(to, r, value);
}

/* What follows `name` on the line, as it stands, without the blanks at its
 * end; NULL where the line is of another name. */
static char *rest_behind(char *line, const char *name)
{
	static const char blanks[] = " \t\r\f";
	size_t len = strlen(name);
	char *end;

	line += strspn(line, blanks);
	if (strncasecmp(line, name, len) != 0 ||
	    (line[len] != '=' && !strchr(blanks, line[len])))
		return NULL;
	line += len;
	line += strspn(line, " \t\r\f=");
	end = line + strlen(line);
	while (end > line && strchr(blanks, end[-1]))
		end--;
	*end = '\0';
	return line;
}

/* A command is for a shell: its quotes and its `#` are not ours to read. */
static int on_command(struct reader *r, const char *command)
{
	if (!r->active)
		return 0;
	if (!*command)
		return bad(r, "no value for", "proxycommand");
	return on_proxy(r, &r->out->proxy_command, command);
}

static int on_value(struct reader *r, const struct words *w)
{
	struct client_config *c = r->out;
	const char *name = w->word[0], *word = w->word[1];

	if (!strcmp(name, "hostname"))
		return set_text(&c->hostname, r, word);
	if (!strcmp(name, "user"))
		return set_text(&c->user, r, word);
	if (!strcmp(name, "port"))
		return set_number(&c->port, 65535, r, word);
	if (!strcmp(name, "identityfile"))
		return add_identity(r, word);
	if (!strcmp(name, "userknownhostsfile"))
		return set_list(&c->user_known_hosts, r, w);
	if (!strcmp(name, "globalknownhostsfile"))
		return set_list(&c->global_known_hosts, r, w);
	if (!strcmp(name, "stricthostkeychecking"))
		return set_text(&c->strict_checking, r, word);
	if (!strcmp(name, "identityagent"))
		return set_text(&c->identity_agent, r, word);
	if (!strcmp(name, "hostkeyalias"))
		return set_text(&c->host_key_alias, r, word);
	if (!strcmp(name, "proxyjump"))
		return on_proxy(r, &c->proxy_jump, word);
	if (!strcmp(name, "identitiesonly") && !c->identities_only)
		c->identities_only =
		    !strcasecmp(word, "yes") || !strcasecmp(word, "true") ? 1
									  : -1;
	if (!strcmp(name, "connecttimeout") && strcasecmp(word, "none") != 0)
		return set_seconds(&c->connect_timeout_s, r, word);
	return 0;
}

static int on_line(struct reader *r, char *line)
{
	struct words w;
	char *command = rest_behind(line, "proxycommand");

	if (command)
		return on_command(r, command);
	if (words_split(&w, line) < 0)
		return bad(r, "quotes or words that do not end in", line);
	if (w.count == 0)
		return 0;
	if (!strcmp(w.word[0], "match"))
		return on_match(r, &w);
	if (!strcmp(w.word[0], "host"))
		return on_host(r, &w);
	if (!r->active)
		return 0;
	if (w.count == 1)
		return bad(r, "no value for", w.word[0]);
	if (!strcmp(w.word[0], "include"))
		return on_include(r, &w);
	return on_value(r, &w);
}

static int read_text(struct reader *r, char *text)
{
	char *next;
	int rc = 0;

	for (r->line = 1; text && rc == 0; text = next, r->line++) {
		if ((next = strchr(text, '\n')))
			*next++ = '\0';
		rc = on_line(r, text);
	}
	return rc;
}

static int load(char **out, const char *path, bool must_be, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct buf b = BUF_INIT;
	ssize_t n = 1;
	int rc = 0;

	*out = NULL;
	if (fd < 0 && !must_be && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0)
		return err_sys(e, errno, "cannot read '%s'", path);
	while (n > 0 && b.len < FILE_MAX_BYTES && buf_reserve(&b, 4096))
		if ((n = read(fd, b.data + b.len, 4096)) > 0)
			buf_grown(&b, (size_t)n);
	if (n < 0)
		rc = err_sys(e, errno, "cannot read '%s'", path);
	else if (n > 0 && !buf_failed(&b))
		rc = err_set(e, ERR_LIMIT, "'%s' is too large", path);
	else if (!(*out = buf_steal(&b)))
		rc = nomem(e);
	close(fd);
	buf_release(&b);
	return rc;
}

static int read_file(struct reader *r, const char *path, bool must_be)
{
	char *text;
	int rc = load(&text, path, must_be, r->e);

	if (!text)
		return rc;
	r->path = path;
	rc = read_text(r, text);
	free(text);
	return rc;
}

/* ---- tokens ---- */

struct tokens {
	const char *host, *user;
	const struct client_config *c;
};

static void add_token(struct buf *out, char token, const struct tokens *t)
{
	char name[256] = "";

	switch (token) {
	case '%':
		buf_putc(out, '%');
		break;
	case 'd':
		buf_puts(out, home_dir());
		break;
	case 'h':
		buf_puts(out, t->c->hostname ? t->c->hostname : t->host);
		break;
	case 'i':
		buf_printf(out, "%u", (unsigned)getuid());
		break;
	case 'l':
	case 'L':
		gethostname(name, sizeof(name) - 1);
		if (token == 'L')
			name[strcspn(name, ".")] = '\0';
		buf_puts(out, name);
		break;
	case 'n':
		buf_puts(out, t->host);
		break;
	case 'p':
		buf_printf(out, "%u", t->c->port ? t->c->port : 22);
		break;
	case 'r':
		buf_puts(out, t->user);
		break;
	case 'u':
		buf_puts(out, user_name());
		break;
	default: /* one that we do not know stays */
		buf_printf(out, "%%%c", token);
	}
}

static const char *add_variable(struct buf *out, const char *at)
{
	const char *end = strchr(at, '}');
	char name[128];
	const char *value;

	if (!end || (size_t)(end - at) >= sizeof(name)) {
		buf_puts(out, "${");
		return at;
	}
	memcpy(name, at, (size_t)(end - at));
	name[end - at] = '\0';
	if ((value = getenv(name)))
		buf_puts(out, value);
	return end + 1;
}

static int expand(char **text, const struct tokens *t, struct err *e)
{
	struct buf out = BUF_INIT;
	const char *at = *text;
	char *expanded;

	if (!strncmp(at, "~/", 2)) {
		buf_puts(&out, home_dir());
		at++;
	}
	while (*at) {
		if (at[0] == '%' && at[1]) {
			add_token(&out, at[1], t);
			at += 2;
		} else if (at[0] == '$' && at[1] == '{') {
			at = add_variable(&out, at + 2);
		} else {
			buf_putc(&out, *at++);
		}
	}
	if (!(expanded = buf_steal(&out)))
		return nomem(e);
	free(*text);
	*text = expanded;
	return 0;
}

static int expand_list(char **list, const struct tokens *t, struct err *e)
{
	int rc = 0;

	for (; list && *list && rc == 0; list++)
		rc = expand(list, t, e);
	return rc;
}

static void drop_none(char **text)
{
	if (!*text || strcasecmp(*text, "none") != 0)
		return;
	free(*text);
	*text = NULL;
}

static int finish(struct client_config *c, const char *host, struct err *e)
{
	struct tokens t = {host, c->user ? c->user : user_name(), c};
	char *name = c->hostname;
	int rc;

	c->hostname = NULL; /* in it, %h is the name that was given */
	if (!name && !(name = strdup(host)))
		return nomem(e);
	rc = expand(&name, &t, e);
	c->hostname = name;
	drop_none(&c->proxy_jump);
	drop_none(&c->proxy_command);
	if (rc < 0 || (rc = expand_list(c->identity_file, &t, e)) < 0 ||
	    (rc = expand_list(c->user_known_hosts, &t, e)) < 0 ||
	    (rc = expand_list(c->global_known_hosts, &t, e)) < 0)
		return rc;
	return c->identity_agent ? expand(&c->identity_agent, &t, e) : 0;
}

/* ---- the whole ---- */

static int read_usual(struct reader *r)
{
	struct buf dir = BUF_INIT, path = BUF_INIT;
	int rc;

	buf_printf(&dir, "%s/.ssh", home_dir());
	buf_printf(&path, "%s/.ssh/config", home_dir());
	if (buf_failed(&dir) || buf_failed(&path)) {
		rc = nomem(r->e);
	} else {
		r->base = dir.data;
		rc = read_file(r, path.data, false);
	}
	if (rc == 0) {
		r->base = "/etc/ssh";
		r->active = true;
		rc = read_file(r, "/etc/ssh/ssh_config", false);
	}
	buf_release(&dir);
	buf_release(&path);
	return rc;
}

static int read_given(struct reader *r, const char *path)
{
	struct buf dir = BUF_INIT;
	int rc;

	buf_printf(&dir, "%s/.ssh", home_dir());
	r->base = dir.data;
	rc = buf_failed(&dir) ? nomem(r->e) : read_file(r, path, true);
	buf_release(&dir);
	return rc;
}

int client_config_read(struct client_config *out, const char *host,
    const char *path, struct err *e)
{
	struct reader r = {
	    .out = out, .host = host, .files = true, .active = true, .e = e};
	int rc;

	*out = (struct client_config){0};
	rc = path ? read_given(&r, path) : read_usual(&r);
	if (rc == 0)
		rc = finish(out, host, e);
	if (rc < 0)
		client_config_release(out);
	return rc;
}

int client_config_parse(struct client_config *out, const char *host,
    const char *name, const char *text, struct err *e)
{
	struct reader r = {
	    .out = out, .host = host, .path = name, .active = true, .e = e};
	char *copy = strdup(text);
	int rc;

	*out = (struct client_config){0};
	rc = copy ? read_text(&r, copy) : nomem(e);
	free(copy);
	if (rc == 0)
		rc = finish(out, host, e);
	if (rc < 0)
		client_config_release(out);
	return rc;
}

void client_config_release(struct client_config *c)
{
	list_release(&c->identity_file);
	list_release(&c->user_known_hosts);
	list_release(&c->global_known_hosts);
	list_release(&c->skipped);
	free(c->hostname);
	free(c->user);
	free(c->strict_checking);
	free(c->identity_agent);
	free(c->host_key_alias);
	free(c->proxy_jump);
	free(c->proxy_command);
	*c = (struct client_config){0};
}
