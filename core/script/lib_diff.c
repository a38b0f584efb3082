/* neap.core.diff: what differs between two texts, for people to read.
 *
 *     diff.unified(old, new [, { context = 3, old_label=, new_label= }])
 *         -> text, "" when they are equal | nil, "binary" | nil, "large"
 *
 * Without labels there are no "---" and "+++" lines. Either text may be
 * tainted: the result is always a plain string that may be shown. In it the
 * secrets carry their names. What a host has in a secret's place, such as the
 * password of yesterday, is a secret too although nobody has said so. So of
 * the lines that go, those are shown that set what a line that comes sets to
 * something plain, and those that look like a line with a secret, around it.
 *
 *     -workers=2                              +workers=4
 *     -password=<secret: another value>       +password=<secret:db>
 *     -<withheld: it may hold a secret>
 */
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "box.h"
#include "libs.h"
#include "store/text.h"
#include "taint.h"

#define MARK "<secret:"
#define OTHER "<secret: another value>"
#define WITHHELD "<withheld: it may hold a secret>"

enum { MARK_LEN = sizeof(MARK) - 1 };

/* Lines that go are held back until those that come in are known. */
struct shower {
	struct buf out;
	struct buf gone; /* "-" lines as they are in `out` */
	struct buf come; /* "+" lines */
	bool careful;
};

static int free_shower(lua_State *L)
{
	struct shower *sh = lua_touserdata(L, 1);

	buf_release(&sh->out);
	buf_release(&sh->gone);
	buf_release(&sh->come);
	return 0;
}

/* The next line of a run of them, without its newline; false at the end. */
static bool next_line(
    const char **at, const char *end, const char **line, size_t *len)
{
	const char *eol;

	if (*at >= end)
		return false;
	eol = memchr(*at, '\n', (size_t)(end - *at));
	*line = *at;
	*len = (size_t)((eol ? eol : end) - *at);
	*at = eol ? eol + 1 : end;
	return true;
}

static bool ends_a_line(const char *text, size_t len)
{
	return len && text[len - 1] == '\n';
}

/* Where the name of a secret that starts at `mark` ends. */
static const char *end_of_mark(const char *mark, const char *end)
{
	const char *close = memchr(mark, '>', (size_t)(end - mark));

	return close ? close + 1 : end;
}

/* What stands in a secret's place: another known one, or we do not say. */
static void put_place(struct buf *to, const char *s, const char *end)
{
	if (end - s > MARK_LEN && !memcmp(s, MARK, MARK_LEN) &&
	    end_of_mark(s, end) == end)
		buf_put(to, s, (size_t)(end - s));
	else
		buf_puts(to, OTHER);
}

/* Appends `line` with `form`'s secrets for its own, where it says the same
 * around them; else false, and `to` may have grown. */
static bool put_like(struct buf *to, const char *line, const char *end,
    const char *form, const char *form_end)
{
	const char *mark =
	    memmem(form, (size_t)(form_end - form), MARK, MARK_LEN);
	size_t n = (size_t)((mark ? mark : form_end) - form);

	if (!mark || n > (size_t)(end - line) || memcmp(line, form, n))
		return false;
	buf_put(to, line, n);
	line += n;
	while (mark) {
		const char *at;

		form = end_of_mark(mark, form_end);
		mark = memmem(form, (size_t)(form_end - form), MARK, MARK_LEN);
		n = (size_t)((mark ? mark : form_end) - form);
		if (n > (size_t)(end - line))
			return false;
		at = mark ? memmem(line, (size_t)(end - line), form, n)
			  : end - n;
		if (!at || memcmp(at, form, n))
			return false;
		put_place(to, line, at);
		buf_put(to, at, n);
		line = at + n;
	}
	return true;
}

/* The name of a setting at the start of a line: up to a blank, = or colon. */
static size_t setting_len(const char *line, const char *end)
{
	const char *at = line;

	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	while (at < end && !strchr(" \t=:", *at))
		at++;
	return (size_t)(at - line);
}

/* Whether the lines set the same, and `new` to no secret: then what it was
 * is none either. */
static bool same_setting(
    const char *old, const char *old_end, const char *new, const char *new_end)
{
	size_t n = setting_len(old, old_end);

	return n == setting_len(new, new_end) && !memcmp(old, new, n) &&
	       !memmem(new, (size_t)(new_end - new), MARK, MARK_LEN);
}

/* Too short to be a secret worth its name, such as a bracket or an "end", or
 * nothing but a secret that has a name. */
static bool is_harmless(const char *line, const char *end)
{
	while (line < end && (*line == ' ' || *line == '\t'))
		line++;
	if (end - line < 4)
		return true;
	return end - line > MARK_LEN && !memcmp(line, MARK, MARK_LEN) &&
	       end_of_mark(line, end) == end;
}

/* A line that goes from a text that holds secrets, next to those that come. */
static void put_gone(struct shower *sh, const char *line, size_t len)
{
	const char *at = sh->come.data ? sh->come.data : "";
	const char *stop = at + sh->come.len, *form;
	const char *end = line + len;
	size_t form_len, before = sh->out.len;
	bool show = line[0] == '\\' || is_harmless(line + 1, end);

	while (!show && next_line(&at, stop, &form, &form_len)) {
		if (form[0] != '+')
			continue;
		show = same_setting(line + 1, end, form + 1, form + form_len);
		buf_putc(&sh->out, '-');
		if (!show && put_like(&sh->out, line + 1, end, form + 1,
				 form + form_len))
			return;
		if (!sh->out.failed)
			sh->out.len = before;
	}
	if (show)
		buf_put(&sh->out, line, len);
	else
		buf_puts(&sh->out, "-" WITHHELD);
}

/* All lines that go; equal ones that show nothing are shown once. */
static void put_all_gone(struct shower *sh)
{
	const char *at = sh->gone.data, *end = at + sh->gone.len, *line;
	size_t len, last = 0, last_len = 0;

	while (next_line(&at, end, &line, &len)) {
		size_t from = sh->out.len;

		put_gone(sh, line, len);
		if (sh->out.failed)
			return;
		len = sh->out.len - from;
		if (last_len && len == last_len &&
		    !memcmp(sh->out.data + last, sh->out.data + from, len)) {
			sh->out.len = from;
			continue;
		}
		buf_putc(&sh->out, '\n');
		last = from;
		last_len = len;
	}
}

static void flush(struct shower *sh)
{
	if (sh->careful && sh->gone.len)
		put_all_gone(sh);
	else if (sh->gone.len)
		buf_put(&sh->out, sh->gone.data, sh->gone.len);
	if (sh->come.len)
		buf_put(&sh->out, sh->come.data, sh->come.len);
	buf_clear(&sh->gone);
	buf_clear(&sh->come);
}

static int on_line(void *ctx, const struct text_line *line)
{
	static const char no_newline[] = "\\ No newline at end of file\n";
	struct shower *sh = ctx;
	struct buf *to = &sh->out;

	if (line->origin == '@' || line->origin == ' ')
		flush(sh);
	if (line->origin == '+' || (line->origin == '\\' && sh->come.len))
		to = &sh->come;
	else if (line->origin == '-' || (line->origin == '\\' && sh->gone.len))
		to = &sh->gone;
	if (line->origin == '\\') {
		buf_puts(to, no_newline);
		return 0;
	}
	if (line->origin != '@')
		buf_putc(to, line->origin);
	buf_put(to, line->data, line->len);
	if (!ends_a_line(line->data, line->len))
		buf_putc(to, '\n');
	return buf_failed(to) ? ERR_NOMEM : 0;
}

struct options {
	unsigned context;
	const char *old_label, *new_label;
};

/* The strings stay on the stack, or in the table. */
static void get_options(lua_State *L, struct options *opts)
{
	lua_Integer context;

	opts->context = 3;
	if (lua_isnoneornil(L, 3))
		return;
	luaL_checktype(L, 3, LUA_TTABLE);
	lua_getfield(L, 3, "context");
	context = luaL_optinteger(L, -1, 3);
	luaL_argcheck(L, context >= 0 && context <= 1000, 3,
	    "context is 0 to 1000 lines");
	opts->context = (unsigned)context;
	lua_getfield(L, 3, "old_label");
	opts->old_label = luaL_optstring(L, -1, NULL);
	lua_getfield(L, 3, "new_label");
	opts->new_label = luaL_optstring(L, -1, NULL);
}

struct text {
	const char *data;
	size_t len;
};

/* The text at `arg` as it may be shown. The newline at its end may be part of
 * a secret, whose name has none. */
static struct text get_text(lua_State *L, int arg, bool careful)
{
	struct text text;
	struct buf *b;

	text.data = taint_check(L, arg, &text.len);
	if (!careful)
		return text;
	b = box_buf(L);
	taint_add_shown(L, b, arg);
	buf_put(b, "", 0);
	if (ends_a_line(text.data, text.len) && !ends_a_line(b->data, b->len))
		buf_putc(b, '\n');
	if (buf_failed(b))
		luaL_error(L, "out of memory");
	return (struct text){b->data, b->len};
}

static int refuse(lua_State *L, const char *why)
{
	luaL_pushfail(L);
	lua_pushstring(L, why);
	return 2;
}

static int diff_unified(lua_State *L)
{
	struct err e = {0};
	struct options opts = {0};
	struct text old, new, old_clear, new_clear;
	struct shower *sh;
	bool careful = taint_is(L, 1) || taint_is(L, 2);
	int rc;

	old_clear = get_text(L, 1, false);
	new_clear = get_text(L, 2, false);
	if (old_clear.len == new_clear.len &&
	    !memcmp(old_clear.data, new_clear.data, new_clear.len)) {
		lua_pushliteral(L, "");
		return 1;
	}
	if (text_is_binary(old_clear.data, old_clear.len) ||
	    text_is_binary(new_clear.data, new_clear.len))
		return refuse(L, "binary");
	get_options(L, &opts);
	sh = box_local(L, sizeof(*sh), "neap.diff", free_shower);
	sh->careful = careful;
	old = get_text(L, 1, careful);
	new = get_text(L, 2, careful);
	if (opts.old_label || opts.new_label)
		buf_printf(&sh->out, "--- %s\n+++ %s\n",
		    opts.old_label ? opts.old_label : "/dev/null",
		    opts.new_label ? opts.new_label : "/dev/null");
	if (old.len == new.len && !memcmp(old.data, new.data, new.len))
		buf_puts(&sh->out, "\\ only the values of secrets differ\n");
	rc = text_diff(old.data, old.len, new.data, new.len, opts.context,
	    on_line, sh, &e);
	flush(sh);
	if (rc == ERR_LIMIT)
		return refuse(L, "large");
	if (rc < 0)
		return luaL_error(
		    L, "%s", rc == ERR_NOMEM ? "out of memory" : e.text);
	box_push_bytes(L, &sh->out);
	return 1;
}

static const luaL_Reg funcs[] = {
    {"unified", diff_unified},
    {NULL, NULL},
};

int luaopen_neap_core_diff(lua_State *L)
{
	luaL_newlib(L, funcs);
	return 1;
}
