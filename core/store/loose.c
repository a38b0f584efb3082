/* Reading loose objects: a backend of ours, asked before libgit2's own, which
 * reads for ever where an object was cut short, and past its buffer where one
 * says that it is shorter than it is (libgit2 issues 7342 and 7177). A file is
 * one zlib stream:
 *
 *     "blob 12\0" and 12 bytes
 *
 * Here it is the whole of that, or damaged. */
#include <errno.h>
#include <fcntl.h>
#include <git2/sys/odb_backend.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "part.h"

enum {
	HEAD_MAX = 32, /* git's own limit */
	OBJECT_MAX = 1 << 30,
	DEFLATE_BEST = 1032, /* bytes that one byte can stand for, at most */
	/* That of libgit2's packs, which were added before; loose ones: 1. */
	PRIORITY = 2,
};

struct loose {
	git_odb_backend parent;
	char *objects; /* a directory, with a slash */
};

/* An object that is being read. */
struct reading {
	const git_oid *oid;
	unsigned char *file;
	size_t file_len;
	z_stream z;
	unsigned char head[HEAD_MAX];
	size_t head_len;  /* to the end of its NUL */
	size_t head_have; /* with what came along of the content */
	bool at_end;
	git_object_t type;
	size_t size;
};

static int damaged(const struct reading *r, const char *how)
{
	char id[STORE_ID_SIZE], text[128];

	git_oid_tostr(id, sizeof(id), r->oid);
	snprintf(text, sizeof(text), "object '%s' %s", id, how);
	git_error_set_str(GIT_ERROR_ODB, text);
	return GIT_ERROR;
}

static int out_of_memory(void)
{
	git_error_set_oom();
	return GIT_ERROR;
}

static int read_fd(struct reading *r, int fd)
{
	struct stat st;
	ssize_t n = 1;

	if (fstat(fd, &st) < 0)
		return damaged(r, "cannot be looked at");
	if (st.st_size > OBJECT_MAX)
		return damaged(r, "is too large");
	if (!(r->file = malloc((size_t)st.st_size + 1)))
		return out_of_memory();
	while (n > 0 && r->file_len < (size_t)st.st_size) {
		n = read(fd, r->file + r->file_len,
		    (size_t)st.st_size - r->file_len);
		if (n > 0)
			r->file_len += (size_t)n;
		else if (n < 0 && errno == EINTR)
			n = 1;
	}
	return n < 0 ? damaged(r, strerror(errno)) : 0;
}

static int read_file(struct reading *r, const struct loose *l)
{
	char id[STORE_ID_SIZE], *path = NULL;
	int fd, rc;

	git_oid_tostr(id, sizeof(id), r->oid);
	if (asprintf(&path, "%s%.2s/%s", l->objects, id, id + 2) < 0)
		return out_of_memory();
	fd = open(path, O_RDONLY | O_CLOEXEC);
	free(path);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return GIT_ENOTFOUND;
	if (fd < 0)
		return damaged(r, strerror(errno));
	rc = read_fd(r, fd);
	close(fd);
	return rc;
}

/* Inflates into `to` until that is full or the stream has ended. */
static int fill(struct reading *r, unsigned char *to, size_t room, size_t *got)
{
	int rc;

	r->z.next_out = to;
	r->z.avail_out = (uInt)room;
	rc = inflate(&r->z, Z_SYNC_FLUSH);
	*got = room - r->z.avail_out;
	if (rc == Z_MEM_ERROR)
		return out_of_memory();
	if (rc != Z_OK && rc != Z_STREAM_END)
		return damaged(r, "is cut short or damaged");
	r->at_end = rc == Z_STREAM_END;
	if (!r->at_end && r->z.avail_out)
		return damaged(r, "is cut short");
	return 0;
}

/* "TYPE SIZE\0" */
static int parse_head(struct reading *r)
{
	char *text = (char *)r->head, *end;
	char *nul = memchr(text, '\0', r->head_have);
	char *space = nul ? strchr(text, ' ') : NULL;
	unsigned long long size;

	if (!space || space[1] < '0' || space[1] > '9')
		return damaged(r, "does not say what it is");
	errno = 0;
	size = strtoull(space + 1, &end, 10);
	if (*end || errno)
		return damaged(r, "does not say what it is");
	if (size > OBJECT_MAX || size / DEFLATE_BEST > r->file_len)
		return damaged(r, "says that it is larger than it can be");
	r->size = (size_t)size;
	r->head_len = (size_t)(nul - text) + 1;
	*space = '\0';
	r->type = git_object_string2type(text);
	if (r->type <= 0)
		return damaged(r, "is of no known type");
	return 0;
}

static int begin(struct reading *r, const struct loose *l, const git_oid *oid)
{
	int rc;

	*r = (struct reading){.oid = oid};
	if ((rc = read_file(r, l)) < 0)
		return rc;
	r->z.next_in = r->file;
	r->z.avail_in = (uInt)r->file_len;
	if (inflateInit(&r->z) != Z_OK)
		return out_of_memory();
	if ((rc = fill(r, r->head, sizeof(r->head), &r->head_have)) < 0)
		return rc;
	return parse_head(r);
}

static void end(struct reading *r)
{
	inflateEnd(&r->z);
	free(r->file);
}

/* The content into `to`, which has a byte more than the object's size. */
static int take(struct reading *r, unsigned char *to)
{
	size_t have = r->head_have - r->head_len, got = 0;
	int rc;

	if (have > r->size)
		return damaged(r, "is longer than it says");
	memcpy(to, r->head + r->head_len, have);
	if (!r->at_end &&
	    (rc = fill(r, to + have, r->size - have + 1, &got)) < 0)
		return rc;
	if (!r->at_end || have + got != r->size || r->z.avail_in)
		return damaged(r, "is not as long as it says");
	to[r->size] = '\0';
	return 0;
}

static int read_object(void **data, size_t *len, git_object_t *type,
    git_odb_backend *backend, const git_oid *oid)
{
	struct reading r;
	unsigned char *to = NULL;
	int rc = begin(&r, (struct loose *)backend, oid);

	if (rc == 0 && !(to = git_odb_backend_data_alloc(backend, r.size + 1)))
		rc = out_of_memory();
	if (rc == 0)
		rc = take(&r, to);
	if (rc == 0) {
		*data = to;
		*len = r.size;
		*type = r.type;
	} else if (to) {
		git_odb_backend_data_free(backend, to);
	}
	end(&r);
	return rc;
}

static int read_header(size_t *len, git_object_t *type,
    git_odb_backend *backend, const git_oid *oid)
{
	struct reading r;
	int rc = begin(&r, (struct loose *)backend, oid);

	*len = r.size;
	*type = r.type;
	end(&r);
	return rc;
}

static void free_backend(git_odb_backend *backend)
{
	struct loose *l = (struct loose *)backend;

	free(l->objects);
	free(l);
}

int store_read_loose(git_repository *repo, struct err *e)
{
	struct loose *l = calloc(1, sizeof(*l));
	git_odb *odb = NULL;
	int rc;

	if (!l || asprintf(&l->objects, "%sobjects/",
		      git_repository_path(repo)) < 0) {
		free(l);
		return err_set(e, ERR_NOMEM, "out of memory");
	}
	git_odb_init_backend(&l->parent, GIT_ODB_BACKEND_VERSION);
	l->parent.read = read_object;
	l->parent.read_header = read_header;
	l->parent.free = free_backend;
	if ((rc = git_repository_odb(&odb, repo)) < 0 ||
	    (rc = git_odb_add_backend(odb, &l->parent, PRIORITY)) < 0) {
		free_backend(&l->parent);
		rc = store_fail(e, rc, "cannot read the objects of '%s'",
		    git_repository_path(repo));
	}
	git_odb_free(odb);
	return rc;
}
