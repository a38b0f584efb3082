/* The lock of writers: see part.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "part.h"

enum { WAIT_MS = 30000, STEP_MS = 10 };

static char *join(const char *dir, const char *name)
{
	char *path = NULL;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return NULL;
	return path;
}

static void remove_in(const char *dir, const char *name)
{
	char *path = join(dir, name);

	if (path)
		unlink(path);
	free(path);
}

/* libgit2 writes objects as "<name>_git2_<random>" and renames them. */
static void remove_temporary(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *entry;

	while (d && (entry = readdir(d)))
		if (strstr(entry->d_name, "_git2_"))
			remove_in(dir, entry->d_name);
	if (d)
		closedir(d);
}

static void clear_away(const char *path)
{
	static const char *const locks[] = {
	    "refs/heads/main.lock", "HEAD.lock", "config.lock"};
	char name[16];
	char *dir;

	for (size_t i = 0; i < sizeof(locks) / sizeof(locks[0]); i++)
		remove_in(path, locks[i]);
	remove_temporary(path);
	for (int i = -1; i < 256; i++) {
		snprintf(name, sizeof(name), i < 0 ? "objects" : "objects/%02x",
		    (unsigned)i & 0xff);
		if ((dir = join(path, name)))
			remove_temporary(dir);
		free(dir);
	}
}

static int take(int fd, const char *path, struct err *e)
{
	const struct timespec step = {0, STEP_MS * 1000000L};

	for (int ms = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; ms += STEP_MS) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_sys(e, errno, "cannot lock '%s'", path);
		if (ms >= WAIT_MS)
			return err_set(e, ERR_LOCKED,
			    "'%s' has been locked by another run for %d s",
			    path, WAIT_MS / 1000);
		nanosleep(&step, NULL);
	}
	return 0;
}

int store_lock(struct store_lock *lock, const char *path, struct err *e)
{
	static const char mark[] = "writing\n";
	char *file = join(path, "neap.lock");
	char c;
	int rc = 0;

	if (!file)
		return err_set(e, ERR_NOMEM, "out of memory");
	lock->fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock->fd < 0) {
		rc = err_sys(e, errno, "cannot open '%s'", file);
		goto out;
	}
	if ((rc = take(lock->fd, file, e)) < 0)
		goto out;
	if (pread(lock->fd, &c, 1, 0) == 1)
		clear_away(path);
	if (pwrite(lock->fd, mark, sizeof(mark) - 1, 0) < 0)
		rc = err_sys(e, errno, "cannot write '%s'", file);
out:
	free(file);
	if (rc < 0 && lock->fd >= 0) {
		close(lock->fd);
		lock->fd = -1;
	}
	return rc;
}

int store_sync(const struct store_lock *lock, struct err *e)
{
	if (syncfs(lock->fd) < 0)
		return err_sys(e, errno, "cannot sync the state repository");
	return 0;
}

void store_unlock(struct store_lock *lock)
{
	if (lock->fd < 0)
		return;
	/* If that fails, the next writer looks for leftovers in vain. */
	if (ftruncate(lock->fd, 0) < 0)
		errno = 0;
	close(lock->fd);
	lock->fd = -1;
}
