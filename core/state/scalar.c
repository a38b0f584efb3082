/* What a scalar of YAML is: see yaml.h. */
#include "scalar.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

bool scalar_type_of_tag(enum scalar_type *out, const char *tag)
{
	static const struct {
		const char *name;
		enum scalar_type type;
	} tags[] = {
	    {"!", SCALAR_TYPE_TEXT},
	    {"tag:yaml.org,2002:str", SCALAR_TYPE_TEXT},
	    {"tag:yaml.org,2002:null", SCALAR_TYPE_NULL},
	    {"tag:yaml.org,2002:bool", SCALAR_TYPE_BOOLEAN},
	    {"tag:yaml.org,2002:int", SCALAR_TYPE_INTEGER},
	    {"tag:yaml.org,2002:float", SCALAR_TYPE_FLOAT},
	    {"tag:yaml.org,2002:seq", SCALAR_TYPE_COLLECTION},
	    {"tag:yaml.org,2002:map", SCALAR_TYPE_COLLECTION},
	};

	*out = SCALAR_TYPE_ANY;
	if (!tag)
		return true;
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		if (!strcmp(tags[i].name, tag)) {
			*out = tags[i].type;
			return true;
		}
	return false;
}

/* Whether `s` is one of the words, which end in an empty one. */
static bool is_word(const char *s, const char *const words[])
{
	while (*words && strcmp(s, *words))
		words++;
	return *words != NULL;
}

static bool read_null(struct datum *d, const char *s)
{
	static const char *const words[] = {
	    "", "~", "null", "Null", "NULL", NULL};

	d->kind = DATUM_NULL;
	return is_word(s, words);
}

static bool read_boolean(struct datum *d, const char *s)
{
	static const char *const yes[] = {"true", "True", "TRUE", "yes", "Yes",
	    "YES", "on", "On", "ON", NULL};
	static const char *const no[] = {"false", "False", "FALSE", "no", "No",
	    "NO", "off", "Off", "OFF", NULL};

	d->kind = is_word(s, yes) ? DATUM_TRUE : DATUM_FALSE;
	return d->kind == DATUM_TRUE || is_word(s, no);
}

static bool read_integer(struct datum *d, const char *s)
{
	const char *digits = s + (*s == '-' || *s == '+');
	const char *allowed = "0123456789";
	int base = 10;
	char *end;

	if (digits == s && s[0] == '0' && (s[1] == 'x' || s[1] == 'o')) {
		base = s[1] == 'x' ? 16 : 8;
		allowed = base == 16 ? "0123456789abcdefABCDEF" : "01234567";
		digits = s + 2;
	} else if (digits[0] == '0' && digits[1]) {
		return false; /* 0644 is a mode or a number to be dialled */
	}
	if (!*digits || digits[strspn(digits, allowed)])
		return false;
	errno = 0;
	d->kind = DATUM_INTEGER;
	d->integer = strtoll(base == 10 ? s : digits, &end, base);
	return errno == 0 && !*end;
}

/* [-+] digits [. digits] [e [-+] digits], with a digit before the e */
static bool is_decimal(const char *s)
{
	size_t before, after = 0;

	s += *s == '-' || *s == '+';
	before = strspn(s, "0123456789");
	if (before > 1 && s[0] == '0')
		return false;
	s += before;
	if (*s == '.') {
		after = strspn(++s, "0123456789");
		s += after;
	}
	if (before + after == 0)
		return false;
	if (*s == 'e' || *s == 'E') {
		s++;
		s += *s == '-' || *s == '+';
		if (!*s)
			return false;
		s += strspn(s, "0123456789");
	}
	return *s == '\0';
}

static bool read_float(struct datum *d, const char *s)
{
	static const char *const inf[] = {".inf", ".Inf", ".INF", NULL};
	static const char *const nan_[] = {".nan", ".NaN", ".NAN", NULL};
	bool sign = *s == '-' || *s == '+';

	d->kind = DATUM_NUMBER;
	if (is_word(s + sign, inf)) {
		d->number = *s == '-' ? -INFINITY : INFINITY;
		return true;
	}
	if (is_word(s, nan_)) {
		d->number = NAN;
		return true;
	}
	/* Digits alone are an integer, or too many for one. */
	if (!is_decimal(s) || !strpbrk(s, ".eE"))
		return false;
	d->number = strtod(s, NULL);
	return isfinite(d->number);
}

static void read_text(struct datum *d, const char *s, size_t len)
{
	d->kind = DATUM_STRING;
	d->data = s;
	d->len = len;
}

bool scalar_read(struct datum *d, const char *s, size_t len,
    enum scalar_type type, bool plain)
{
	bool whole = strlen(s) == len; /* a NUL is in no number or word */

	switch (type) {
	case SCALAR_TYPE_ANY:
		if (!plain || !whole ||
		    (!read_null(d, s) && !read_boolean(d, s) &&
			!read_integer(d, s) && !read_float(d, s)))
			read_text(d, s, len);
		return true;
	case SCALAR_TYPE_TEXT:
		read_text(d, s, len);
		return true;
	case SCALAR_TYPE_NULL:
		return whole && read_null(d, s);
	case SCALAR_TYPE_BOOLEAN:
		return whole && read_boolean(d, s);
	case SCALAR_TYPE_INTEGER:
		return whole && read_integer(d, s);
	case SCALAR_TYPE_FLOAT:
		return whole && read_float(d, s);
	case SCALAR_TYPE_COLLECTION:
		break;
	}
	return false;
}
