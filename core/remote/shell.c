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
#include "frame.h"
#include "internal.h"

enum phase { PHASE_WAIT, PHASE_ASK, PHASE_BOOT, PHASE_READY, PHASE_ENDED };

enum {
	AHEAD_BYTES = 32 * 1024, /* requests are written out ahead so far */
	NOISE_BYTES = 4096,	 /* kept of what comes before READY */
	TOKEN_LEN = 16,
	GRACE_MS = 7000, /* for the host to stop what is not watched: its limit
			  * is rounded up to a second, and `timeout` kills 5 s
			  * after it has asked */
	STOP_MS = 15000, /* for the host to end a script: the loop there asks,
			  * and kills what is left after 5 s */
	PATIENCE_MS = 15 * 60 * 1000,	/* with what has no limit */
	FLOOD_BYTES = 64 * 1024 * 1024, /* above a limit: no use reading on */
};

struct shell {
	struct session *session;
	struct loop *loop;
	char *name, *user, *password;
	int64_t auth_ms;
	enum phase phase;
	char nonce[FRAME_NONCE_LEN + 1], token[TOKEN_LEN + 1];
	bool asked; /* the password was sent */
	struct frames out, err;
	bool out_ready, err_ready; /* READY was seen there */
	struct buf unwritten;
	size_t written; /* of it */
	struct request *first, **last;
	struct request *unsent, *reading_out, *reading_err;
	struct request *watched; /* was sent, and nothing behind it */
	uint32_t next_id;
	struct later pump;
	struct timer timer;	 /* the first request's limit */
	struct timer stop_timer; /* the watched one's, to end */
	struct err failure; /* found where nothing could be done about it */
	struct shell_stats stats;
	struct shell_events events;
	void *arg;
};

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

static void end(struct shell *sh, const struct err *e)
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
	end(sh, &e);
}

/* ---- limits of time ---- */

static void give_up(struct shell *sh, const struct request *r)
{
	struct err e;

	err_set(&e, r->stopped && !r->overdue ? ERR_INTERRUPTED : ERR_TIMEOUT,
	    "host '%s': no answer to a script in %lld ms, and it cannot be "
	    "stopped: the connection is closed",
	    sh->name, (long long)(loop_now_ms() - r->began_ms));
	end(sh, &e);
}

static void on_stop_limit(void *arg)
{
	struct shell *sh = arg;

	if (!timer_extend(&sh->stop_timer, sh->loop))
		give_up(sh, sh->watched);
}

static void on_limit(void *arg)
{
	struct shell *sh = arg;
	struct request *r = sh->first;

	if (timer_extend(&sh->timer, sh->loop))
		return;
	r->overdue = true;
	if (!shell_stop(sh, r))
		give_up(sh, r);
}

/* It is the first request's turn. */
static void begin_turn(struct shell *sh)
{
	struct request *r = sh->first;
	int64_t ms;

	if (!r || sh->phase != PHASE_READY || r == sh->unsent) {
		timer_stop(&sh->timer);
		return;
	}
	if (r->began_ms)
		return;
	r->began_ms = loop_now_ms();
	timer_stop(&sh->timer);
	ms = r->limit_ms ? r->limit_ms : PATIENCE_MS;
	if (!r->watched)
		ms += GRACE_MS;
	timer_start(&sh->timer, sh->loop, ms, on_limit, sh, NULL);
}

/* What succeeded in spite of all has succeeded. 124 and 137 are what timeout(1)
 * says when it had to stop the script; with busybox it is the script that says
 * how it died, 143. */
static void judge_limit(const struct shell *sh, struct request *r)
{
	int64_t took_ms = loop_now_ms() - r->began_ms;
	bool killed = r->status == 124 || r->status == 137 || r->status == 143;

	if (r->overdue && r->status)
		killed = true;
	else if (r->stopped && r->status)
		err_set(&r->error, ERR_INTERRUPTED,
		    "host '%s': a script was stopped", sh->name);
	if (r->limit_ms && took_ms >= r->limit_ms && killed && !r->error.code)
		err_set(&r->error, ERR_TIMEOUT,
		    "host '%s': a script ran longer than %lld ms and was "
		    "stopped",
		    sh->name, (long long)r->limit_ms);
}

/* ---- reading ---- */

static void fail(struct shell *sh, const struct err *e)
{
	if (!sh->failure.code)
		sh->failure = *e;
}

static void desync(struct shell *sh)
{
	struct err e;

	err_set(&e, ERR_PROTOCOL,
	    "host '%s': the shell loop answers out of turn", sh->name);
	fail(sh, &e);
}

/* Begins to read what `r` (or nobody) says there. */
static void read_next(struct frames *f, const struct request *r)
{
	frames_next(f, r ? r->max_bytes : NOISE_BYTES);
	if (r)
		frames_expect(f, r->nonce);
}

static void finish_first(struct shell *sh)
{
	struct request *r = sh->first;

	if (!(sh->first = r->next))
		sh->last = &sh->first;
	if (r == sh->watched) {
		sh->watched = NULL;
		timer_stop(&sh->stop_timer);
	}
	judge_limit(sh, r);
	sh->stats.requests++;
	request_answer(r);
	begin_turn(sh);
}

static void take_body(
    struct shell *sh, struct frames *f, struct request *r, struct buf *to)
{
	if (f->cut && !r->error.code)
		err_set(&r->error, ERR_LIMIT,
		    "host '%s': a script's output is longer than %zu bytes",
		    sh->name, r->max_bytes);
	if (!f->cut && !r->dropped) {
		*to = f->body;
		f->body = (struct buf)BUF_INIT;
	}
}

static void end_of_output(
    struct shell *sh, bool is_err, const struct frame_end *fe)
{
	struct request **reading = is_err ? &sh->reading_err : &sh->reading_out;
	struct frames *f = is_err ? &sh->err : &sh->out;
	struct request *r = *reading;

	if (!r || r == sh->unsent || fe->ready || r->id != fe->id ||
	    (fe->status < 0) != is_err) {
		desync(sh);
		return;
	}
	take_body(sh, f, r, is_err ? &r->err : &r->out);
	if (is_err)
		r->err_done = true;
	else
		r->out_done = true;
	if (!is_err)
		r->status = fe->status;
	*reading = r->next;
	read_next(f, *reading);
	if (r->out_done && r->err_done)
		finish_first(sh);
}

static void see_ready(struct shell *sh, bool is_err)
{
	struct request *r = is_err ? sh->reading_err : sh->reading_out;

	if (is_err)
		sh->err_ready = true;
	else
		sh->out_ready = true;
	read_next(is_err ? &sh->err : &sh->out, r);
	if (!sh->out_ready || !sh->err_ready)
		return;
	sh->phase = PHASE_READY;
	begin_turn(sh);
}

static void on_frame(struct shell *sh, bool is_err, const struct frame_end *fe)
{
	bool ready = is_err ? sh->err_ready : sh->out_ready;

	if (ready)
		end_of_output(sh, is_err, fe);
	else if (fe->ready)
		see_ready(sh, is_err);
	else
		desync(sh);
}

/* Called from within libssh: takes notes only. */
static void on_data(void *arg, const char *data, size_t len, bool is_err)
{
	struct shell *sh = arg;
	struct frames *f = is_err ? &sh->err : &sh->out;
	struct frame_end fe;
	struct err e = {0};
	size_t used;
	int rc = 1;

	sh->stats.bytes_in += len;
	while (len && rc == 1 && !sh->failure.code) {
		rc = frames_feed(f, data, len, &used, &fe, &e);
		data += used;
		len -= used;
		if (rc == 0 && f->seen > f->limit + FLOOD_BYTES)
			rc = err_set(&e, ERR_LIMIT,
			    "host '%s': it does not cease to talk: the "
			    "connection is closed",
			    sh->name);
		if (rc == 1)
			on_frame(sh, is_err, &fe);
		else if (rc < 0)
			fail(sh, &e);
	}
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
		begin_turn(sh);
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

static void pump(void *arg)
{
	struct shell *sh = arg;
	size_t n = 1;

	while (n) {
		write_ahead(sh);
		if (buf_failed(&sh->unwritten)) {
			struct err e;

			err_set(&e, ERR_NOMEM, "out of memory");
			end(sh, &e);
			return;
		}
		if (!sh->unwritten.len)
			return;
		n = session_write(sh->session, sh->unwritten.data + sh->written,
		    sh->unwritten.len - sh->written);
		sh->stats.bytes_out += n;
		sh->written += n;
		if (sh->written == sh->unwritten.len)
			all_written(sh);
	}
}

static void send_loop(struct shell *sh)
{
	sh->phase = PHASE_BOOT;
	buf_printf(&sh->unwritten, "%s\n%s\n", bootstrap_loop, sh->nonce);
	pump(sh);
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
		end(sh, &e);
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

		end(sh, &e);
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

static void on_unknown_key(
    void *arg, const char *name, const char *type, const char *fingerprint)
{
	struct shell *sh = arg;

	if (sh->events.unknown_key)
		sh->events.unknown_key(sh->arg, name, type, fingerprint);
}

static int start(struct shell *sh, struct realm *realm,
    const struct shell_config *config, struct err *e)
{
	static const struct session_events events = {
	    on_opened, on_data, on_settled, on_ended, on_unknown_key};
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
			read_next(&sh->out, r);
	}
	if (!sh->reading_err) {
		sh->reading_err = r;
		if (sh->err_ready)
			read_next(&sh->err, r);
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
		read_next(&sh->out, r->next);
	if (sh->reading_err == r && (sh->reading_err = r->next, true) &&
	    sh->err_ready)
		read_next(&sh->err, r->next);
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
	timer_stop(&sh->timer);
	timer_start(
	    &sh->stop_timer, sh->loop, STOP_MS, on_stop_limit, sh, NULL);
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
