/* The home directory: see home.h. */
#include "home.h"

#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

const char *home_dir(void)
{
	const struct passwd *pw = getpwuid(getuid());
	const char *dir = pw ? pw->pw_dir : getenv("HOME");

	return dir ? dir : "/";
}
