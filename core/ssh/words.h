/* Lines of ssh_config(5): a name, perhaps `=`, words that may be quoted. */
#ifndef NEAP_SSH_WORDS_H
#define NEAP_SSH_WORDS_H

/* Most words of a line that are looked at. */
enum { WORDS_MAX = 64 };

struct words {
	int count;
	char *word[WORDS_MAX]; /* within the line; the first in lower case */
};

/* Splits `line` in place; a `#` ends it. Returns 0, or -1 for a quote that is
 * not closed or too many words. */
int words_split(struct words *w, char *line);

#endif
