/* A command on a host: see session.h.
 *
 * libssh calls back from inside its own functions; those callbacks only take
 * notes. What they lead to is done when libssh has returned, in settle(). */
#include "session.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "internal.h"

/* Most bytes given to libssh at once. Its own buffer is empty at that time,
 * so that no more than this waits in it. */
enum { WRITE_MAX = 64 * 1024 };

/* ---- the end ---- */

/* The socket is libssh's when it has connected with it. It then closes it after
 * an error, and when it disconnects without a word; not when it says so. */
static void close_ssh(struct session *s)
{
	bool closed = s->handed_over && ssh_get_fd(s->ssh) < 0;

	if (closed)
		watch_forget(&s->watch);
	else
		watch_stop(&s->watch);
	if (s->event) {
		ssh_event_remove_session(s->event, s->ssh);
		ssh_event_free(s->event);
	}
	if (s->handed_over && s->stage > STAGE_KEX) {
		ssh_disconnect(s->ssh);
	} else if (s->handed_over) {
		ssh_silent_disconnect(s->ssh);
		closed = true;
	}
	ssh_free(s->ssh);
	if (s->fd >= 0 && !closed)
		close(s->fd);
	proxy_stop(&s->proxy);
	s->event = NULL;
	s->ssh = NULL;
	s->handed_over = false;
	s->channel = NULL;
	s->fd = -1;
}

static void end(struct session *s, const struct err *e)
{
	if (s->stage == STAGE_ENDED)
		return;
	dial_stop(&s->dial);
	timer_stop(&s->timer);
	later_cancel(&s->later);
	close_ssh(s);
	s->stage = STAGE_ENDED;
	s->events.ended(s->arg, e);
}

static void free_strings(char **list)
{
	for (char **at = list; at && *at; at++)
		free(*at);
	free(list);
}

void session_free(struct session *s)
{
	if (!s)
		return;
	dial_stop(&s->dial);
	timer_stop(&s->timer);
	later_cancel(&s->later);
	if (s->agent_job.running) { /* the thread uses it */
		s->agent_job.orphan = true;
		s->stage = STAGE_ENDED;
		return;
	}
	close_ssh(s);
	buf_release(&s->auth.tried);
	if (s->password)
		explicit_bzero(s->password, strlen(s->password));
	if (s->own_identities)
		free_strings(s->identities);
	if (s->own_known_hosts)
		free_strings(s->known_hosts);
	free(s->name);
	free(s->address);
	free(s->user);
	free(s->password);
	free(s->command);
	free(s->host_key_alias);
	free(s->accept_key);
	free(s->certified_key);
	free(s->certified_type);
	free(s->proxy_command);
	free(s);
}

/* ---- limits of time ---- */

static void on_limit(void *arg)
{
	struct session *s = arg;
	enum err_code code = s->stage < STAGE_OPEN ? ERR_TIMEOUT : ERR_SHELL;
	struct err e;

	if (timer_extend(&s->timer, s->realm->loop))
		return;
	if (s->agent_job.running) { /* told when the agent has answered */
		timer_start(&s->timer, s->realm->loop, 100, on_limit, s, NULL);
		return;
	}
	err_set(&e, code, "host '%s': no %s in %lld ms", s->name, s->limit_what,
	    (long long)s->limit_ms);
	end(s, &e);
}

int session_limit(
    struct session *s, int64_t ms, const char *what, struct err *e)
{
	s->limit_what = what;
	s->limit_ms = ms;
	if (ms > 0)
		return timer_start(
		    &s->timer, s->realm->loop, ms, on_limit, s, e);
	timer_stop(&s->timer);
	return 0;
}

/* ---- turning ---- */

static bool has_unsent(const struct session *s)
{
	return (ssh_get_status(s->ssh) & SSH_WRITE_PENDING) != 0;
}

/* An answer that the host's kernel holds back for our delayed ACK costs 40 ms;
 * the option is not a lasting one. */
static void ack_at_once(const struct session *s)
{
	int on = 1;

	setsockopt(s->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

/* Tells the owner what has come meanwhile; the session may be gone after. */
static void settle(struct session *s)
{
	bool room = s->wants_room && s->stage >= STAGE_EXEC && !has_unsent(s) &&
		    ssh_channel_window_size(s->channel) > 0;

	if (s->closed) {
		struct err e = {0};

		end(s, &e);
		return;
	}
	if (!s->told && !room)
		return;
	s->told = false;
	if (room)
		s->wants_room = false;
	s->events.settled(s->arg);
}

static void on_later(void *arg);

static void turn(struct session *s)
{
	struct err e = {0};
	int rc;

	while ((rc = session_step(s, &e)) == STEP_DONE)
		;
	if (rc < 0) {
		end(s, &e);
		return;
	}
	if (s->agent_job.running) { /* the session is the thread's now */
		watch_stop(&s->watch);
		return;
	}
	if (s->stage < STAGE_RUN)
		ack_at_once(s);
	watch_change(
	    &s->watch, EPOLLIN | (has_unsent(s) ? (uint32_t)EPOLLOUT : 0));
	settle(s);
}

static void on_event(void *arg, uint32_t events)
{
	(void)events;
	turn(arg);
}

static void on_later(void *arg)
{
	turn(arg);
}

void session_resume(struct session *s)
{
	struct err e = {0};

	if (s->stage == STAGE_ENDED)
		return;
	if (ssh_get_fd(s->ssh) >= 0 && watch_start(&s->watch, s->realm->loop,
					   s->fd, EPOLLIN, on_event, s, &e) < 0)
		end(s, &e);
	else
		turn(s);
}

size_t session_write(struct session *s, const char *data, size_t len)
{
	size_t window;
	int n;

	s->wants_room = true;
	if (s->stage < STAGE_EXEC || s->stage == STAGE_ENDED || s->closed ||
	    has_unsent(s))
		return 0;
	window = ssh_channel_window_size(s->channel);
	if (len > window)
		len = window;
	if (len > WRITE_MAX)
		len = WRITE_MAX;
	n = len ? ssh_channel_write(s->channel, data, (uint32_t)len) : 0;
	/* Writing reads, too, and may have noticed an end. */
	later_call(&s->later, s->realm->loop, on_later, s);
	return n > 0 ? (size_t)n : 0;
}

/* ---- the beginning ---- */

static void on_dialed(void *arg, int fd, const struct err *dial_error)
{
	struct session *s = arg;
	struct err e = {0};

	if (dial_error) {
		end(s, dial_error);
		return;
	}
	s->fd = fd;
	s->stage = STAGE_KEX;
	if (!(s->ssh = ssh_new())) {
		err_set(&e, ERR_NOMEM, "out of memory");
		end(s, &e);
		return;
	}
	if (session_set_options(s, &e) < 0 ||
	    session_limit(s, s->connect_ms, "end of the key exchange", &e) <
		0 ||
	    watch_start(
		&s->watch, s->realm->loop, fd, EPOLLIN, on_event, s, &e) < 0)
		end(s, &e);
	else
		turn(s);
}

static char *copy(const char *text, bool *failed)
{
	char *out = text ? strdup(text) : NULL;

	if (text && !out)
		*failed = true;
	return out;
}

/* A copy of the list, or where it is empty the one that is always there. */
static char **copy_list(
    const char *const *list, char **otherwise, bool *own, bool *failed)
{
	size_t n = 0;
	char **out;

	if (!list || !*list)
		return otherwise;
	while (list[n])
		n++;
	if (!(out = calloc(n + 1, sizeof(*out)))) {
		*failed = true;
		return otherwise;
	}
	for (size_t i = 0; i < n && !*failed; i++)
		out[i] = copy(list[i], failed);
	*own = true;
	return out;
}

static bool take_config(
    struct session *s, const struct session_config *c, const char *command)
{
	bool failed = false;

	s->name = copy(c->name, &failed);
	s->address = copy(c->address, &failed);
	s->user = copy(c->user, &failed);
	s->password = copy(c->password, &failed);
	s->command = copy(command, &failed);
	s->host_key_alias = copy(c->host_key_alias, &failed);
	s->accept_key = copy(c->accept_key, &failed);
	s->certified_key = copy(c->certified_key, &failed);
	s->certified_type = copy(c->certified_type, &failed);
	s->proxy_command = copy(c->proxy_command, &failed);
	s->identities = copy_list(c->identities, s->realm->default_identities,
	    &s->own_identities, &failed);
	s->known_hosts = copy_list(c->known_hosts,
	    s->realm->default_known_hosts, &s->own_known_hosts, &failed);
	s->port = c->port;
	s->agent = c->agent;
	s->accept_new = c->accept_new;
	s->connect_ms = c->connect_ms;
	s->auth_ms = c->auth_ms;
	return !failed;
}

static void on_proxy(void *arg)
{
	struct session *s = arg;

	on_dialed(s, s->fd, NULL);
}

/* By way of the loop, so that no event comes before session_open() returns. */
static int start_proxy(struct session *s, struct err *e)
{
	int rc = proxy_start(&s->proxy, &s->fd, s->proxy_command, e);

	if (rc == 0)
		rc = timer_start(&s->timer, s->realm->loop, 0, on_proxy, s, e);
	return rc;
}

int session_open(struct session **out, struct realm *realm,
    const struct session_config *config, const char *command,
    const struct session_events *events, void *arg, struct err *e)
{
	struct session *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return err_set(e, ERR_NOMEM, "out of memory");
	s->realm = realm;
	s->fd = s->proxy.log = -1;
	s->events = *events;
	s->arg = arg;
	if (!take_config(s, config, command)) {
		session_free(s);
		return err_set(e, ERR_NOMEM, "out of memory");
	}
	if (s->proxy_command)
		rc = start_proxy(s, e);
	else
		rc = dial_start(&s->dial, realm->loop, s->name, s->address,
		    s->port, s->connect_ms, on_dialed, s, e);
	if (rc < 0) {
		session_free(s);
		return rc;
	}
	*out = s;
	return 0;
}
