/* Words of a line: see words.h. */
#include "words.h"

#include <ctype.h>
#include <string.h>

static const char blanks[] = " \t\r\f";

/* Takes the word at *from to *to, without its quotes; false where one is not
 * closed. A backslash keeps a quote, a blank or itself. */
static int take_word(char **from, char **to)
{
	char quote = '\0';
	char *in = *from, *out = *to;

	for (; *in && (quote || !strchr(blanks, *in)); in++) {
		if (*in == '\\' && in[1] && strchr("\"'\\ ", in[1]))
			*out++ = *++in;
		else if (quote && *in == quote)
			quote = '\0';
		else if (!quote && (*in == '"' || *in == '\''))
			quote = *in;
		else
			*out++ = *in;
	}
	*from = in;
	*to = out;
	return quote ? -1 : 0;
}

/* The name ends at a blank or at `=`. */
static char *take_name(struct words *w, char *line)
{
	char *end = line + strcspn(line, " \t\r\f=\"");
	char *rest = end + strspn(end, blanks);

	if (*rest == '=')
		rest++;
	if (rest != end)
		*end = '\0';
	else if (*end)
		return NULL; /* a quote right behind the name */
	w->word[w->count++] = line;
	for (; *line; line++)
		*line = (char)tolower((unsigned char)*line);
	return rest;
}

int words_split(struct words *w, char *line)
{
	w->count = 0;
	line += strspn(line, blanks);
	if (!*line || *line == '#')
		return 0;
	if (!(line = take_name(w, line)))
		return -1;
	for (;;) {
		char *to;

		line += strspn(line, blanks);
		if (!*line || *line == '#')
			return 0;
		if (w->count == WORDS_MAX)
			return -1;
		w->word[w->count++] = to = line;
		if (take_word(&line, &to) < 0)
			return -1;
		if (*line)
			line++;
		*to = '\0';
	}
}
