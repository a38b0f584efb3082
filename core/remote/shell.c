/* A shell on a host: see shell.h.
 *
 *	WAIT ─▶ (ASK ─▶) BOOT ─▶ READY ─▶ ENDED
 *
 * WAIT: the command is not on its way. ASK: sudo may ask for its password.
 * BOOT: the loop was sent, and what comes before its first mark is noise, of a
 * .bashrc say. READY: frames. The queue holds the requests in their order;
 * `unsent`, `reading_out` and `reading_err` point into it. */
#include "shell.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "bootstrap.h"
#include "internal.h"

enum { AHEAD_BYTES = 32 * 1024 }; /* requests are written out ahead so far */

/* ---- the end ---- */

static void answer_all(struct shell *sh, const struct err *e)
{
	struct request *r;

	timer_stop(&sh->timer);
	timer_stop(&sh->stop_timer);
	sh->unsent = sh->reading_out = sh->reading_err = sh->watched = NULL;
	while ((r = sh->first)) {
		sh->first = r->next;
		r->error = *e;
		request_answer(r);
	}
	sh->last = &sh->first;
}

void shell_end(struct shell *sh, const struct err *e)
{
	if (sh->phase == PHASE_ENDED)
		return;
	sh->phase = PHASE_ENDED;
	later_cancel(&sh->pump);
	session_free(sh->session);
	sh->session = NULL;
	sh->failure = *e;
	answer_all(sh, e);
	sh->events.ended(sh->arg, e);
}

/* The remote command has ended, though nobody asked it to. */
static void explain(const struct shell *sh, struct err *e)
{
	const struct words w = {
	    sh->name, sh->user, &sh->out.body, &sh->err.body};

	if (sh->phase < PHASE_READY && sh->user)
		explain_sudo(&w, e);
	else
		explain_end(&w, sh->phase == PHASE_READY, e);
}

static void on_ended(void *arg, const struct err *why)
{
	struct shell *sh = arg;
	struct err e = *why;

	if (!e.code)
		explain(sh, &e);
	shell_end(sh, &e);
}

/* ---- writing ---- */

static void write_ahead(struct shell *sh)
{
	while (sh->unsent && !sh->watched &&
	       sh->unwritten.len - sh->written < (size_t)AHEAD_BYTES) {
		struct request *r = sh->unsent;

		if (sh->phase < PHASE_BOOT ||
		    (r->secret && sh->phase != PHASE_READY))
			return;
		request_write(&sh->unwritten, r);
		request_sent(r);
		sh->unsent = r->next;
		if (r->watched)
			sh->watched = r;
		turn_begin(sh);
	}
}

/* Memory of a large request is not kept for the small ones to come. */
static void all_written(struct shell *sh)
{
	sh->written = 0;
	if (sh->unwritten.cap > (size_t)AHEAD_BYTES)
		buf_release(&sh->unwritten);
	else
		buf_clear(&sh->unwritten);
}

/* False for want of memory. */
static bool write_out(struct shell *sh)
{
	size_t n = 1;

	while (n) {
		write_ahead(sh);
		if (buf_failed(&sh->unwritten))
			return false;
		if (!sh->unwritten.len)
			return true;
		n = session_write(sh->session, sh->unwritten.data + sh->written,
		    sh->unwritten.len - sh->written);
		sh->stats.bytes_out += n;
		sh->written += n;
		if (sh->written == sh->unwritten.len)
			all_written(sh);
	}
	return true;
}

static void pump(void *arg)
{
	struct shell *sh = arg;
	struct err e;

	if (write_out(sh))
		return;
	err_set(&e, ERR_NOMEM, "out of memory");
	shell_end(sh, &e);
}

/* The session may not be freed from within its `opened`. */
static void send_loop(struct shell *sh)
{
	sh->phase = PHASE_BOOT;
	buf_printf(&sh->unwritten, "%s\n%s\n", bootstrap_loop, sh->nonce);
	if (!write_out(sh))
		later_call(&sh->pump, sh->loop, pump, sh);
}

static void on_opened(void *arg)
{
	struct shell *sh = arg;

	if (sh->user && sh->password) {
		session_limit(sh->session, sh->auth_ms, "prompt of sudo", NULL);
		sh->phase = PHASE_ASK;
		return;
	}
	session_limit(sh->session, sh->auth_ms,
	    sh->user ? "shell from sudo" : "shell", NULL);
	send_loop(sh);
}

/* ---- sudo's password ---- */

static bool has_token(const struct shell *sh, char sign)
{
	char text[TOKEN_LEN + 2];

	snprintf(text, sizeof(text), "%s%c", sh->token, sign);
	return sh->err.body.len && strstr(sh->err.body.data, text);
}

/* The stream is sudo's until it has let us through: it would take anything
 * for the next try at the password. */
static void ask(struct shell *sh)
{
	struct err e;

	if (has_token(sh, '!')) {
		frames_next(&sh->err, NOISE_BYTES);
		session_limit(
		    sh->session, sh->auth_ms, "shell from sudo", NULL);
		send_loop(sh);
	} else if (has_token(sh, '?') && sh->asked) {
		err_set(&e, ERR_SUDO,
		    "host '%s': sudo does not take the password to become "
		    "'%s'",
		    sh->name, sh->user);
		shell_end(sh, &e);
	} else if (has_token(sh, '?')) {
		sh->asked = true;
		session_limit(sh->session, sh->auth_ms,
		    "answer of sudo to the password", NULL);
		frames_next(&sh->err, NOISE_BYTES);
		buf_printf(&sh->unwritten, "%s\n", sh->password);
		pump(sh);
	}
}

/* ---- turning ---- */

static void on_settled(void *arg)
{
	struct shell *sh = arg;
	bool ready = sh->phase == PHASE_READY;

	if (sh->failure.code) {
		struct err e = sh->failure;

		shell_end(sh, &e);
		return;
	}
	if (sh->phase == PHASE_ASK) {
		ask(sh);
		return;
	}
	if (ready && sh->events.ready) {
		void (*tell)(void *) = sh->events.ready;

		sh->events.ready = NULL;
		session_limit(sh->session, 0, NULL, NULL);
		tell(sh->arg);
	}
	pump(sh);
}

/* ---- the beginning ---- */

/* `len` hex digits and a NUL. */
static int make_random(char *out, size_t len, struct err *e)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[FRAME_NONCE_LEN];

	if (getrandom(bytes, len, 0) != (ssize_t)len)
		return err_set(e, ERR_IO, "no random bytes");
	for (size_t i = 0; i < len; i++)
		out[i] = digits[bytes[i] & 15];
	out[len] = '\0';
	return 0;
}

/* The name stands in a command line that a foreign shell reads. */
static bool is_user_name(const char *name)
{
	if (!isalnum((unsigned char)*name) && *name != '_')
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("_.-$", *name))
			return false;
	return true;
}

static char *copy(const char *text, bool *failed)
{
	char *out = text ? strdup(text) : NULL;

	if (text && !out)
		*failed = true;
	return out;
}

static int take_config(
    struct shell *sh, const struct shell_config *c, struct err *e)
{
	bool failed = false;

	if (c->become && !is_user_name(c->become))
		return err_set(e, ERR_USAGE,
		    "host '%s': '%s' is not the name of a user to become",
		    c->session.name, c->become);
	sh->name = copy(c->session.name, &failed);
	sh->user = copy(c->become, &failed);
	sh->password = copy(c->become_password, &failed);
	sh->auth_ms = c->session.auth_ms;
	if (failed)
		return err_set(e, ERR_NOMEM, "out of memory");
	if (make_random(sh->nonce, FRAME_NONCE_LEN, e) < 0)
		return e->code;
	return make_random(sh->token, TOKEN_LEN, e);
}

static void on_unknown_key(void *arg, const struct shown_key *key)
{
	struct shell *sh = arg;

	if (sh->events.unknown_key)
		sh->events.unknown_key(sh->arg, key);
}

static int start(struct shell *sh, struct realm *realm,
    const struct shell_config *config, struct err *e)
{
	static const struct session_events events = {
	    on_opened, turn_take, on_settled, on_ended, on_unknown_key};
	struct buf command = BUF_INIT;
	int rc;

	bootstrap_command(&command, sh->user, sh->password ? sh->token : NULL);
	if (buf_failed(&command))
		rc = err_set(e, ERR_NOMEM, "out of memory");
	else
		rc = session_open(&sh->session, realm, &config->session,
		    command.data, &events, sh, e);
	buf_release(&command);
	return rc;
}

int shell_open(struct shell **out, struct realm *realm,
    const struct shell_config *config, const struct shell_events *events,
    void *arg, struct err *e)
{
	struct shell *sh = calloc(1, sizeof(*sh));
	int rc;

	if (!sh)
		return err_set(e, ERR_NOMEM, "out of memory");
	sh->loop = realm_loop(realm);
	sh->last = &sh->first;
	sh->unwritten.secret = true;
	sh->events = *events;
	sh->arg = arg;
	if ((rc = take_config(sh, config, e)) < 0 ||
	    (rc = start(sh, realm, config, e)) < 0) {
		shell_free(sh);
		return rc;
	}
	frames_init(&sh->out, sh->nonce, NOISE_BYTES);
	frames_init(&sh->err, sh->nonce, NOISE_BYTES);
	*out = sh;
	return 0;
}

void shell_free(struct shell *sh)
{
	struct err e;

	if (!sh)
		return;
	later_cancel(&sh->pump);
	session_free(sh->session);
	err_set(&e, ERR_SHELL, "host '%s': the connection was closed",
	    sh->name ? sh->name : "");
	answer_all(sh, &e);
	frames_release(&sh->out);
	frames_release(&sh->err);
	buf_release(&sh->unwritten);
	if (sh->password)
		explicit_bzero(sh->password, strlen(sh->password));
	explicit_bzero(sh->nonce, sizeof(sh->nonce));
	free(sh->name);
	free(sh->user);
	free(sh->password);
	free(sh);
}

static void answer_at_once(struct request *r, const struct err *e)
{
	r->error = *e;
	request_answer(r);
}

void shell_submit(struct shell *sh, struct request *r)
{
	struct err e;

	r->held = true;
	r->next = NULL;
	r->id = ++sh->next_id;
	if (sh->phase == PHASE_ENDED) {
		answer_at_once(r, &sh->failure);
		return;
	}
	if (make_random(r->nonce, FRAME_NONCE_LEN, &e) < 0) {
		answer_at_once(r, &e);
		return;
	}
	*sh->last = r;
	sh->last = &r->next;
	if (!sh->unsent)
		sh->unsent = r;
	if (!sh->reading_out) {
		sh->reading_out = r;
		if (sh->out_ready)
			turn_read_next(&sh->out, r);
	}
	if (!sh->reading_err) {
		sh->reading_err = r;
		if (sh->err_ready)
			turn_read_next(&sh->err, r);
	}
	later_call(&sh->pump, sh->loop, pump, sh);
}

/* Takes a request that was not sent out of the queue. */
static void withdraw(struct shell *sh, struct request *r)
{
	struct request **at = &sh->first;
	struct err e;

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	if (sh->last == &r->next)
		sh->last = at;
	if (sh->unsent == r)
		sh->unsent = r->next;
	if (sh->reading_out == r && (sh->reading_out = r->next, true) &&
	    sh->out_ready)
		turn_read_next(&sh->out, r->next);
	if (sh->reading_err == r && (sh->reading_err = r->next, true) &&
	    sh->err_ready)
		turn_read_next(&sh->err, r->next);
	err_set(
	    &e, ERR_INTERRUPTED, "host '%s': a script was not run", sh->name);
	answer_at_once(r, &e);
}

static bool is_unsent(const struct shell *sh, const struct request *r)
{
	const struct request *at = sh->unsent;

	while (at && at != r)
		at = at->next;
	return at != NULL;
}

bool shell_stop(struct shell *sh, struct request *r)
{
	if (!r->held || r->stopped)
		return r->held;
	if (is_unsent(sh, r)) {
		withdraw(sh, r);
		return true;
	}
	if (r != sh->watched)
		return false;
	r->stopped = true;
	turn_end_soon(sh);
	buf_puts(&sh->unwritten, "k\n");
	later_call(&sh->pump, sh->loop, pump, sh);
	return true;
}

bool shell_is_ready(const struct shell *sh)
{
	return sh->phase == PHASE_READY;
}

bool shell_is_open(const struct shell *sh)
{
	return sh->phase != PHASE_ENDED;
}

const struct shell_stats *shell_stats(const struct shell *sh)
{
	return &sh->stats;
}
