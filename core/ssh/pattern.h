/* The patterns of ssh_config(5) and sshd(8): `*`, `?`, and `!` in a list. */
#ifndef NEAP_SSH_PATTERN_H
#define NEAP_SSH_PATTERN_H

#include <stdbool.h>

/* Whether the whole of `text` is of the form `pattern`. */
bool pattern_match(const char *pattern, const char *text);

/* Whether a pattern of the list matches and none that begins with `!` does;
 * here the case of letters does not matter. */
bool pattern_list_match(const char *list, char separator, const char *text);

#endif
