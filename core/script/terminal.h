/* The operator's terminal. */
#ifndef NEAP_SCRIPT_TERMINAL_H
#define NEAP_SCRIPT_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/* Asks on the controlling terminal and reads one line, without echo where it
 * is to stay `hidden`. A signal ends the asking: the terminal is put right
 * again, and the signal then has its usual effect. 0, or an errno: EINTR after
 * a signal, EIO at the end of input, what opening /dev/tty gave. */
int terminal_ask(const char *text, bool hidden, char *line, size_t size);

#endif
