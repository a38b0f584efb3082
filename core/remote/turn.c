/* Whose turn it is: how long the first request may take, and the frames that
 * make up its answer. */
#include "internal.h"

enum {
	GRACE_MS = 7000, /* for the host to stop what is not watched: its limit
			  * is rounded up to a second, and `timeout` kills 5 s
			  * after it has asked */
	STOP_MS = 15000, /* for the host to end a script: the loop there asks,
			  * and kills what is left after 5 s */
	PATIENCE_MS = 15 * 60 * 1000,	/* with what has no limit */
	FLOOD_BYTES = 64 * 1024 * 1024, /* above a limit: no use reading on */
};

/* ---- limits of time ---- */

static void give_up(struct shell *sh, const struct request *r)
{
	struct err e;

	err_set(&e, r->stopped && !r->overdue ? ERR_INTERRUPTED : ERR_TIMEOUT,
	    "host '%s': no answer to a script in %lld ms, and it cannot be "
	    "stopped: the connection is closed",
	    sh->name, (long long)(loop_now_ms() - r->began_ms));
	shell_end(sh, &e);
}

static void on_stop_limit(void *arg)
{
	struct shell *sh = arg;

	if (!timer_extend(&sh->stop_timer, sh->loop))
		give_up(sh, sh->watched);
}

void turn_end_soon(struct shell *sh)
{
	timer_stop(&sh->timer);
	timer_start(
	    &sh->stop_timer, sh->loop, STOP_MS, on_stop_limit, sh, NULL);
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

void turn_begin(struct shell *sh)
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

void turn_read_next(struct frames *f, const struct request *r)
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
	turn_begin(sh);
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
	turn_read_next(f, *reading);
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
	turn_read_next(is_err ? &sh->err : &sh->out, r);
	if (!sh->out_ready || !sh->err_ready)
		return;
	sh->phase = PHASE_READY;
	turn_begin(sh);
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
void turn_take(void *arg, const char *data, size_t len, bool is_err)
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
