/* Patterns: see pattern.h. Linear in text times pattern, as nothing is tried
 * again but from the last `*`. */
#include "pattern.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

static bool same(char a, char b, bool fold)
{
	return a == '?' || a == b ||
	       (fold && tolower((unsigned char)a) == tolower((unsigned char)b));
}

static bool match(const char *pattern, size_t len, const char *text, bool fold)
{
	const char *end = pattern + len, *star = NULL, *retry = NULL;

	while (*text) {
		if (pattern < end && *pattern == '*') {
			star = ++pattern;
			retry = text;
		} else if (pattern < end && same(*pattern, *text, fold)) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star;
			text = ++retry;
		} else {
			return false;
		}
	}
	while (pattern < end && *pattern == '*')
		pattern++;
	return pattern == end;
}

bool pattern_match(const char *pattern, const char *text)
{
	return match(pattern, strlen(pattern), text, false);
}

bool pattern_list_match(const char *list, char separator, const char *text)
{
	bool found = false;

	for (;;) {
		const char *end = strchr(list, separator);
		size_t len = end ? (size_t)(end - list) : strlen(list);

		if (len && *list == '!') {
			if (match(list + 1, len - 1, text, true))
				return false;
		} else if (len && match(list, len, text, true)) {
			found = true;
		}
		if (!end)
			return found;
		list = end + 1;
	}
}
