/* neap.core.sys: the operator's own machine, as far as the engine needs it:
 * files, the terminal, who is running this and when. Playbooks never see it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "box.h"
#include "libs.h"
#include "ssh/home.h"
#include "terminal.h"

/* A regular file above this is no input of ours. */
enum { FILE_MAX_BYTES = 256 * 1024 * 1024 };

static int fail(lua_State *L, int errnum, const char *what, const char *path)
{
	luaL_pushfail(L);
	lua_pushfstring(L, "%s '%s': %s", what, path, strerror(errnum));
	lua_pushstring(L, errnum == ENOENT ? "notfound" : "io");
	return 3;
}

/* Reads all of `fd` into the buffer on top of the stack; 0 or an errno. */
static int read_all(luaL_Buffer *b, int fd)
{
	size_t total = 0;
	ssize_t n;

	for (;;) {
		char *to = luaL_prepbuffsize(b, 65536);

		n = read(fd, to, 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : 0;
		luaL_addsize(b, (size_t)n);
		if ((total += (size_t)n) > FILE_MAX_BYTES)
			return EFBIG;
	}
}

static int close_fd(lua_State *L)
{
	int *fd = lua_touserdata(L, 1);

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	return 0;
}

/* A box that closes its descriptor, whatever Lua does in between. */
static int *push_fd(lua_State *L)
{
	int *fd = box_local(L, sizeof(*fd), "neap.fd", close_fd);

	*fd = -1;
	return fd;
}

/* read_file(path) -> bytes | nil, message, "notfound"|"io" */
static int sys_read_file(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	int *fd = push_fd(L);
	luaL_Buffer b;
	int errnum;

	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (*fd < 0)
		return fail(L, errno, "cannot read", path);
	luaL_buffinit(L, &b);
	errnum = read_all(&b, *fd);
	luaL_pushresult(&b);
	if (errnum)
		return fail(L, errnum, "cannot read", path);
	return 1;
}

static int write_and_sync(int fd, const char *data, size_t len)
{
	int errnum = write_fully(fd, data, len);

	if (!errnum && fsync(fd) < 0)
		errnum = errno;
	return errnum;
}

/* write_file(path, bytes[, mode]) -> true | nil, message, code
 * Atomic: a temporary file in the same directory, fsync, rename. */
static int sys_write_file(lua_State *L)
{
	size_t len;
	const char *path = luaL_checkstring(L, 1);
	const char *data = luaL_checklstring(L, 2, &len);
	mode_t mode = (mode_t)luaL_optinteger(L, 3, 0644);
	const char *tmp = lua_pushfstring(L, "%s.XXXXXX", path);
	char *name = lua_newuserdatauv(L, strlen(tmp) + 1, 0);
	int *fd = push_fd(L);
	int errnum = 0;

	memcpy(name, tmp, strlen(tmp) + 1);
	if ((*fd = mkostemp(name, O_CLOEXEC)) < 0)
		return fail(L, errno, "cannot write", path);
	if ((errnum = write_and_sync(*fd, data, len)) ||
	    (fchmod(*fd, mode) < 0 && (errnum = errno)) ||
	    (rename(name, path) < 0 && (errnum = errno))) {
		unlink(name);
		return fail(L, errnum, "cannot write", path);
	}
	lua_pushboolean(L, 1);
	return 1;
}

/* create(path) -> true | nil, message, code
 * An empty file that was not there: of several, one makes it, and the others
 * get the code "exists". */
static int sys_create(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int errnum = errno;

	if (fd < 0) {
		fail(L, errnum, "cannot make", path);
		if (errnum == EEXIST) {
			lua_pop(L, 1);
			lua_pushliteral(L, "exists");
		}
		return 3;
	}
	fsync(fd);
	close(fd);
	lua_pushboolean(L, 1);
	return 1;
}

static int close_dir(lua_State *L)
{
	DIR **dir = lua_touserdata(L, 1);

	if (*dir)
		closedir(*dir);
	*dir = NULL;
	return 0;
}

/* list_dir(path) -> { name... } (unsorted, without . and ..) | nil, message,
 * code */
static int sys_list_dir(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	DIR **dir = box_local(L, sizeof(*dir), "neap.dir", close_dir);
	struct dirent *entry;
	lua_Integer n = 0;

	if (!(*dir = opendir(path)))
		return fail(L, errno, "cannot list", path);
	lua_newtable(L);
	while ((entry = readdir(*dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		lua_pushstring(L, entry->d_name);
		lua_rawseti(L, -2, ++n);
	}
	return 1;
}

static const char *kind_of(mode_t mode)
{
	if (S_ISREG(mode))
		return "file";
	return S_ISDIR(mode) ? "directory" : "other";
}

/* stat(path) -> { kind=, size=, mtime=, mode= } (links followed) | nil,
 * message, code */
static int sys_stat(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	struct stat st;

	if (stat(path, &st) < 0)
		return fail(L, errno, "cannot look at", path);
	lua_createtable(L, 0, 4);
	lua_pushstring(L, kind_of(st.st_mode));
	lua_setfield(L, -2, "kind");
	lua_pushinteger(L, st.st_size);
	lua_setfield(L, -2, "size");
	lua_pushinteger(L, st.st_mtime);
	lua_setfield(L, -2, "mtime");
	lua_pushinteger(L, st.st_mode & 07777);
	lua_setfield(L, -2, "mode");
	return 1;
}

/* real_path(path) -> absolute path without links | nil, message, code */
static int sys_real_path(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	char real[PATH_MAX];

	if (!realpath(path, real))
		return fail(L, errno, "cannot find", path);
	lua_pushstring(L, real);
	return 1;
}

/* mkdir(path[, mode]) -> true (also where it stands already) | nil, message,
 * code */
static int sys_mkdir(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	mode_t mode = (mode_t)luaL_optinteger(L, 2, 0777);

	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return fail(L, errno, "cannot make directory", path);
	lua_pushboolean(L, 1);
	return 1;
}

/* writable(path) -> whether files can be made in that directory */
static int sys_writable(lua_State *L)
{
	lua_pushboolean(L, access(luaL_checkstring(L, 1), W_OK | X_OK) == 0);
	return 1;
}

static int sys_getenv(lua_State *L)
{
	lua_pushstring(L, getenv(luaL_checkstring(L, 1)));
	return 1;
}

static int sys_isatty(lua_State *L)
{
	lua_pushboolean(L, isatty((int)luaL_checkinteger(L, 1)));
	return 1;
}

/* width() -> columns of the terminal on stdout, 80 where there is none */
static int sys_width(lua_State *L)
{
	struct winsize ws;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 0)
		lua_pushinteger(L, ws.ws_col);
	else
		lua_pushinteger(L, 80);
	return 1;
}

/* operator() -> user name, host name: who runs this, and where */
static int sys_operator(lua_State *L)
{
	const char *sudo_user = getenv("SUDO_USER");
	const char *user = user_name();
	char host[HOST_NAME_MAX + 1] = "localhost";

	gethostname(host, sizeof(host) - 1);
	if (sudo_user && *sudo_user && getuid() == 0)
		lua_pushstring(L, sudo_user);
	else
		lua_pushstring(L, *user ? user : "unknown");
	lua_pushstring(L, host);
	return 2;
}

/* time() -> seconds since the epoch, a float */
static int sys_time(lua_State *L)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	lua_pushnumber(L, (double)ts.tv_sec + (double)ts.tv_nsec / 1e9);
	return 1;
}

/* usage() -> user + system CPU seconds so far, peak memory in KiB */
static int sys_usage(lua_State *L)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	lua_pushnumber(
	    L, (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
		   (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6);
	lua_pushinteger(L, ru.ru_maxrss);
	return 2;
}

/* write(fd, bytes) -> true | nil, message, "closed" (nobody reads it any
 * more)|"io" */
static int sys_write(lua_State *L)
{
	int fd = (int)luaL_checkinteger(L, 1);
	size_t len;
	const char *data = luaL_checklstring(L, 2, &len);
	int errnum = write_fully(fd, data, len);

	if (errnum) {
		fail(L, errnum, "cannot write",
		    fd == STDERR_FILENO ? "stderr" : "stdout");
		if (errnum == EPIPE) {
			lua_pop(L, 1);
			lua_pushliteral(L, "closed");
		}
		return 3;
	}
	lua_pushboolean(L, 1);
	return 1;
}

/* prompt(text) -> line typed at the terminal, for all to see | nil, message,
 * code */
static int sys_prompt(lua_State *L)
{
	const char *text = luaL_checkstring(L, 1);
	char line[1024];
	int errnum = terminal_ask(text, false, line, sizeof(line));

	if (errnum == EINTR) {
		luaL_pushfail(L);
		lua_pushliteral(L, "interrupted by a signal");
		lua_pushliteral(L, "interrupted");
		return 3;
	}
	if (errnum)
		return fail(L, errnum, "cannot ask on", "/dev/tty");
	lua_pushstring(L, line);
	return 1;
}

static const luaL_Reg funcs[] = {
    {"read_file", sys_read_file},
    {"write_file", sys_write_file},
    {"create", sys_create},
    {"list_dir", sys_list_dir},
    {"stat", sys_stat},
    {"real_path", sys_real_path},
    {"mkdir", sys_mkdir},
    {"writable", sys_writable},
    {"getenv", sys_getenv},
    {"isatty", sys_isatty},
    {"width", sys_width},
    {"operator", sys_operator},
    {"time", sys_time},
    {"usage", sys_usage},
    {"write", sys_write},
    {"prompt", sys_prompt},
    {NULL, NULL},
};

int luaopen_neap_core_sys(lua_State *L)
{
	luaL_newlib(L, funcs);
	return 1;
}
