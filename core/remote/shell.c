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
	GRACE_MS = 7000, /* for the host to stop what has run too long: its
			  * own limit is rounded up to a second, and `timeout`
			  * kills 5 s after it has asked */
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
	uint32_t next_id;
	struct later pump;
	struct timer timer; /* the first request's limit */
	struct err failure; /* found where nothing could be done about it */
	struct shell_stats stats;
	struct shell_events events;
	void *arg;
};

/* ---- texts ---- */

/* The last line that says something, with only what can be printed. */
static void last_line(char *out, size_t size, const struct buf *b)
{
	size_t end = b->len, from, n = 0;

	while (end && isspace((unsigned char)b->data[end - 1]))
		end--;
	for (from = end; from && b->data[from - 1] != '\n'; from--)
		;
	for (; from < end && n + 1 < size; from++)
		out[n++] =
		    isprint((unsigned char)b->data[from]) ? b->data[from] : '?';
	out[n] = '\0';
}

static void said(char *out, size_t size, const struct shell *sh)
{
	last_line(out, size, &sh->err.body);
	if (!*out)
		last_line(out, size, &sh->out.body);
}

/* ---- the end ---- */

static void answer_all(struct shell *sh, const struct err *e)
{
	struct request *r;

	timer_stop(&sh->timer);
	sh->unsent = sh->reading_out = sh->reading_err = NULL;
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

/* sudo's first words say why it refuses, and more may follow them; but it also
 * grumbles about a host whose name it cannot resolve, and goes on. */
static void sudo_said(char *out, size_t size, const struct shell *sh)
{
	static const char grumble[] = "sudo: unable to resolve host";
	const struct buf *b = &sh->err.body;
	const char *at = b->len ? strstr(b->data, "sudo: ") : NULL;
	struct buf line = BUF_INIT;

	while (at && !strncmp(at, grumble, strlen(grumble)))
		at = strstr(at + strlen(grumble), "sudo: ");
	if (!at) {
		said(out, size, sh);
		return;
	}
	line.data = (char *)at;
	line.len = strcspn(at, "\n");
	last_line(out, size, &line);
}

static void explain_sudo(const struct shell *sh, struct err *e)
{
	const char *all = sh->err.body.len ? sh->err.body.data : "";
	char words[200];

	sudo_said(words, sizeof(words), sh);
	if (strstr(all, "password is required") || strstr(all, "no tty"))
		err_set(e, ERR_SUDO,
		    "host '%s': sudo wants a password to become '%s': give it "
		    "with -K, or allow it without one in sudoers",
		    sh->name, sh->user);
	else
		err_set(e, ERR_SUDO, "host '%s': sudo to '%s' failed: %s",
		    sh->name, sh->user, *words ? words : "it says nothing");
}

/* The remote command has ended, though nobody asked it to. */
static void explain_end(const struct shell *sh, struct err *e)
{
	char words[200];

	if (sh->phase < PHASE_READY && sh->user) {
		explain_sudo(sh, e);
		return;
	}
	said(words, sizeof(words), sh);
	err_set(e, ERR_SHELL, "host '%s': the shell %s%s%s", sh->name,
	    sh->phase < PHASE_READY ? "does not start" : "has ended",
	    *words ? ": " : "", words);
}

static void on_ended(void *arg, const struct err *why)
{
	struct shell *sh = arg;
	struct err e = *why;

	if (!e.code)
		explain_end(sh, &e);
	end(sh, &e);
}

/* ---- limits of time ---- */

static void on_limit(void *arg)
{
	struct shell *sh = arg;
	struct err e;

	if (timer_extend(&sh->timer, sh->loop))
		return;
	err_set(&e, ERR_TIMEOUT,
	    "host '%s': no answer to a script in %lld ms, and it cannot be "
	    "stopped: the connection is closed",
	    sh->name, (long long)sh->first->limit_ms);
	end(sh, &e);
}

/* It is the first request's turn. */
static void begin_turn(struct shell *sh)
{
	struct request *r = sh->first;

	if (!r || sh->phase != PHASE_READY || r == sh->unsent) {
		timer_stop(&sh->timer);
		return;
	}
	if (r->began_ms)
		return;
	r->began_ms = loop_now_ms();
	timer_stop(&sh->timer);
	if (r->limit_ms)
		timer_start(&sh->timer, sh->loop, r->limit_ms + GRACE_MS,
		    on_limit, sh, NULL);
}

/* 124 and 137 are what timeout(1) says when it had to stop the script; with
 * busybox it is the script that says how it died, 143. */
static void judge_limit(const struct shell *sh, struct request *r)
{
	int64_t took_ms = loop_now_ms() - r->began_ms;

	if (r->limit_ms && took_ms >= r->limit_ms &&
	    (r->status == 124 || r->status == 137 || r->status == 143))
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

static size_t limit_of(const struct request *r)
{
	return r ? r->max_bytes : NOISE_BYTES;
}

static void finish_first(struct shell *sh)
{
	struct request *r = sh->first;

	if (!(sh->first = r->next))
		sh->last = &sh->first;
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
	frames_next(f, limit_of(*reading));
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
	frames_next(is_err ? &sh->err : &sh->out, limit_of(r));
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
		if (rc == 1)
			on_frame(sh, is_err, &fe);
		else if (rc < 0)
			fail(sh, &e);
	}
}

/* ---- writing ---- */

static void write_ahead(struct shell *sh)
{
	while (sh->unsent &&
	       sh->unwritten.len - sh->written < (size_t)AHEAD_BYTES) {
		struct request *r = sh->unsent;

		if (sh->phase < PHASE_BOOT ||
		    (r->secret && sh->phase != PHASE_READY))
			return;
		request_write(&sh->unwritten, r);
		request_sent(r);
		sh->unsent = r->next;
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

	session_limit(sh->session, sh->auth_ms, "shell", NULL);
	if (sh->user && sh->password)
		sh->phase = PHASE_ASK;
	else
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
		send_loop(sh);
	} else if (has_token(sh, '?') && sh->asked) {
		err_set(&e, ERR_SUDO,
		    "host '%s': sudo does not take the password to become "
		    "'%s'",
		    sh->name, sh->user);
		end(sh, &e);
	} else if (has_token(sh, '?')) {
		sh->asked = true;
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

static int make_random(struct shell *sh, struct err *e)
{
	unsigned char bytes[(FRAME_NONCE_LEN + TOKEN_LEN) / 2];
	char text[2 * sizeof(bytes) + 1];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return err_set(e, ERR_IO, "no random bytes");
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	memcpy(sh->nonce, text, FRAME_NONCE_LEN);
	memcpy(sh->token, text + FRAME_NONCE_LEN, TOKEN_LEN);
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
	return make_random(sh, e);
}

static int start(struct shell *sh, struct realm *realm,
    const struct shell_config *config, struct err *e)
{
	static const struct session_events events = {
	    on_opened, on_data, on_settled, on_ended};
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

void shell_submit(struct shell *sh, struct request *r)
{
	r->held = true;
	r->next = NULL;
	r->id = ++sh->next_id;
	if (sh->phase == PHASE_ENDED) {
		r->error = sh->failure;
		request_answer(r);
		return;
	}
	*sh->last = r;
	sh->last = &r->next;
	if (!sh->unsent)
		sh->unsent = r;
	if (!sh->reading_out) {
		sh->reading_out = r;
		if (sh->out_ready)
			frames_next(&sh->out, r->max_bytes);
	}
	if (!sh->reading_err) {
		sh->reading_err = r;
		if (sh->err_ready)
			frames_next(&sh->err, r->max_bytes);
	}
	later_call(&sh->pump, sh->loop, pump, sh);
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
