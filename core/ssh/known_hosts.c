/* The known_hosts files: see known_hosts.h. */
#include "known_hosts.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sha1.h"
#include "pattern.h"

enum { FILE_MAX_BYTES = 64 * 1024 * 1024 };

enum mark { MARK_NONE, MARK_REVOKED, MARK_AUTHORITY };

struct entry {
	enum mark mark;
	unsigned line;
	bool hashed;
	uint8_t hash[SHA1_BYTES];
	struct hmac_sha1 hmac;
	const char *names, *type, *key; /* in the file's text */
};

struct known_file {
	struct known_file *next;
	char *path, *text;
	struct entry *entries;
	size_t count;
	struct timespec mtime;
	off_t size;
	ino_t inode;
};

struct known_hosts {
	struct known_file *files;
};

/* ---- reading ---- */

static int base64_value(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Exactly SHA1_BYTES from 28 characters of base64. */
static bool decode_hash(uint8_t out[SHA1_BYTES], const char *text)
{
	uint32_t bits = 0;
	int have = 0, len = 0;

	if (strlen(text) != 28 || text[27] != '=')
		return false;
	for (int i = 0; i < 27; i++) {
		int value = base64_value(text[i]);

		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
		if ((have += 6) >= 8) {
			have -= 8;
			out[len++] = (uint8_t)(bits >> have);
		}
	}
	return len == SHA1_BYTES;
}

/* "|1|salt|hash": the name's HMAC-SHA1 under the salt. */
static bool parse_hashed(struct entry *entry, char *names)
{
	uint8_t salt[SHA1_BYTES];
	char *salt_text = names + 3;
	char *hash_text = strchr(salt_text, '|');

	if (!hash_text)
		return false;
	*hash_text++ = '\0';
	if (!decode_hash(salt, salt_text) ||
	    !decode_hash(entry->hash, hash_text))
		return false;
	entry->hashed = true;
	hmac_sha1_key(&entry->hmac, salt, sizeof(salt));
	return true;
}

/* The next word of a line, ended by a NUL in place; "" at its end. */
static char *next_word(char **at)
{
	char *word = *at + strspn(*at, " \t");
	char *end = word + strcspn(word, " \t");

	*at = *end ? end + 1 : end;
	*end = '\0';
	return word;
}

/* False for what is no entry: empty lines, comments, damage. sshd(8) lets
 * damaged lines pass; so do we, they vouch for nobody. */
static bool parse_line(struct entry *entry, char *line, unsigned number)
{
	char *word = next_word(&line);

	*entry = (struct entry){.line = number};
	if (!*word || *word == '#')
		return false;
	if (*word == '@') {
		if (!strcmp(word, "@revoked"))
			entry->mark = MARK_REVOKED;
		else if (!strcmp(word, "@cert-authority"))
			entry->mark = MARK_AUTHORITY;
		else
			return false;
		word = next_word(&line);
	}
	entry->names = word;
	if (!strncmp(word, "|1|", 3) && !parse_hashed(entry, word))
		return false;
	entry->type = next_word(&line);
	entry->key = next_word(&line);
	return *entry->type && *entry->key;
}

static bool add_entry(
    struct known_file *f, size_t *cap, const struct entry *entry)
{
	size_t wanted = *cap ? 2 * *cap : 8;
	struct entry *entries;

	if (f->count == *cap) {
		entries = realloc(f->entries, wanted * sizeof(*entries));
		if (!entries)
			return false;
		f->entries = entries;
		*cap = wanted;
	}
	f->entries[f->count++] = *entry;
	return true;
}

int known_file_parse(
    struct known_file **out, const char *path, char *text, struct err *e)
{
	struct known_file *f = calloc(1, sizeof(*f));
	char *line = text, *next;
	struct entry entry;
	size_t cap = 0;

	if (!f || !(f->path = strdup(path)))
		goto nomem;
	f->text = text;
	for (unsigned number = 1; line; number++, line = next) {
		if ((next = strchr(line, '\n')))
			*next++ = '\0';
		line[strcspn(line, "\r")] = '\0';
		if (parse_line(&entry, line, number) &&
		    !add_entry(f, &cap, &entry))
			goto nomem;
	}
	*out = f;
	return 0;
nomem:
	if (f)
		f->text = NULL;
	known_file_free(f);
	free(text);
	return err_set(e, ERR_NOMEM, "out of memory");
}

void known_file_free(struct known_file *f)
{
	if (!f)
		return;
	free(f->entries);
	free(f->text);
	free(f->path);
	free(f);
}

/* ---- looking ---- */

static bool names_host(const struct entry *entry, const char *name)
{
	uint8_t hash[SHA1_BYTES];

	if (!entry->hashed)
		return pattern_list_match(entry->names, ',', name);
	hmac_sha1(hash, &entry->hmac, name, strlen(name));
	return memcmp(hash, entry->hash, sizeof(hash)) == 0;
}

static enum known_state judge(
    const struct entry *entry, const char *type, const char *key)
{
	bool same = !strcmp(entry->type, type) && !strcmp(entry->key, key);

	if (entry->mark == MARK_AUTHORITY)
		return KNOWN_AUTHORITY;
	if (entry->mark == MARK_REVOKED)
		return same ? KNOWN_REVOKED : KNOWN_NOT;
	return same ? KNOWN_SAME : KNOWN_OTHER;
}

/* The strongest verdict stands. Among other keys one of the same type says
 * most. */
static bool stronger(const struct known_answer *old, enum known_state state,
    const struct entry *entry, const char *type)
{
	if (state > old->state)
		return true;
	return state == KNOWN_OTHER && old->state == KNOWN_OTHER &&
	       strcmp(old->type, type) != 0 && !strcmp(entry->type, type);
}

void known_file_check(struct known_answer *out, const struct known_file *f,
    const char *name, const char *type, const char *key)
{
	for (size_t i = 0; i < f->count; i++) {
		const struct entry *entry = &f->entries[i];
		enum known_state state = judge(entry, type, key);

		/* KNOWN_SAME outranks KNOWN_OTHER: an old key may stand
		 * beside a new one. */
		if (stronger(out, state, entry, type) &&
		    names_host(entry, name))
			*out = (struct known_answer){state, f->path,
			    entry->line, entry->type, entry->key};
	}
}

static bool has_type(const struct buf *list, size_t from, const char *type)
{
	const char *at = list->data ? list->data + from : "";
	size_t len = strlen(type);

	for (; (at = strstr(at, type)); at += len)
		if ((at == list->data + from || at[-1] == ',') &&
		    (at[len] == ',' || !at[len]))
			return true;
	return false;
}

static void file_types(
    struct buf *out, size_t from, const struct known_file *f, const char *name)
{
	for (size_t i = 0; i < f->count; i++) {
		const struct entry *entry = &f->entries[i];

		if (entry->mark != MARK_NONE || !names_host(entry, name) ||
		    has_type(out, from, entry->type))
			continue;
		if (out->len > from)
			buf_putc(out, ',');
		buf_puts(out, entry->type);
	}
}

/* ---- files ---- */

/* A NUL, such as a power cut may leave, damages its line and no other: the
 * ones below it may revoke a key. */
static void mark_damage(char *text, size_t len)
{
	char *at = text;

	while ((at = memchr(at, '\0', (size_t)(text + len - at))))
		*at = '#';
}

static int read_text(
    char **out, int fd, off_t size, const char *path, struct err *e)
{
	size_t len = 0;
	ssize_t n = 1;
	char *text;

	if (size < 0 || size > FILE_MAX_BYTES)
		return err_set(e, ERR_LIMIT, "'%s' is too large", path);
	if (!(text = malloc((size_t)size + 1)))
		return err_set(e, ERR_NOMEM, "out of memory");
	while (n > 0 && len < (size_t)size) {
		n = read(fd, text + len, (size_t)size - len);
		if (n > 0)
			len += (size_t)n;
	}
	if (n < 0) {
		free(text);
		return err_sys(e, errno, "cannot read '%s'", path);
	}
	mark_damage(text, len);
	text[len] = '\0';
	*out = text;
	return 0;
}

static int load(struct known_file **out, const char *path,
    const struct stat *st, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char *text = NULL;
	int rc;

	if (fd < 0)
		return err_sys(e, errno, "cannot read '%s'", path);
	rc = read_text(&text, fd, st->st_size, path, e);
	close(fd);
	if (rc < 0 || (rc = known_file_parse(out, path, text, e)) < 0)
		return rc;
	assert(*out);
	(*out)->mtime = st->st_mtim;
	(*out)->size = st->st_size;
	(*out)->inode = st->st_ino;
	return 0;
}

static bool unchanged(const struct known_file *f, const struct stat *st)
{
	return f->size == st->st_size && f->inode == st->st_ino &&
	       f->mtime.tv_sec == st->st_mtim.tv_sec &&
	       f->mtime.tv_nsec == st->st_mtim.tv_nsec;
}

/* The file as it is now; *out is NULL for one that is not there. */
static int get_file(const struct known_file **out, struct known_hosts *kh,
    const char *path, struct err *e)
{
	struct known_file **at = &kh->files, *f = NULL;
	struct stat st;
	int rc;

	*out = NULL;
	while (*at && strcmp((*at)->path, path) != 0)
		at = &(*at)->next;
	if (stat(path, &st) < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return 0;
		return err_sys(e, errno, "cannot read '%s'", path);
	}
	if (*at && unchanged(*at, &st)) {
		*out = *at;
		return 0;
	}
	if (!S_ISREG(st.st_mode))
		return 0; /* /dev/null is a customary name for none */
	if ((rc = load(&f, path, &st, e)) < 0)
		return rc;
	assert(f);
	if (*at) {
		f->next = (*at)->next;
		known_file_free(*at);
	}
	*out = *at = f;
	return 0;
}

struct known_hosts *known_hosts_new(void)
{
	return calloc(1, sizeof(struct known_hosts));
}

void known_hosts_free(struct known_hosts *kh)
{
	struct known_file *f, *next;

	if (!kh)
		return;
	for (f = kh->files; f; f = next) {
		next = f->next;
		known_file_free(f);
	}
	free(kh);
}

void known_hosts_name(struct buf *out, const char *host, uint16_t port)
{
	if (port != 22)
		buf_putc(out, '[');
	for (; *host; host++)
		buf_putc(out, (char)tolower((unsigned char)*host));
	if (port != 22)
		buf_printf(out, "]:%u", port);
}

int known_hosts_check(struct known_answer *out, struct known_hosts *kh,
    const char *const *paths, const char *name, const char *type,
    const char *key, struct err *e)
{
	const struct known_file *f;
	int rc;

	*out = (struct known_answer){0};
	for (; *paths; paths++) {
		if ((rc = get_file(&f, kh, *paths, e)) < 0)
			return rc;
		if (f)
			known_file_check(out, f, name, type, key);
	}
	return 0;
}

int known_hosts_types(struct buf *out, struct known_hosts *kh,
    const char *const *paths, const char *name, struct err *e)
{
	const struct known_file *f;
	size_t from = out->len;
	int rc;

	for (; *paths; paths++) {
		if ((rc = get_file(&f, kh, *paths, e)) < 0)
			return rc;
		if (f)
			file_types(out, from, f, name);
	}
	if (buf_failed(out))
		return err_set(e, ERR_NOMEM, "out of memory");
	return 0;
}

static bool is_among(const struct known_file *f, const char *const *paths)
{
	while (*paths && strcmp(f->path, *paths) != 0)
		paths++;
	return *paths != NULL;
}

/* Whether a @revoked line of the files read so far has the entry's key. */
static bool is_revoked(const struct known_hosts *kh, const char *const *paths,
    const char *name, const struct entry *entry)
{
	struct known_answer known = {0};

	for (const struct known_file *f = kh->files; f; f = f->next)
		if (is_among(f, paths))
			known_file_check(
			    &known, f, name, entry->type, entry->key);
	return known.state == KNOWN_REVOKED;
}

int known_hosts_authorities(struct buf *out, struct known_hosts *kh,
    const char *const *paths, const char *name, struct err *e)
{
	const struct known_file *f;
	int rc;

	for (size_t i = 0; paths[i]; i++)
		if ((rc = get_file(&f, kh, paths[i], e)) < 0)
			return rc;
	for (f = kh->files; f; f = f->next) {
		for (size_t i = 0; is_among(f, paths) && i < f->count; i++) {
			const struct entry *entry = &f->entries[i];

			if (entry->mark == MARK_AUTHORITY &&
			    names_host(entry, name) &&
			    !is_revoked(kh, paths, name, entry))
				buf_printf(
				    out, "%s %s\n", entry->type, entry->key);
		}
	}
	if (buf_failed(out))
		return err_set(e, ERR_NOMEM, "out of memory");
	return 0;
}

/* ---- a new host ---- */

static void make_parent(const char *path)
{
	char *copy = strdup(path);

	if (copy)
		mkdir(dirname(copy), 0700);
	free(copy);
}

/* Whether the last line of the file lacks its newline. */
static bool is_cut(int fd)
{
	off_t end = lseek(fd, 0, SEEK_END);
	char last = '\n';

	return end > 0 && pread(fd, &last, 1, end - 1) == 1 && last != '\n';
}

int known_hosts_add(const char *path, const char *name, const char *type,
    const char *key, struct err *e)
{
	struct buf line = BUF_INIT;
	int fd, rc = 0;
	ssize_t n;

	make_parent(path);
	fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, errno, "cannot write '%s'", path);
	if (is_cut(fd))
		buf_putc(&line, '\n');
	buf_printf(&line, "%s %s %s\n", name, type, key);
	if (buf_failed(&line))
		rc = err_set(e, ERR_NOMEM, "out of memory");
	else if ((n = write(fd, line.data, line.len)) != (ssize_t)line.len)
		rc = err_sys(
		    e, n < 0 ? errno : ENOSPC, "cannot write '%s'", path);
	close(fd);
	buf_release(&line);
	return rc;
}
