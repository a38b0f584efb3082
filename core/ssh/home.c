/* The home directory: see home.h. */
#include "home.h"

#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Asked once a run: each look-up reads the user database anew, and a run with
 * many hosts would ask several times for each. */
const char *home_dir(void)
{
	static char home[PATH_MAX];
	const struct passwd *pw;
	const char *dir;

	if (*home)
		return home;
	pw = getpwuid(getuid());
	dir = pw ? pw->pw_dir : getenv("HOME");
	snprintf(home, sizeof(home), "%s", dir && *dir ? dir : "/");
	return home;
}
