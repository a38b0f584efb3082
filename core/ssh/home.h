/* The home of whoever runs this. */
#ifndef NEAP_SSH_HOME_H
#define NEAP_SSH_HOME_H

/* As ssh(1) takes it: from the user database, whatever $HOME says; $HOME
 * where the user is not in it. Borrowed, never NULL. */
const char *home_dir(void);

/* The name of whoever runs this, "" where the user database has none.
 * Borrowed, never NULL. */
const char *user_name(void);

#endif
