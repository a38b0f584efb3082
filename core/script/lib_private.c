/* neap.core.private: how secrets come in and go out at the operator's side.
 * What comes in is tainted and never was a Lua string.
 *
 *     private.prompt(text, name) -> tainted    typed, without echo
 *     private.input(name) -> tainted           all of stdin
 *     private.environment(variable, name) -> tainted | nothing
 *         and the variable is gone, from /proc/self/environ, too
 *     private.output(command, name) -> tainted what a shell command prints
 *     private.run(command, argument) -> status of `sh -c command sh argument`
 *     private.scratch() -> a new directory that nobody else can enter, in
 *         memory
 *     private.save(path, value) -> true        a new file with mode 0600
 *     private.load(path, name) -> tainted
 *     private.wipe(directory)                  with the files in it
 *
 * Where they fail: nil, message, code. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "box.h"
#include "libs.h"
#include "taint.h"
#include "terminal.h"

enum {
	INPUT_MAX_BYTES = 1024 * 1024,
	LINE_MAX_BYTES = 1024,
	TMPFS = 0x01021994, /* statfs(2) */
};

extern char **environ;

static int fail_sys(lua_State *L, int errnum, const char *what)
{
	struct err e;

	err_sys(&e, errnum, "%s", what);
	if (errnum == EINTR)
		e.code = ERR_INTERRUPTED;
	return box_fail(L, &e);
}

static int push_secret(lua_State *L, const struct buf *b, const char *name)
{
	if (buf_failed(b))
		return luaL_error(L, "out of memory");
	taint_add_secret(L, taint_push(L), b->len ? b->data : "", b->len, name);
	return 1;
}

static struct buf *secret_buf(lua_State *L)
{
	struct buf *b = box_buf(L);

	b->secret = true;
	return b;
}

/* Reads all there is: 0 or an errno. */
static int read_all(struct buf *b, int fd)
{
	for (;;) {
		char *to = buf_reserve(b, 4096);
		ssize_t n;

		if (!to)
			return ENOMEM;
		if ((n = read(fd, to, 4096)) < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : 0;
		buf_grown(b, (size_t)n);
		if (b->len > INPUT_MAX_BYTES)
			return EFBIG;
	}
}

static int private_prompt(lua_State *L)
{
	const char *text = luaL_checkstring(L, 1);
	const char *name = luaL_checkstring(L, 2);
	struct buf *b = secret_buf(L);
	char *line = buf_reserve(b, LINE_MAX_BYTES);
	int errnum;

	if (!line)
		return luaL_error(L, "out of memory");
	if ((errnum = terminal_ask(text, true, line, LINE_MAX_BYTES)))
		return fail_sys(L, errnum, "cannot ask on the terminal");
	buf_grown(b, strlen(line));
	return push_secret(L, b, name);
}

static int private_input(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);
	struct buf *b = secret_buf(L);
	int errnum = read_all(b, STDIN_FILENO);

	if (errnum)
		return fail_sys(L, errnum, "cannot read standard input");
	return push_secret(L, b, name);
}

static int private_environment(lua_State *L)
{
	const char *variable = luaL_checkstring(L, 1);
	const char *name = luaL_checkstring(L, 2);
	char *value = getenv(variable);

	if (!value || !*value)
		return 0;
	taint_add_secret(L, taint_push(L), value, strlen(value), name);
	explicit_bzero(value, strlen(value));
	unsetenv(variable);
	return 1;
}

/* ---- commands ---- */

static int start(pid_t *pid, const char *command, const char *argument,
    posix_spawn_file_actions_t *actions)
{
	char *argv[] = {
	    "sh", "-c", (char *)command, "sh", (char *)argument, NULL};
	posix_spawnattr_t attr;
	sigset_t usual;
	int errnum;

	sigemptyset(&usual);
	sigaddset(&usual, SIGPIPE); /* which we ignore */
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigdefault(&attr, &usual);
	errnum = posix_spawn(pid, "/bin/sh", actions, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	return errnum;
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int read_command(struct buf *b, const char *command, int *status)
{
	posix_spawn_file_actions_t actions;
	int ends[2], errnum;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return errno;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	errnum = start(&pid, command, NULL, &actions);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	if (!errnum) {
		errnum = read_all(b, ends[0]);
		if (errnum)
			kill(pid, SIGTERM);
		*status = wait_for(pid);
	}
	close(ends[0]);
	return errnum;
}

static int private_output(lua_State *L)
{
	const char *command = luaL_checkstring(L, 1);
	const char *name = luaL_checkstring(L, 2);
	struct buf *b = secret_buf(L);
	int status = 0, errnum = read_command(b, command, &status);
	struct err e;

	if (errnum)
		return fail_sys(L, errnum, "cannot run the command");
	if (status) {
		err_set(&e, ERR_IO, "'%.200s' exits with %d", command, status);
		return box_fail(L, &e);
	}
	return push_secret(L, b, name);
}

/* The keys of the terminal that end programs are for the command alone. */
static int private_run(lua_State *L)
{
	const char *command = luaL_checkstring(L, 1);
	const char *argument = luaL_checkstring(L, 2);
	struct sigaction ignore = {.sa_handler = SIG_IGN}, old_int, old_quit;
	posix_spawn_file_actions_t actions;
	int errnum, status = 0;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	errnum = start(&pid, command, argument, &actions);
	posix_spawn_file_actions_destroy(&actions);
	if (errnum)
		return fail_sys(L, errnum, "cannot run the command");
	sigaction(SIGINT, &ignore, &old_int);
	sigaction(SIGQUIT, &ignore, &old_quit);
	status = wait_for(pid);
	sigaction(SIGINT, &old_int, NULL);
	sigaction(SIGQUIT, &old_quit, NULL);
	lua_pushinteger(L, status);
	return 1;
}

/* ---- files in memory ---- */

static bool in_memory(const char *dir)
{
	struct statfs fs;

	return statfs(dir, &fs) == 0 && fs.f_type == TMPFS;
}

static int private_scratch(lua_State *L)
{
	const char *dirs[] = {getenv("XDG_RUNTIME_DIR"), "/dev/shm", "/run"};
	char path[256];

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		if (!dirs[i] || strlen(dirs[i]) > 200 || !in_memory(dirs[i]))
			continue;
		snprintf(path, sizeof(path), "%s/neap.XXXXXX", dirs[i]);
		if (mkdtemp(path)) {
			lua_pushstring(L, path);
			return 1;
		}
	}
	return fail_sys(L, ENOENT, "no file system in memory to edit in");
}

static int write_file(const char *path, const char *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int errnum;

	if (fd < 0)
		return errno;
	errnum = write_fully(fd, data, len);
	close(fd);
	return errnum;
}

static int private_save(lua_State *L)
{
	size_t len;
	const char *path = luaL_checkstring(L, 1);
	const char *data = taint_check(L, 2, &len);
	int errnum = write_file(path, data, len);

	if (errnum)
		return fail_sys(L, errnum, "cannot write a file in memory");
	lua_pushboolean(L, 1);
	return 1;
}

static int private_load(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	const char *name = luaL_checkstring(L, 2);
	struct buf *b = secret_buf(L);
	int fd = open(path, O_RDONLY | O_CLOEXEC), errnum;

	if (fd < 0)
		return fail_sys(L, errno, "cannot read what was edited");
	errnum = read_all(b, fd);
	close(fd);
	if (errnum)
		return fail_sys(L, errnum, "cannot read what was edited");
	if (buf_failed(b))
		return luaL_error(L, "out of memory");
	taint_add_wrapped(
	    L, taint_push(L), b->len ? b->data : "", b->len, name);
	return 1;
}

static void wipe_file(int dir, const char *name)
{
	static const char zeros[4096];
	int fd = openat(dir, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		for (off_t at = 0; at < st.st_size; at += (off_t)sizeof(zeros))
			if (pwrite(fd, zeros, sizeof(zeros), at) < 0)
				break;
	if (fd >= 0)
		close(fd);
	unlinkat(dir, name, 0);
}

static int private_wipe(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			wipe_file(dirfd(dir), entry->d_name);
	if (dir)
		closedir(dir);
	rmdir(path);
	return 0;
}

static const luaL_Reg funcs[] = {
    {"prompt", private_prompt},
    {"input", private_input},
    {"environment", private_environment},
    {"output", private_output},
    {"run", private_run},
    {"scratch", private_scratch},
    {"save", private_save},
    {"load", private_load},
    {"wipe", private_wipe},
    {NULL, NULL},
};

int luaopen_neap_core_private(lua_State *L)
{
	luaL_newlib(L, funcs);
	return 1;
}
