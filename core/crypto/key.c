/* The key file: see key.h. */
#include "key.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "key_part.h"

#define HEAD "neap-key-1:"
#define VARIANT sodium_base64_VARIANT_ORIGINAL

/* "neap-key-1:", 44 characters of base64, a newline and a NUL. */
enum {
	HEAD_LEN = sizeof(HEAD) - 1,
	LINE_SIZE = HEAD_LEN + 44 + 2,
};

static int derive(struct key **out, const unsigned char *raw, struct err *e)
{
	struct key *key = sodium_malloc(sizeof(*key));

	if (!key)
		return err_set(e, ERR_NOMEM, "no memory for a key");
	crypto_kdf_derive_from_key(key->cipher, KEY_BYTES, 1, "neapseal", raw);
	crypto_kdf_derive_from_key(key->nonce, KEY_BYTES, 2, "neapseal", raw);
	sodium_mprotect_readonly(key);
	*out = key;
	return 0;
}

int key_of(struct key **out, const char *raw, size_t len, struct err *e)
{
	if (sodium_init() < 0)
		return err_set(e, ERR_CRYPTO, "no source of random bytes");
	if (len != KEY_BYTES)
		return err_set(e, ERR_PARSE, "a key has 32 bytes");
	return derive(out, (const unsigned char *)raw, e);
}

static int parse(struct key **out, const char *path, const char *line,
    size_t len, struct err *e)
{
	unsigned char raw[KEY_BYTES];
	size_t n = 0;
	int rc;

	while (len && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		len--;
	if (len < HEAD_LEN || memcmp(line, HEAD, HEAD_LEN) ||
	    sodium_base642bin(raw, sizeof(raw), line + HEAD_LEN, len - HEAD_LEN,
		NULL, &n, NULL, VARIANT) ||
	    n != sizeof(raw))
		rc = err_set(e, ERR_PARSE, "'%s' is no key file of neap", path);
	else
		rc = derive(out, raw, e);
	sodium_memzero(raw, sizeof(raw));
	return rc;
}

static int check_file(const char *path, int fd, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "cannot look at key '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(
		    e, ERR_USAGE, "key '%s' is not a regular file", path);
	if (st.st_uid != geteuid() && geteuid() != 0)
		return err_set(
		    e, ERR_USAGE, "key '%s' belongs to another user", path);
	if (st.st_mode & 077)
		return err_set(e, ERR_USAGE,
		    "key '%s' is open to others (mode %04o): chmod 600 it",
		    path, (unsigned)st.st_mode & 07777);
	return 0;
}

int key_read_file(
    char *text, size_t size, size_t *len, const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	ssize_t n = 0;
	int rc;

	*len = 0;
	if (fd < 0 && errno == ENOENT)
		return err_set(e, ERR_NOTFOUND, "there is no key '%s'", path);
	if (fd < 0)
		return err_sys(e, errno, "cannot read key '%s'", path);
	if ((rc = check_file(path, fd, e)) == 0 &&
	    (n = read(fd, text, size)) < 0)
		rc = err_sys(e, errno, "cannot read key '%s'", path);
	close(fd);
	if (rc == 0)
		*len = (size_t)n;
	return rc;
}

int key_write_file(int fd, const char *text, size_t len)
{
	int errnum = write_fully(fd, text, len);

	if (!errnum && fsync(fd) < 0)
		errnum = errno;
	return errnum;
}

static int read_key(struct key **out, const char *path, struct err *e)
{
	char line[LINE_SIZE + 16];
	size_t len;
	int rc = key_read_file(line, sizeof(line), &len, path, e);

	if (rc == 0)
		rc = parse(out, path, line, len, e);
	sodium_memzero(line, sizeof(line));
	return rc;
}

/* Writes a new key into `fd`: 0 or an errno. */
static int write_new(int fd)
{
	unsigned char raw[KEY_BYTES];
	char line[LINE_SIZE];
	size_t len;
	int errnum;

	randombytes_buf(raw, sizeof(raw));
	memcpy(line, HEAD, HEAD_LEN);
	sodium_bin2base64(line + HEAD_LEN, sizeof(line) - HEAD_LEN, raw,
	    sizeof(raw), VARIANT);
	len = strlen(line);
	line[len++] = '\n';
	errnum = fchmod(fd, 0600) < 0 ? errno : key_write_file(fd, line, len);
	sodium_memzero(raw, sizeof(raw));
	sodium_memzero(line, sizeof(line));
	return errnum;
}

/* Without it a power cut could take the name of the new file away. */
static void sync_parent(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir =
	    slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
	free(dir);
}

static int create_key(const char *path, struct err *e)
{
	int fd = -1, errnum = 0, rc = 0;
	char *temp = NULL;

	if (asprintf(&temp, "%s.%ld.new", path, (long)getpid()) < 0)
		return err_set(e, ERR_NOMEM, "out of memory");
	unlink(temp);
	fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		rc = err_sys(e, errno, "cannot make key '%s'", path);
		goto out;
	}
	if ((errnum = write_new(fd)) ||
	    (link(temp, path) < 0 && errno != EEXIST && (errnum = errno)))
		rc = err_sys(e, errnum, "cannot make key '%s'", path);
	unlink(temp);
	close(fd);
	sync_parent(path);
out:
	free(temp);
	return rc;
}

int key_load(struct key **out, const char *path, bool create, struct err *e)
{
	int rc;

	if (sodium_init() < 0)
		return err_set(e, ERR_CRYPTO, "no source of random bytes");
	rc = read_key(out, path, e);
	if (rc != ERR_NOTFOUND || !create)
		return rc;
	if ((rc = create_key(path, e)) < 0)
		return rc;
	return read_key(out, path, e);
}

void key_free(struct key *key)
{
	sodium_free(key);
}
