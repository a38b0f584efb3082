/* The way of a session, step by step, in libssh: key exchange, log-in, channel,
 * command, output. libssh calls back from inside its own functions; those
 * callbacks only take notes, for settle() in session.c. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "home.h"
#include "internal.h"

/* Reads of 4 KiB in one turn, so that a host that talks much does not keep
 * the others waiting. */
enum { READS_MAX = 32 };

static const struct {
	enum ssh_options_e option;
	const char *value;
} algorithms[] = {
    {SSH_OPTIONS_KEY_EXCHANGE,
	"curve25519-sha256,curve25519-sha256@libssh.org,"
	"ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,"
	"diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,"
	"diffie-hellman-group14-sha256,"
	"diffie-hellman-group-exchange-sha256"},
#define CIPHERS                                                                \
	"aes128-gcm@openssh.com,aes256-gcm@openssh.com,"                       \
	"chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr"
    {SSH_OPTIONS_CIPHERS_C_S, CIPHERS},
    {SSH_OPTIONS_CIPHERS_S_C, CIPHERS},
#define MACS                                                                   \
	"hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,"         \
	"hmac-sha2-256,hmac-sha2-512"
    {SSH_OPTIONS_HMAC_C_S, MACS},
    {SSH_OPTIONS_HMAC_S_C, MACS},
    {SSH_OPTIONS_COMPRESSION, "no"},
};

const char *session_words(const struct session *s)
{
	const char *words = s->ssh ? ssh_get_error(s->ssh) : "";

	return words ? words : "";
}

bool session_hung_up(const struct session *s)
{
	return !strncmp(
	    session_words(s), "Socket error", strlen("Socket error"));
}

int session_set_options(struct session *s, struct err *e)
{
	bool yes = true;
	int off = 0;

	ssh_set_blocking(s->ssh, 0);
	if (ssh_options_set(s->ssh, SSH_OPTIONS_PROCESS_CONFIG, &off) < 0 ||
	    ssh_options_set(s->ssh, SSH_OPTIONS_HOST, s->address) < 0 ||
	    ssh_options_set(s->ssh, SSH_OPTIONS_USER, s->user) < 0 ||
	    ssh_options_set(s->ssh, SSH_OPTIONS_FD, &s->fd) < 0)
		return err_set(e, ERR_USAGE,
		    "host '%s': libssh takes no address '%s' or user '%s'",
		    s->name, s->address, s->user ? s->user : "");
	ssh_options_set(s->ssh, SSH_OPTIONS_NODELAY, &yes);
	/* libssh would look for the home again for each host, and read the
	 * user's files, to order the host keys' types, which hostkey_prepare
	 * has done. */
	if (ssh_options_set(s->ssh, SSH_OPTIONS_SSH_DIR, home_dir()) < 0 ||
	    ssh_options_set(s->ssh, SSH_OPTIONS_KNOWNHOSTS, "/dev/null") < 0 ||
	    ssh_options_set(
		s->ssh, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null") < 0)
		return err_set(e, ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
		if (ssh_options_set(
			s->ssh, algorithms[i].option, algorithms[i].value) < 0)
			return err_set(e, ERR_USAGE,
			    "libssh knows none of the algorithms '%s'",
			    algorithms[i].value);
	return hostkey_prepare(s, e);
}

/* What the command has said through which the host is reached. */
static const char *proxy_said(const struct session *s, char *out, size_t size)
{
	char words[200];

	proxy_words(&s->proxy, words, sizeof(words));
	snprintf(
	    out, size, "%s%s%s", *words ? " (" : "", words, *words ? ")" : "");
	return out;
}

/* ---- what libssh tells ---- */

static int on_data(ssh_session ssh, ssh_channel channel, void *data,
    uint32_t len, int is_stderr, void *arg)
{
	struct session *s = arg;

	(void)ssh, (void)channel;
	s->told = true;
	s->events.data(s->arg, data, len, is_stderr != 0);
	return (int)len;
}

static void on_close(ssh_session ssh, ssh_channel channel, void *arg)
{
	struct session *s = arg;

	(void)ssh, (void)channel;
	s->closed = true;
}

/* ---- the steps ---- */

static int lost(const struct session *s, struct err *e)
{
	const char *words = session_words(s);
	char said[210];

	return err_set(e, ERR_UNREACHABLE,
	    "host '%s': the connection to %s:%u was lost%s%s%s", s->name,
	    s->address, s->port, *words ? ": " : "", words,
	    proxy_said(s, said, sizeof(said)));
}

/* A failed key exchange, which may be for want of a key that we know. */
static int kex_failed(const struct session *s, struct err *e)
{
	const char *words = session_words(s);
	char said[210];

	if (strstr(words, "server host key algo"))
		return err_set(e, ERR_HOSTKEY,
		    "host '%s': it has no host key of the types known for it: "
		    "%s",
		    s->name, words);
	if (ssh_get_serverbanner(s->ssh) && session_hung_up(s))
		return lost(s, e);
	return err_set(e, ERR_UNREACHABLE,
	    "host '%s': no SSH with %s:%u: %s%s%s", s->name, s->address,
	    s->port, session_hung_up(s) ? "it closed the connection: " : "",
	    words, proxy_said(s, said, sizeof(said)));
}

static int step_kex(struct session *s, struct err *e)
{
	int rc;

	s->handed_over = true;
	rc = ssh_connect(s->ssh);

	/* libssh makes the socket blocking when it first sees it connected,
	 * though it only writes after POLLOUT, and would then block in a large
	 * write. */
	if (!s->unblocked && ssh_get_fd(s->ssh) >= 0)
		s->unblocked = fcntl(s->fd, F_SETFL, O_NONBLOCK) == 0;
	if (rc == SSH_AGAIN)
		return STEP_WAIT;
	if (rc != SSH_OK)
		return kex_failed(s, e);
	if ((rc = hostkey_check(s, e)) < 0 ||
	    (rc = session_limit(s, s->auth_ms, "answer to the log-in", e)) < 0)
		return rc;
	s->stage = STAGE_AUTH;
	return STEP_DONE;
}

static int step_auth(struct session *s, struct err *e)
{
	int rc = auth_step(s, e);

	if (rc != STEP_DONE)
		return rc;
	if (!(s->channel = ssh_channel_new(s->ssh)) ||
	    !(s->event = ssh_event_new()) ||
	    ssh_event_add_session(s->event, s->ssh) != SSH_OK)
		return err_set(e, ERR_NOMEM, "out of memory");
	s->callbacks.userdata = s;
	s->callbacks.channel_data_function = on_data;
	s->callbacks.channel_close_function = on_close;
	ssh_callbacks_init(&s->callbacks);
	ssh_set_channel_callbacks(s->channel, &s->callbacks);
	s->stage = STAGE_OPEN;
	return STEP_DONE;
}

static int step_open(struct session *s, struct err *e)
{
	int rc = ssh_channel_open_session(s->channel);

	if (rc == SSH_AGAIN)
		return STEP_WAIT;
	if (rc != SSH_OK && !ssh_is_connected(s->ssh))
		return lost(s, e);
	if (rc != SSH_OK)
		return err_set(e, ERR_SHELL,
		    "host '%s': it opens no channel: %s", s->name,
		    session_words(s));
	s->stage = STAGE_EXEC;
	rc = ssh_channel_request_exec(s->channel, s->command);
	if (rc == SSH_ERROR)
		return err_set(e, ERR_SHELL,
		    "host '%s': it runs no command: %s", s->name,
		    session_words(s));
	if (rc ==
	    SSH_OK) /* the reply is there already: not to be asked again */
		s->stage = STAGE_RUN;
	s->events.opened(s->arg);
	return STEP_WAIT;
}

static int step_exec(struct session *s, struct err *e)
{
	int rc = ssh_channel_request_exec(s->channel, s->command);

	if (rc == SSH_AGAIN)
		return STEP_WAIT;
	if (rc == SSH_OK) {
		s->stage = STAGE_RUN;
		return STEP_DONE;
	}
	if (!ssh_is_connected(s->ssh))
		return lost(s, e);
	return err_set(e, ERR_SHELL, "host '%s': it runs no command: %s",
	    s->name, session_words(s));
}

static int step_run(struct session *s, struct err *e)
{
	for (int i = 0; i < READS_MAX && !s->closed; i++) {
		int rc = ssh_event_dopoll(s->event, 0);

		if (rc == SSH_AGAIN)
			break;
		if (rc == SSH_ERROR || !ssh_is_connected(s->ssh)) {
			if (s->closed)
				break;
			return lost(s, e);
		}
	}
	return STEP_WAIT;
}

int session_step(struct session *s, struct err *e)
{
	switch (s->stage) {
	case STAGE_KEX:
		return step_kex(s, e);
	case STAGE_AUTH:
		return step_auth(s, e);
	case STAGE_OPEN:
		return step_open(s, e);
	case STAGE_EXEC:
		return step_exec(s, e);
	default:
		return step_run(s, e);
	}
}
