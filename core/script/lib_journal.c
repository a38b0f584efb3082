/* neap.core.journal: files that say what is about to be done, before it is.
 *
 * A journal is appended to and synced, and locked by the process that writes
 * it: one whose lock is free was left by a process that has died. To make one,
 * and to look whether one is free, takes the directory's lock for a moment, so
 * that no journal is ever seen between its making and its locking. */
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "libs.h"

#define JOURNAL_META "neap.journal"

struct journal {
	int fd, dir;
};

static int fail(lua_State *L, int errnum, const char *what, const char *path)
{
	luaL_pushfail(L);
	lua_pushfstring(L, "%s '%s': %s", what, path, strerror(errnum));
	lua_pushstring(L, errnum == ENOENT	  ? "notfound"
			  : errnum == EWOULDBLOCK ? "locked"
						  : "io");
	return 3;
}

static void close_both(struct journal *j)
{
	if (j->fd >= 0)
		close(j->fd);
	if (j->dir >= 0)
		close(j->dir);
	j->fd = j->dir = -1;
}

static int journal_close(lua_State *L)
{
	close_both(luaL_checkudata(L, 1, JOURNAL_META));
	return 0;
}

static struct journal *push_journal(lua_State *L)
{
	struct journal *j = lua_newuserdatauv(L, sizeof(*j), 0);

	j->fd = j->dir = -1;
	luaL_setmetatable(L, JOURNAL_META);
	return j;
}

/* 0 or an errno; what was opened is in `j`. */
static int open_locked(
    struct journal *j, const char *dir, const char *name, int flags)
{
	struct stat st;

	j->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (j->dir < 0 || flock(j->dir, LOCK_EX) < 0)
		return errno;
	j->fd =
	    openat(j->dir, name, flags | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
	if (j->fd < 0 || flock(j->fd, LOCK_EX | LOCK_NB) < 0)
		return errno;
	/* Its writer has taken it away just now. */
	if (fstat(j->fd, &st) < 0 || !st.st_nlink)
		return ENOENT;
	if ((flags & O_CREAT) && fsync(j->dir) < 0)
		return errno;
	return 0;
}

static int open_journal(lua_State *L, int flags, const char *what)
{
	const char *dir = luaL_checkstring(L, 1);
	const char *name = luaL_checkstring(L, 2);
	struct journal *j = push_journal(L);
	int errnum = open_locked(j, dir, name, flags);

	if (j->dir >= 0)
		flock(j->dir, LOCK_UN);
	if (!errnum)
		return 1;
	close_both(j);
	return fail(L, errnum, what, name);
}

/* create(dir, name) -> journal, new and locked | nil, message, code */
static int journal_create(lua_State *L)
{
	return open_journal(L, O_CREAT | O_EXCL, "cannot make the journal");
}

/* adopt(dir, name) -> journal that nobody else writes any more, now ours | nil,
 * message, "locked" (its writer lives) | "notfound" | "io" */
static int journal_adopt(lua_State *L)
{
	return open_journal(L, 0, "cannot open the journal");
}

/* j:append(bytes) -> true, when they are on the disk | nil, message, code */
static int journal_append(lua_State *L)
{
	const struct journal *j = luaL_checkudata(L, 1, JOURNAL_META);
	size_t len;
	const char *bytes = luaL_checklstring(L, 2, &len);
	int errnum = write_fully(j->fd, bytes, len);

	if (!errnum && fdatasync(j->fd) < 0)
		errnum = errno;
	if (errnum) {
		luaL_pushfail(L);
		lua_pushfstring(
		    L, "cannot write the journal: %s", strerror(errnum));
		lua_pushliteral(L, "io");
		return 3;
	}
	lua_pushboolean(L, true);
	return 1;
}

/* j:remove(name): takes its file away, and closes it */
static int journal_remove(lua_State *L)
{
	struct journal *j = luaL_checkudata(L, 1, JOURNAL_META);
	const char *name = luaL_checkstring(L, 2);

	if (unlinkat(j->dir, name, 0) < 0)
		return fail(L, errno, "cannot remove the journal", name);
	close_both(j);
	lua_pushboolean(L, true);
	return 1;
}

static const luaL_Reg methods[] = {
    {"append", journal_append},
    {"remove", journal_remove},
    {"close", journal_close},
    {NULL, NULL},
};

static const luaL_Reg funcs[] = {
    {"create", journal_create},
    {"adopt", journal_adopt},
    {NULL, NULL},
};

int luaopen_neap_core_journal(lua_State *L)
{
	luaL_newmetatable(L, JOURNAL_META);
	luaL_newlib(L, methods);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, journal_close);
	lua_setfield(L, -2, "__gc");
	lua_pushcfunction(L, journal_close);
	lua_setfield(L, -2, "__close");
	lua_pop(L, 1);
	luaL_newlib(L, funcs);
	return 1;
}
