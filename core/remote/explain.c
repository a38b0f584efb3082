/* What a host said when its shell ended, in one line for the operator. */
#include <ctype.h>
#include <string.h>

#include "internal.h"

/* The last line that says something, with only what can be printed. */
static void last_line(char *out, size_t size, const struct buf *b)
{
	size_t end = b->len, from, n = 0;

	while (end && isspace((unsigned char)b->data[end - 1]))
		end--;
	for (from = end; from && b->data[from - 1] != '\n'; from--)
		;
	for (; from < end && n + 1 < size; from++)
		out[n++] =
		    isprint((unsigned char)b->data[from]) ? b->data[from] : '?';
	out[n] = '\0';
}

static void said(char *out, size_t size, const struct words *w)
{
	last_line(out, size, w->err);
	if (!*out)
		last_line(out, size, w->out);
}

/* sudo's first words say why it refuses, and more may follow them; but it also
 * grumbles about a host whose name it cannot resolve, and goes on. */
static void sudo_said(char *out, size_t size, const struct words *w)
{
	static const char grumble[] = "sudo: unable to resolve host";
	const struct buf *b = w->err;
	const char *at = b->len ? strstr(b->data, "sudo: ") : NULL;
	struct buf line = BUF_INIT;

	while (at && !strncmp(at, grumble, strlen(grumble)))
		at = strstr(at + strlen(grumble), "sudo: ");
	if (!at) {
		said(out, size, w);
		return;
	}
	line.data = (char *)at;
	line.len = strcspn(at, "\n");
	last_line(out, size, &line);
}

void explain_sudo(const struct words *w, struct err *e)
{
	const char *all = w->err->len ? w->err->data : "";
	char words[200];

	sudo_said(words, sizeof(words), w);
	if (strstr(all, "password is required") || strstr(all, "no tty"))
		err_set(e, ERR_SUDO,
		    "host '%s': sudo wants a password to become '%s': give it "
		    "with -K, or allow it without one in sudoers",
		    w->name, w->user);
	else
		err_set(e, ERR_SUDO, "host '%s': sudo to '%s' failed: %s",
		    w->name, w->user, *words ? words : "it says nothing");
}

void explain_end(const struct words *w, bool stood, struct err *e)
{
	char words[200];

	said(words, sizeof(words), w);
	err_set(e, ERR_SHELL, "host '%s': the shell %s%s%s", w->name,
	    stood ? "has ended" : "does not start", *words ? ": " : "", words);
}
