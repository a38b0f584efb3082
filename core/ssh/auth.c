/* Logging in: the identities in their order, the agent, the password. A key
 * is signed with at once, without asking whether it would do: that costs the
 * same round trip. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

enum method { BY_KEY, BY_AGENT, BY_PASSWORD, BY_PROMPT, BY_NOTHING };

static void note_tried(struct session *s, const char *what, const char *which)
{
	buf_printf(&s->auth.tried, "%s%s%s", s->auth.tried.len ? ", " : "",
	    what, which);
}

static int refused(const struct session *s, struct err *e)
{
	const char *tried = s->auth.tried.len ? s->auth.tried.data : "nothing";
	const char *words = session_words(s);

	/* A host that has had enough says so before it hangs up. */
	if (session_hung_up(s))
		return err_set(e, ERR_UNREACHABLE,
		    "host '%s': the connection to %s:%u was lost while '%s' "
		    "logged in (tried: %s): %s",
		    s->name, s->address, s->port, s->user, tried, words);
	return err_set(e, ERR_AUTH,
	    "host '%s': '%s@%s:%u' does not let us in (tried: %s)%s%s", s->name,
	    s->user, s->address, s->port, tried, *words ? ": " : "", words);
}

/* The next identity that can be read, first with its certificate where it has
 * one. A default that is not there is passed over without a word. */
static ssh_key current_key(struct session *s)
{
	struct err why = {0};
	ssh_key key = NULL;
	const char *path;

	while ((path = s->identities[s->auth.identity])) {
		if (identities_get(&key, s->realm->identities, path,
			!s->auth.without_certificate, &why) == 0) {
			if (key)
				return key;
			s->auth.without_certificate = true;
			continue;
		}
		if (s->own_identities || why.code != ERR_NOTFOUND)
			note_tried(s, why.text, "");
		s->auth.identity++;
	}
	return NULL;
}

static int try_key(struct session *s)
{
	ssh_key key = current_key(s);
	int rc;

	if (!key) {
		s->auth.method = BY_AGENT;
		return SSH_AUTH_DENIED;
	}
	rc = ssh_userauth_publickey(s->ssh, NULL, key);
	if (rc == SSH_AUTH_AGAIN)
		return rc;
	note_tried(s,
	    s->auth.without_certificate ? "key " : "certificate of key ",
	    s->identities[s->auth.identity]);
	s->auth.identity += s->auth.without_certificate;
	s->auth.without_certificate = !s->auth.without_certificate;
	return rc;
}

static void agent_work(struct job *job)
{
	struct agent_job *a = (struct agent_job *)job;

	a->rc = ssh_userauth_agent(a->session->ssh, NULL);
}

static void agent_done(struct job *job)
{
	struct agent_job *a = (struct agent_job *)job;
	struct session *s = a->session;

	a->running = false;
	if (a->orphan) {
		session_free(s);
		return;
	}
	a->ready = true;
	session_resume(s);
}

/* libssh speaks with the agent blocking, and the agent may ask its user: the
 * whole step goes to a thread, and the session is left alone meanwhile. */
static int try_agent(struct session *s)
{
	struct agent_job *a = &s->agent_job;
	struct err why;

	if (a->ready) {
		a->ready = false;
		if (a->rc != SSH_AUTH_AGAIN) {
			note_tried(s, "agent", "");
			s->auth.method = BY_PASSWORD;
		}
		return a->rc;
	}
	if (!s->agent || !getenv("SSH_AUTH_SOCK")) {
		s->auth.method = BY_PASSWORD;
		return SSH_AUTH_DENIED;
	}
	a->session = s;
	if (job_start(&a->job, s->realm->loop, agent_work, agent_done, &why) <
	    0) {
		note_tried(s, "agent: ", why.text);
		s->auth.method = BY_PASSWORD;
		return SSH_AUTH_DENIED;
	}
	a->running = true;
	return SSH_AUTH_AGAIN;
}

static bool accepts(const struct session *s, int method)
{
	int methods = ssh_userauth_list(s->ssh, NULL);

	return !methods || (methods & method);
}

static int try_password(struct session *s)
{
	int rc = SSH_AUTH_DENIED;

	if (!s->password) {
		s->auth.method = BY_NOTHING;
		return rc;
	}
	if (accepts(s, SSH_AUTH_METHOD_PASSWORD)) {
		rc = ssh_userauth_password(s->ssh, NULL, s->password);
		if (rc == SSH_AUTH_AGAIN)
			return rc;
		note_tried(s, "password", "");
	}
	s->auth.method = BY_PROMPT;
	return rc;
}

/* The same password for the one hidden question that PAM asks. */
static int try_prompt(struct session *s)
{
	int rc = SSH_AUTH_DENIED, count;
	char echo = 1;

	if (!accepts(s, SSH_AUTH_METHOD_INTERACTIVE))
		goto over;
	while (
	    (rc = ssh_userauth_kbdint(s->ssh, NULL, NULL)) == SSH_AUTH_INFO) {
		count = ssh_userauth_kbdint_getnprompts(s->ssh);
		if (count > 1 || (count == 1 && s->auth.answered))
			goto over;
		if (count == 0)
			continue;
		ssh_userauth_kbdint_getprompt(s->ssh, 0, &echo);
		if (echo)
			goto over;
		ssh_userauth_kbdint_setanswer(s->ssh, 0, s->password);
		s->auth.answered = true;
	}
	if (rc == SSH_AUTH_AGAIN)
		return rc;
	note_tried(s, "keyboard-interactive", "");
over:
	s->auth.method = BY_NOTHING;
	return rc == SSH_AUTH_INFO ? SSH_AUTH_DENIED : rc;
}

static int try_method(struct session *s)
{
	switch (s->auth.method) {
	case BY_KEY:
		return try_key(s);
	case BY_AGENT:
		return try_agent(s);
	case BY_PASSWORD:
		return try_password(s);
	default:
		return try_prompt(s);
	}
}

int auth_step(struct session *s, struct err *e)
{
	while (s->auth.method != BY_NOTHING) {
		int rc = try_method(s);

		if (rc == SSH_AUTH_AGAIN)
			return STEP_WAIT;
		if (rc == SSH_AUTH_SUCCESS)
			return STEP_DONE;
		if (!ssh_is_connected(s->ssh) ||
		    (rc == SSH_AUTH_ERROR && ssh_get_fd(s->ssh) < 0))
			break;
	}
	return refused(s, e);
}
