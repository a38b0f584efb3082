/* Backtracking over Lua's patterns: see match.h.
 *
 * A pattern is a row of items, each a class of characters with a suffix, or
 * one of the marks: captures, %b, %f, a back reference, the final $. */
#include "match.h"

#include <ctype.h>
#include <string.h>

static const char *rest(struct match *m, const char *s, const char *p);

static const char *fail(struct match *m, const char *error)
{
	if (!m->error)
		m->error = error;
	return NULL;
}

static bool is_among(char c, const char *set)
{
	return c != '\0' && strchr(set, c);
}

static bool spend(struct match *m)
{
	if (--*m->budget >= 0)
		return true;
	fail(m, "pattern takes too long");
	return false;
}

/* The end of the class that begins at `p`: one character, an escape or a
 * set; NULL where it is malformed. */
static const char *class_end(struct match *m, const char *p)
{
	char c = *p++;

	if (c == '%') {
		if (p == m->pattern_end)
			return fail(m, "malformed pattern (ends with '%')");
		return p + 1;
	}
	if (c != '[')
		return p;
	if (p < m->pattern_end && *p == '^')
		p++;
	do {
		if (p == m->pattern_end)
			return fail(m, "malformed pattern (missing ']')");
		if (*p++ == '%' && p < m->pattern_end)
			p++;
	} while (p == m->pattern_end || *p != ']');
	return p + 1;
}

/* Whether `c` is of the class that the letter `kind` names after a %. */
static bool is_kind(unsigned char c, unsigned char kind)
{
	bool is;

	switch (tolower(kind)) {
	case 'a':
		is = isalpha(c);
		break;
	case 'c':
		is = iscntrl(c);
		break;
	case 'd':
		is = isdigit(c);
		break;
	case 'g':
		is = isgraph(c);
		break;
	case 'l':
		is = islower(c);
		break;
	case 'p':
		is = ispunct(c);
		break;
	case 's':
		is = isspace(c);
		break;
	case 'u':
		is = isupper(c);
		break;
	case 'w':
		is = isalnum(c);
		break;
	case 'x':
		is = isxdigit(c);
		break;
	case 'z':
		is = c == '\0';
		break;
	default:
		return kind == c;
	}
	return isupper(kind) ? !is : is;
}

/* Whether `c` is in the set [p, end), which are its brackets. */
static bool in_set(unsigned char c, const char *p, const char *end)
{
	const char *close = end - 1;
	bool inside = true;

	if (*++p == '^') {
		inside = false;
		p++;
	}
	while (p < close) {
		if (*p == '%') {
			if (is_kind(c, (unsigned char)p[1]))
				return inside;
			p += 2;
		} else if (p[1] == '-' && p + 2 < close) {
			if ((unsigned char)p[0] <= c &&
			    c <= (unsigned char)p[2])
				return inside;
			p += 3;
		} else if ((unsigned char)*p++ == c) {
			return inside;
		}
	}
	return !inside;
}

static bool one(struct match *m, const char *s, const char *p, const char *end)
{
	unsigned char c;

	if (!spend(m) || s >= m->subject_end)
		return false;
	c = (unsigned char)*s;
	switch (*p) {
	case '.':
		return true;
	case '%':
		return is_kind(c, (unsigned char)p[1]);
	case '[':
		return in_set(c, p, end);
	default:
		return (unsigned char)*p == c;
	}
}

static const char *longest(
    struct match *m, const char *s, const char *p, const char *end)
{
	ptrdiff_t n = 0;

	while (one(m, s + n, p, end))
		n++;
	for (; n >= 0 && !m->error; n--) {
		const char *e = rest(m, s + n, end + 1);

		if (e)
			return e;
	}
	return NULL;
}

static const char *shortest(
    struct match *m, const char *s, const char *p, const char *end)
{
	for (; !m->error; s++) {
		const char *e = rest(m, s, end + 1);

		if (e)
			return e;
		if (!one(m, s, p, end))
			return NULL;
	}
	return NULL;
}

static const char *open_capture(
    struct match *m, const char *s, const char *p, ptrdiff_t len)
{
	const char *e;

	if (m->level >= MATCH_CAPTURES_MAX)
		return fail(m, "too many captures");
	m->capture[m->level].start = s;
	m->capture[m->level].len = len;
	m->level++;
	if (!(e = rest(m, s, p)))
		m->level--;
	return e;
}

static const char *close_capture(struct match *m, const char *s, const char *p)
{
	int i = m->level - 1;
	const char *e;

	while (i >= 0 && m->capture[i].len != CAPTURE_OPEN)
		i--;
	if (i < 0)
		return fail(m, "invalid pattern capture");
	m->capture[i].len = s - m->capture[i].start;
	if (!(e = rest(m, s, p)))
		m->capture[i].len = CAPTURE_OPEN;
	return e;
}

/* %bxy: from x to the y that balances it. */
static const char *balanced(struct match *m, const char *s, const char *p)
{
	char open, close;
	int depth = 1;

	if (m->pattern_end - p < 2)
		return fail(m, "malformed pattern (missing arguments to '%b')");
	open = p[0];
	close = p[1];
	if (s >= m->subject_end || *s != open)
		return NULL;
	/* The two may be the same character, which then closes. */
	for (s++; s < m->subject_end && spend(m); s++) {
		if (*s == close) {
			if (--depth == 0)
				return s + 1;
		} else if (*s == open) {
			depth++;
		}
	}
	return NULL;
}

/* %f[set]: where the set begins to hold. */
static bool at_frontier(
    struct match *m, const char *s, const char *p, const char *end)
{
	unsigned char before = s == m->subject ? 0 : (unsigned char)s[-1];
	unsigned char here = s == m->subject_end ? 0 : (unsigned char)*s;

	return spend(m) && !in_set(before, p, end) && in_set(here, p, end);
}

/* %1: the same bytes again. */
static const char *same_again(struct match *m, const char *s, char digit)
{
	int i = digit - '1';
	size_t len;

	if (i < 0 || i >= m->level || m->capture[i].len == CAPTURE_OPEN)
		return fail(m, "invalid capture index");
	/* A position is as long as nothing in the subject can be. */
	len = (size_t)m->capture[i].len;
	if ((size_t)(m->subject_end - s) < len || !spend(m) ||
	    memcmp(m->capture[i].start, s, len) != 0)
		return NULL;
	return s + len;
}

static const char *item(struct match *m, const char *s, const char *p)
{
	const char *end = class_end(m, p);
	const char *e;

	if (!end)
		return NULL;
	switch (end < m->pattern_end ? *end : '\0') {
	case '*':
		return longest(m, s, p, end);
	case '+':
		return one(m, s, p, end) ? longest(m, s + 1, p, end) : NULL;
	case '-':
		return shortest(m, s, p, end);
	case '?':
		if (one(m, s, p, end) && (e = rest(m, s + 1, end + 1)))
			return e;
		return m->error ? NULL : rest(m, s, end + 1);
	default:
		return NULL; /* rest() has walked those */
	}
}

static const char *escape(struct match *m, const char *s, const char *p)
{
	const char *end;

	switch (p + 1 < m->pattern_end ? p[1] : '\0') {
	case 'b':
		s = balanced(m, s, p + 2);
		return s ? rest(m, s, p + 4) : NULL;
	case 'f':
		p += 2;
		if (p == m->pattern_end || *p != '[')
			return fail(m, "missing '[' after '%f' in pattern");
		if (!(end = class_end(m, p)) || !at_frontier(m, s, p, end))
			return NULL;
		return rest(m, s, end);
	case '0':
	case '1':
	case '2':
	case '3':
	case '4':
	case '5':
	case '6':
	case '7':
	case '8':
	case '9':
		s = same_again(m, s, p[1]);
		return s ? rest(m, s, p + 2) : NULL;
	default:
		return item(m, s, p);
	}
}

static const char *step(struct match *m, const char *s, const char *p)
{
	if (p == m->pattern_end)
		return s;
	switch (*p) {
	case '(':
		if (p + 1 < m->pattern_end && p[1] == ')')
			return open_capture(m, s, p + 2, CAPTURE_POSITION);
		return open_capture(m, s, p + 1, CAPTURE_OPEN);
	case ')':
		return close_capture(m, s, p + 1);
	case '%':
		return escape(m, s, p);
	case '$':
		if (p + 1 == m->pattern_end)
			return s == m->subject_end ? s : NULL;
		return item(m, s, p);
	default:
		return item(m, s, p);
	}
}

/* The end of a class at `p` that has no suffix; NULL where something else
 * stands there. */
static const char *plain_end(struct match *m, const char *p)
{
	const char *end;

	if (p == m->pattern_end || is_among(*p, "()") ||
	    (*p == '$' && p + 1 == m->pattern_end) ||
	    (*p == '%' && p + 1 < m->pattern_end &&
		is_among(p[1], "bf0123456789")))
		return NULL;
	end = class_end(m, p);
	if (!end || (end < m->pattern_end && is_among(*end, "*+-?")))
		return NULL;
	return end;
}

/* Classes without a suffix are walked in a loop, so that a long pattern needs
 * no deep recursion. */
static const char *rest(struct match *m, const char *s, const char *p)
{
	const char *e;

	while ((e = plain_end(m, p))) {
		if (!one(m, s, p, e))
			return NULL;
		s++;
		p = e;
	}
	if (m->error)
		return NULL;
	if (++m->depth > MATCH_DEPTH_MAX)
		return fail(m, "pattern too complex");
	e = step(m, s, p);
	m->depth--;
	return e;
}

const char *match_at(struct match *m, const char *s, const char *pattern)
{
	const char *e;

	m->depth = 0;
	m->level = 0;
	e = rest(m, s, pattern);
	for (int i = 0; e && i < m->level; i++)
		if (m->capture[i].len == CAPTURE_OPEN)
			return fail(m, "unfinished capture");
	return e;
}
