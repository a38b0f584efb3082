/* Errors: see err.h. */
#include "err.h"

#include <stdio.h>
#include <string.h>

static const char *const names[] = {
    [-ERR_NONE] = "none",
    [-ERR_NOMEM] = "nomem",
    [-ERR_IO] = "io",
    [-ERR_USAGE] = "usage",
    [-ERR_PARSE] = "parse",
    [-ERR_NOTFOUND] = "notfound",
    [-ERR_CONFLICT] = "conflict",
    [-ERR_LOCKED] = "locked",
    [-ERR_TIMEOUT] = "timeout",
    [-ERR_UNREACHABLE] = "unreachable",
    [-ERR_HOSTKEY] = "hostkey",
    [-ERR_AUTH] = "auth",
    [-ERR_SUDO] = "sudo",
    [-ERR_SHELL] = "shell",
    [-ERR_PROTOCOL] = "protocol",
    [-ERR_INTERRUPTED] = "interrupted",
    [-ERR_LIMIT] = "limit",
    [-ERR_CRYPTO] = "crypto",
    [-ERR_SCRIPT] = "script",
};

const char *err_name(enum err_code code)
{
	size_t i = (size_t)(-(int)code);

	if (i >= sizeof(names) / sizeof(names[0]))
		return "unknown";
	return names[i];
}

static void mark_cut(struct err *e, int len)
{
	if (len >= (int)sizeof(e->text))
		memcpy(e->text + sizeof(e->text) - 4, "...", 4);
}

int err_vset(struct err *e, enum err_code code, const char *fmt, va_list ap)
{
	if (e) {
		e->code = code;
		mark_cut(e, vsnprintf(e->text, sizeof(e->text), fmt, ap));
	}
	return code;
}

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_vset(e, code, fmt, ap);
	va_end(ap);
	return code;
}

int err_sys(struct err *e, int errnum, const char *fmt, ...)
{
	char head[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(head, sizeof(head), fmt, ap);
	va_end(ap);
	return err_set(e, ERR_IO, "%s: %s", head, strerror(errnum));
}
