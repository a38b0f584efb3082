/* Errors: one shape for the whole project.
 *
 * A function that can fail returns 0 or a negative `enum err_code`, and
 * leaves one line of text in the caller's `struct err`: lower case, no full
 * stop, the subject quoted, and what to do about it where that is known:
 *
 *     host 'web1': no answer on 10.0.0.5:22 in 5000 ms
 *
 * The text is set where the failure is found and passed up unchanged. */
#ifndef NEAP_BASE_ERR_H
#define NEAP_BASE_ERR_H

#include <stdarg.h>

enum err_code {
	ERR_NONE = 0,
	ERR_NOMEM = -1,	       /* memory is exhausted or a bound is reached */
	ERR_IO = -2,	       /* a system call failed */
	ERR_USAGE = -3,	       /* the caller's arguments make no sense */
	ERR_PARSE = -4,	       /* foreign text has not the form it should */
	ERR_NOTFOUND = -5,     /* no such thing */
	ERR_CONFLICT = -6,     /* something has moved since it was looked at */
	ERR_LOCKED = -7,       /* held by another run */
	ERR_TIMEOUT = -8,      /* no answer in time */
	ERR_UNREACHABLE = -9,  /* no connection to the host */
	ERR_HOSTKEY = -10,     /* the host is not who it should be */
	ERR_AUTH = -11,	       /* the host does not let us in */
	ERR_SUDO = -12,	       /* no privilege on the host */
	ERR_SHELL = -13,       /* no usable shell on the host */
	ERR_PROTOCOL = -14,    /* the host broke the protocol */
	ERR_INTERRUPTED = -15, /* stopped by a signal */
	ERR_LIMIT = -16,       /* larger than the bound allows */
	ERR_CRYPTO = -17,      /* a seal does not open */
	ERR_SCRIPT = -18,      /* a Lua error */
};

/* Longest text of an error in bytes, the closing NUL included. */
enum { ERR_TEXT_MAX = 512 };

struct err {
	enum err_code code;
	char text[ERR_TEXT_MAX];
};

/* Sets `e` (which may be NULL) and returns `code`. A text that is too long
 * is cut and ends in "...". */
int err_set(struct err *e, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same, with the arguments of a `va_list`. */
int err_vset(struct err *e, enum err_code code, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));

/* As err_set, followed by ": " and the text of errno value `errnum`. */
int err_sys(struct err *e, int errnum, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The short name of a code as Lua and JSON see it, e.g. "unreachable". */
const char *err_name(enum err_code code);

#endif
