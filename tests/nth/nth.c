/* A library to preload: the n-th call of a kind fails. The environment says
 *
 *	NTH_CALL   alloc, lua, open, read, write, fsync or rename
 *	NTH_AT     which one fails, from 1; without it all are only counted
 *	NTH_WIDTH  how many fail in a row (1); Lua tries an allocation again
 *	NTH_LOG    a file for the count, and for whether one has failed
 *	NTH_LUA    "START SIZE" of Lua's allocator in the program, in hex, by
 *	           which `lua` is told from `alloc`
 *
 * Of allocations those count that our own program makes, for itself or for
 * Lua; of the rest all, whichever library makes them. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static struct {
	const char *call;
	long at, width;
	long count;
	bool hit;
	uintptr_t text, text_end; /* of the program */
	uintptr_t lua, lua_end;	  /* of Lua's allocator in it */
} nth;

static int find_program(struct dl_phdr_info *info, size_t size, void *ctx)
{
	const char *lua = getenv("NTH_LUA");
	unsigned long start, length;

	(void)size;
	(void)ctx;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type != PT_LOAD || !(p->p_flags & PF_X))
			continue;
		nth.text = info->dlpi_addr + p->p_vaddr;
		nth.text_end = nth.text + p->p_memsz;
	}
	if (lua && sscanf(lua, "%lx %lx", &start, &length) == 2) {
		nth.lua = info->dlpi_addr + start;
		nth.lua_end = nth.lua + length;
	}
	return 1; /* the program is the first */
}

static long number(const char *name, long otherwise)
{
	const char *text = getenv(name);

	return text ? strtol(text, NULL, 10) : otherwise;
}

__attribute__((constructor)) static void begin(void)
{
	dl_iterate_phdr(find_program, NULL);
	nth.at = number("NTH_AT", 0);
	nth.width = number("NTH_WIDTH", 1);
	nth.call = getenv("NTH_CALL");
}

__attribute__((destructor)) static void end(void)
{
	const char *path = getenv("NTH_LOG");
	char line[64];
	int fd, len;

	nth.call = NULL;
	if (!path || (fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644)) < 0)
		return;
	len = snprintf(line, sizeof(line), "%ld %d\n", nth.count, nth.hit);
	if (write(fd, line, (size_t)len) != len)
		perror(path);
	close(fd);
}

/* Whether the call that is being made is to fail, with `error`. */
static bool fails(const char *call, int error)
{
	long i;

	if (!nth.call || strcmp(nth.call, call) != 0)
		return false;
	i = __atomic_add_fetch(&nth.count, 1, __ATOMIC_RELAXED);
	if (nth.at == 0 || i < nth.at || i - nth.at >= nth.width)
		return false;
	nth.hit = true;
	errno = error;
	return true;
}

static bool fails_alloc(const void *caller)
{
	uintptr_t from = (uintptr_t)caller;

	if (from < nth.text || from >= nth.text_end)
		return false;
	return fails(
	    from >= nth.lua && from < nth.lua_end ? "lua" : "alloc", ENOMEM);
}

#define CALLER __builtin_return_address(0)

/* What dlsym() itself needs, while it looks for malloc. */
static char early[65536];
static size_t early_used;

static void *early_alloc(size_t size)
{
	void *p = early + early_used;

	early_used += (size + 15) & ~(size_t)15;
	if (early_used > sizeof(early))
		abort();
	return p;
}

static bool is_early(const void *p)
{
	return (const char *)p >= early &&
	       (const char *)p < early + sizeof(early);
}

/* So that no function is called for it: a sanitizer's library allocates before
 * its own __tls_get_addr() can be. */
#define FOR_EACH_THREAD __thread __attribute__((tls_model("initial-exec")))

/* The next function of that name; NULL while it is being looked for. */
#define NEXT(name)                                                             \
	__extension__({                                                        \
		static __typeof__(&name) found;                                \
		static FOR_EACH_THREAD bool looking;                           \
		if (!found && !looking) {                                      \
			looking = true;                                        \
			*(void **)&found = dlsym(RTLD_NEXT, #name);            \
			looking = false;                                       \
		}                                                              \
		found;                                                         \
	})

void *malloc(size_t size)
{
	__typeof__(&malloc) next = NEXT(malloc);

	if (!next)
		return early_alloc(size);
	return fails_alloc(CALLER) ? NULL : next(size);
}

void *calloc(size_t n, size_t size)
{
	__typeof__(&calloc) next = NEXT(calloc);

	if (!next)
		return early_alloc(n * size);
	return fails_alloc(CALLER) ? NULL : next(n, size);
}

/* Lua counts on shrinking to succeed. */
void *realloc(void *old, size_t size)
{
	__typeof__(&realloc) next = NEXT(realloc);

	if (is_early(old) || !next)
		abort();
	if ((!old || size > malloc_usable_size(old)) && fails_alloc(CALLER))
		return NULL;
	return next(old, size);
}

void free(void *p)
{
	__typeof__(&free) next = NEXT(free);

	if (next && !is_early(p))
		next(p);
}

char *strdup(const char *s)
{
	size_t size = strlen(s) + 1;
	char *p = fails_alloc(CALLER) ? NULL : malloc(size);

	return p ? memcpy(p, s, size) : NULL;
}

char *strndup(const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *p = fails_alloc(CALLER) ? NULL : malloc(len + 1);

	if (!p)
		return NULL;
	p[len] = '\0';
	return memcpy(p, s, len);
}

static int opens(int (*next)(int, const char *, int, ...), int at,
    const char *path, int flags, mode_t mode)
{
	if (fails("open", flags & O_CREAT ? ENOSPC : EMFILE))
		return -1;
	return next(at, path, flags, mode);
}

static mode_t mode_in(int flags, va_list ap)
{
	return flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = mode_in(flags, ap);
	va_end(ap);
	return opens(NEXT(openat), AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = mode_in(flags, ap);
	va_end(ap);
	return opens(NEXT(openat), AT_FDCWD, path, flags, mode);
}

int openat(int at, const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = mode_in(flags, ap);
	va_end(ap);
	return opens(NEXT(openat), at, path, flags, mode);
}

int openat64(int at, const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = mode_in(flags, ap);
	va_end(ap);
	return opens(NEXT(openat), at, path, flags, mode);
}

/* What fortified code calls. */
int __open_2(const char *path, int flags)
{
	return opens(NEXT(openat), AT_FDCWD, path, flags, 0);
}

int __open64_2(const char *path, int flags)
{
	return opens(NEXT(openat), AT_FDCWD, path, flags, 0);
}

FILE *fopen(const char *path, const char *mode)
{
	return fails("open", EMFILE) ? NULL : NEXT(fopen)(path, mode);
}

FILE *fopen64(const char *path, const char *mode)
{
	return fails("open", EMFILE) ? NULL : NEXT(fopen)(path, mode);
}

ssize_t read(int fd, void *buf, size_t n)
{
	return fails("read", EIO) ? -1 : NEXT(read)(fd, buf, n);
}

ssize_t __read_chk(int fd, void *buf, size_t n, size_t size)
{
	(void)size;
	return fails("read", EIO) ? -1 : NEXT(read)(fd, buf, n);
}

ssize_t pread(int fd, void *buf, size_t n, off_t at)
{
	return fails("read", EIO) ? -1 : NEXT(pread)(fd, buf, n, at);
}

ssize_t recv(int fd, void *buf, size_t n, int flags)
{
	return fails("read", EIO) ? -1 : NEXT(recv)(fd, buf, n, flags);
}

ssize_t write(int fd, const void *buf, size_t n)
{
	return fails("write", ENOSPC) ? -1 : NEXT(write)(fd, buf, n);
}

ssize_t pwrite(int fd, const void *buf, size_t n, off_t at)
{
	return fails("write", ENOSPC) ? -1 : NEXT(pwrite)(fd, buf, n, at);
}

ssize_t writev(int fd, const struct iovec *iov, int n)
{
	return fails("write", ENOSPC) ? -1 : NEXT(writev)(fd, iov, n);
}

ssize_t send(int fd, const void *buf, size_t n, int flags)
{
	return fails("write", EPIPE) ? -1 : NEXT(send)(fd, buf, n, flags);
}

int fsync(int fd)
{
	return fails("fsync", EIO) ? -1 : NEXT(fsync)(fd);
}

int fdatasync(int fd)
{
	return fails("fsync", EIO) ? -1 : NEXT(fdatasync)(fd);
}

int syncfs(int fd)
{
	return fails("fsync", EIO) ? -1 : NEXT(syncfs)(fd);
}

int rename(const char *from, const char *to)
{
	return fails("rename", ENOSPC) ? -1 : NEXT(rename)(from, to);
}

int renameat(int from_at, const char *from, int to_at, const char *to)
{
	return fails("rename", ENOSPC)
		   ? -1
		   : NEXT(renameat)(from_at, from, to_at, to);
}

int link(const char *from, const char *to)
{
	return fails("rename", ENOSPC) ? -1 : NEXT(link)(from, to);
}
