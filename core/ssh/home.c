/* The home directory: see home.h. */
#include "home.h"

#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct home {
	char dir[PATH_MAX], user[LOGIN_NAME_MAX];
};

/* Asked once a run: each look-up reads the user database anew, and a run with
 * many hosts would ask several times for each. */
static const struct home *home(void)
{
	static struct home home;
	const struct passwd *pw;
	const char *dir;

	if (*home.dir)
		return &home;
	pw = getpwuid(getuid());
	dir = pw ? pw->pw_dir : getenv("HOME");
	snprintf(home.dir, sizeof(home.dir), "%s", dir && *dir ? dir : "/");
	snprintf(home.user, sizeof(home.user), "%s", pw ? pw->pw_name : "");
	return &home;
}

const char *home_dir(void)
{
	return home()->dir;
}

const char *user_name(void)
{
	return home()->user;
}
