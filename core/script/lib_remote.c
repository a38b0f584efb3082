/* neap.core.remote: hosts to run scripts on: see remote/shell.h.
 *
 * A connection is a box with a `struct shell`; a request that is waited for is
 * a box with a `struct request`, on the stack of the task that waits. */
#include <lauxlib.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "box.h"
#include "libs.h"
#include "option.h"
#include "remote/shell.h"
#include "ssh_config.h"
#include "taint.h"
#include "task.h"

#define CONN_META "neap.connection"
#define REALM_META "neap.realm"

enum { UV_PROLOGUE = 1 };

struct conn {
	struct shell *shell;
	struct task *opener; /* who waits for it to open, or NULL */
	bool ready, ended;
	struct err error; /* why it ended */
	struct refused_key {
		char name[256], type[64], fingerprint[64];
		struct buf authorities;
		bool other;
	} refused; /* the host's, where that is why: see struct shown_key */
};

struct op {
	struct request *request;
	struct task *task;
};

/* ---- the realm: one a state ---- */

static int realm_gc(lua_State *L)
{
	struct realm **box = lua_touserdata(L, 1);

	realm_free(*box);
	*box = NULL;
	return 0;
}

static struct realm *realm_of(lua_State *L)
{
	struct realm **box;
	struct err e = {0};

	if (lua_getfield(L, LUA_REGISTRYINDEX, REALM_META) == LUA_TUSERDATA) {
		box = lua_touserdata(L, -1);
		lua_pop(L, 1);
		return *box;
	}
	lua_pop(L, 1);
	box = box_new(L, sizeof(*box), "neap.realm.meta", realm_gc);
	if (realm_new(box, tasks_loop(tasks_of(L)), &e) < 0)
		luaL_error(L, "%s", e.text);
	lua_setfield(L, LUA_REGISTRYINDEX, REALM_META);
	return *box;
}

/* ---- requests ---- */

static int op_gc(lua_State *L)
{
	struct op *op = lua_touserdata(L, 1);

	request_free(op->request);
	op->request = NULL;
	return 0;
}

static void wake_op(void *arg)
{
	struct op *op = arg;

	task_wake(op->task);
}

/* Pushes the box of a new request. */
static struct op *push_op(lua_State *L, struct task *t)
{
	struct op *op = box_new(L, sizeof(*op), "neap.request", op_gc);

	if (!(op->request = request_new())) {
		luaL_error(L, "out of memory");
		return NULL;
	}
	op->task = t;
	op->request->on_done = wake_op;
	op->request->arg = op;
	return op;
}

static void read_script(lua_State *L, struct request *r)
{
	size_t len;
	const char *script = lua_tolstring(L, -1, &len);

	if (lua_type(L, -1) != LUA_TSTRING)
		luaL_error(L, "'script' must be a string");
	if (memchr(script, '\0', len))
		luaL_error(L, "a script cannot hold a zero byte");
	buf_put(&r->script, script, len);
}

static void read_input(lua_State *L, struct request *r)
{
	size_t len;
	const char *input;

	if (lua_isnil(L, -1))
		return;
	if (lua_type(L, -1) != LUA_TSTRING && !taint_is(L, -1))
		luaL_error(L, "'stdin' must be a string or a secret");
	input = taint_bytes(L, -1, &len);
	r->secret = r->input.secret = taint_is(L, -1);
	buf_put(&r->input, input, len);
}

/* From the table at `t`. */
static void read_request(lua_State *L, int t, struct request *r)
{
	luaL_checktype(L, t, LUA_TTABLE);
	lua_getfield(L, t, "script");
	read_script(L, r);
	lua_getfield(L, t, "stdin");
	read_input(L, r);
	lua_pop(L, 2);
	r->capture = option_bool(L, t, "capture", false);
	r->here = option_bool(L, t, "here", false);
	r->limit_ms = option_integer(L, t, "timeout_ms", 0);
	r->watched = !r->here && option_bool(L, t, "watch", r->limit_ms > 0);
	r->max_bytes = (size_t)option_integer(
	    L, t, "max_bytes", (lua_Integer)r->max_bytes);
	if (buf_failed(&r->script) || buf_failed(&r->input))
		luaL_error(L, "out of memory");
}

static void push_answer(lua_State *L, const struct request *r)
{
	lua_createtable(L, 0, 3);
	lua_pushinteger(L, r->status);
	lua_setfield(L, -2, "rc");
	lua_pushlstring(L, r->out.len ? r->out.data : "", r->out.len);
	lua_setfield(L, -2, "out");
	lua_pushlstring(L, r->err.len ? r->err.data : "", r->err.len);
	lua_setfield(L, -2, "err");
}

static struct conn *check_conn(lua_State *L)
{
	struct conn *c = luaL_checkudata(L, 1, CONN_META);

	if (!c->shell)
		luaL_error(L, "the connection is closed");
	return c;
}

/* A signal came: what can be stopped on the host is stopped, and has ended
 * there when the task goes on. */
static bool stop(lua_State *L, struct request *r)
{
	struct conn *c = lua_touserdata(L, 1);

	return c->shell && shell_stop(c->shell, r);
}

static int request_k(lua_State *L, int status, lua_KContext ctx)
{
	struct op *op = lua_touserdata(L, 3);
	struct task *self = task_here(L);

	(void)status, (void)ctx;
	if (!op->request->done && task_interrupted(self) &&
	    !stop(L, op->request))
		return task_push_interrupted(L);
	if (!op->request->done)
		return task_wait(L, self, !op->request->stopped, 0, request_k);
	if (op->request->error.code == ERR_INTERRUPTED)
		return task_push_interrupted(L);
	if (op->request->error.code)
		return box_fail(L, &op->request->error);
	push_answer(L, op->request);
	request_free(op->request);
	op->request = NULL;
	return 1;
}

/* conn:request{ script=, stdin=, capture=, here=, timeout_ms=, watch=,
 * max_bytes= } -> { rc=, out=, err= } | nil, message, code
 * `watch` (where there is a timeout: yes) makes it one that a signal stops. */
static int conn_request(lua_State *L)
{
	struct conn *c = check_conn(L);
	struct task *self = task_here(L);
	struct op *op;

	lua_settop(L, 2);
	op = push_op(L, self);
	read_request(L, 2, op->request);
	shell_submit(c->shell, op->request);
	return request_k(L, LUA_OK, 0);
}

static void push_outcome(lua_State *L, const struct request *r)
{
	if (!r->error.code) {
		push_answer(L, r);
		return;
	}
	lua_createtable(L, 0, 2);
	lua_pushstring(L, r->error.text);
	lua_setfield(L, -2, "error");
	lua_pushstring(L, err_name(r->error.code));
	lua_setfield(L, -2, "code");
}

static struct op *op_at(lua_State *L, lua_KContext i)
{
	struct op *op;

	lua_rawgeti(L, 3, i);
	op = lua_touserdata(L, -1);
	lua_pop(L, 1);
	return op;
}

/* From the last one on, since those that were not sent are answered at once.
 * Says whether all are answered soon. */
static bool stop_all(lua_State *L, lua_KContext n)
{
	bool all = true;

	for (; n; n--) {
		struct op *op = op_at(L, n);

		op->request->on_done = wake_op;
		if (!op->request->done)
			all = stop(L, op->request) && all;
	}
	return all;
}

/* Answers come in order, but where some were stopped. */
static bool all_done(lua_State *L, lua_KContext n)
{
	while (n && op_at(L, n)->request->done)
		n--;
	return n == 0;
}

static bool was_stopped(lua_State *L, lua_KContext n)
{
	while (n && op_at(L, n)->request->error.code != ERR_INTERRUPTED)
		n--;
	return n > 0;
}

/* Their boxes are in the table at 3. */
static int requests_k(lua_State *L, int status, lua_KContext n)
{
	struct task *self = task_here(L);

	(void)status;
	if (!all_done(L, n)) {
		if (task_interrupted(self) && !stop_all(L, n))
			return task_push_interrupted(L);
		if (!all_done(L, n))
			return task_wait(L, self, true, n, requests_k);
	}
	if (was_stopped(L, n))
		return task_push_interrupted(L);
	lua_createtable(L, (int)n, 0);
	for (lua_KContext i = 1; i <= n; i++) {
		struct op *op = op_at(L, i);

		push_outcome(L, op->request);
		lua_rawseti(L, 4, i);
		request_free(op->request);
		op->request = NULL;
	}
	return 1;
}

/* conn:requests{ request... } -> { {rc=, out=, err=} | {error=, code=}... }
 * | nil, message, "interrupted" */
static int conn_requests(lua_State *L)
{
	struct conn *c = check_conn(L);
	struct task *self = task_here(L);
	lua_Integer n;
	struct op *op = NULL;

	luaL_checktype(L, 2, LUA_TTABLE);
	lua_settop(L, 2);
	n = luaL_len(L, 2);
	lua_createtable(L, (int)n, 0);
	for (lua_Integer i = 1; i <= n; i++) {
		lua_rawgeti(L, 2, i);
		op = push_op(L, self);
		op->request->on_done = i == n ? wake_op : NULL;
		read_request(L, 4, op->request);
		lua_rawseti(L, 3, i);
		lua_pop(L, 1);
	}
	for (lua_Integer i = 1; i <= n; i++) {
		lua_rawgeti(L, 3, i);
		op = lua_touserdata(L, -1);
		lua_pop(L, 1);
		shell_submit(c->shell, op->request);
	}
	return n ? requests_k(L, LUA_OK, (lua_KContext)n) : 1;
}

/* ---- connections ---- */

static int conn_close(lua_State *L)
{
	struct conn *c = luaL_checkudata(L, 1, CONN_META);
	struct shell *sh = c->shell;

	c->shell = NULL;
	shell_free(sh);
	buf_release(&c->refused.authorities);
	return 0;
}

static int conn_stats(lua_State *L, const struct conn *c)
{
	const struct shell_stats none = {0};
	const struct shell_stats *st = c->shell ? shell_stats(c->shell) : &none;

	lua_createtable(L, 0, 3);
	lua_pushinteger(L, (lua_Integer)st->bytes_out);
	lua_setfield(L, -2, "bytes_out");
	lua_pushinteger(L, (lua_Integer)st->bytes_in);
	lua_setfield(L, -2, "bytes_in");
	lua_pushinteger(L, (lua_Integer)st->requests);
	lua_setfield(L, -2, "requests");
	return 1;
}

/* conn.prologue, conn.stats, conn.error, and the methods (upvalue 1) */
static int conn_index(lua_State *L)
{
	struct conn *c = luaL_checkudata(L, 1, CONN_META);
	const char *name = luaL_checkstring(L, 2);

	if (!strcmp(name, "stats"))
		return conn_stats(L, c);
	if (!strcmp(name, "prologue")) {
		lua_getiuservalue(L, 1, UV_PROLOGUE);
		return 1;
	}
	if (!strcmp(name, "error")) {
		lua_pushstring(L, c->ended ? c->error.text : NULL);
		return 1;
	}
	lua_pushvalue(L, 2);
	lua_rawget(L, lua_upvalueindex(1));
	return 1;
}

static void on_ready(void *arg)
{
	struct conn *c = arg;

	c->ready = true;
	if (c->opener)
		task_wake(c->opener);
}

static void on_ended(void *arg, const struct err *e)
{
	struct conn *c = arg;

	c->ended = true;
	c->error = *e;
	if (c->opener)
		task_wake(c->opener);
}

static struct conn *push_conn(lua_State *L)
{
	struct conn *c = lua_newuserdatauv(L, sizeof(*c), 1);

	memset(c, 0, sizeof(*c));
	luaL_setmetatable(L, CONN_META);
	return c;
}

static void on_unknown_key(void *arg, const struct shown_key *key)
{
	struct refused_key *k = &((struct conn *)arg)->refused;

	snprintf(k->name, sizeof(k->name), "%s", key->name);
	snprintf(k->type, sizeof(k->type), "%s", key->type);
	snprintf(
	    k->fingerprint, sizeof(k->fingerprint), "%s", key->fingerprint);
	buf_puts(&k->authorities, key->authorities);
	k->other = key->other;
}

/* nil, message, code, and the host's key where known_hosts does not vouch for
 * it. */
static int push_refusal(lua_State *L, const struct conn *c)
{
	const struct refused_key *k = &c->refused;
	int n = box_fail(L, &c->error);

	if (c->error.code != ERR_HOSTKEY || !*k->fingerprint)
		return n;
	if (buf_failed(&k->authorities))
		return luaL_error(L, "out of memory");
	lua_createtable(L, 0, 5);
	lua_pushstring(L, k->name);
	lua_setfield(L, -2, "name");
	lua_pushstring(L, k->type);
	lua_setfield(L, -2, "type");
	lua_pushstring(L, k->fingerprint);
	lua_setfield(L, -2, "fingerprint");
	box_push_bytes(L, &k->authorities);
	lua_setfield(L, -2, "authorities");
	lua_pushboolean(L, k->other);
	lua_setfield(L, -2, "other");
	return n + 1;
}

/* The connection is at 2, the box of the prologue or nil at 3. */
static int connect_k(lua_State *L, int status, lua_KContext ctx)
{
	struct conn *c = lua_touserdata(L, 2);
	struct op *op = lua_touserdata(L, 3);
	struct task *self = task_here(L);

	(void)status, (void)ctx;
	if (!c->ended && (!c->ready || (op && !op->request->done))) {
		if (!task_interrupted(self))
			return task_wait(L, self, true, 0, connect_k);
		c->opener = NULL;
		shell_free(c->shell);
		c->shell = NULL;
		return task_push_interrupted(L);
	}
	c->opener = NULL;
	if (c->ended)
		return push_refusal(L, c);
	if (op && op->request->error.code)
		return box_fail(L, &op->request->error);
	if (op) {
		push_answer(L, op->request);
		lua_setiuservalue(L, 2, UV_PROLOGUE);
		request_free(op->request);
		op->request = NULL;
	}
	lua_settop(L, 2);
	return 1;
}

/* connect{ name=, address=, port=, host_key_alias=, user=, identities=,
 * agent=, password=, known_hosts=, host_key_check=, become=, become_user=,
 * accept_key=, certified_key=, certified_type=, proxy_command=,
 * become_password=, connect_timeout_ms=, auth_timeout_ms=, prologue=,
 * prologue_here= }
 * -> connection | nil, message, code[, { name=, type=, fingerprint=,
 * authorities=, other= }: the host's key, where that is why] */
static int remote_connect(lua_State *L)
{
	static const struct shell_events events = {
	    on_ready, on_ended, on_unknown_key};
	struct realm *realm = realm_of(L);
	struct task *self = task_here(L);
	struct shell_config config;
	struct err e = {0};
	struct conn *c;
	struct op *op = NULL;

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	if (loop_caught())
		return task_push_interrupted(L);
	c = push_conn(L);
	if (lua_getfield(L, 1, "prologue") != LUA_TNIL) {
		op = push_op(L, self);
		lua_insert(L, 3);
		read_script(L, op->request);
		op->request->here = option_bool(L, 1, "prologue_here", false);
		lua_settop(L, 3);
	}
	option_config(L, 1, &config);
	if (shell_open(&c->shell, realm, &config, &events, c, &e) < 0)
		return box_fail(L, &e);
	lua_settop(L, 3);
	c->opener = self;
	if (op)
		shell_submit(c->shell, op->request);
	return connect_k(L, LUA_OK, 0);
}

/* ---- encrypted keys ---- */

/* locked_key(path) -> whether it was tried and is encrypted */
static int remote_locked_key(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);

	lua_pushboolean(L, realm_key_locked(realm_of(L), path));
	return 1;
}

/* unlock_key(path, passphrase) -> true | nil, message, code */
static int remote_unlock_key(lua_State *L)
{
	size_t len;
	const char *path = luaL_checkstring(L, 1);
	const char *passphrase = taint_check(L, 2, &len);
	struct err e = {0};

	if (realm_unlock_key(realm_of(L), path, passphrase, &e) < 0)
		return box_fail(L, &e);
	lua_pushboolean(L, 1);
	return 1;
}

static const luaL_Reg conn_methods[] = {
    {"request", conn_request},
    {"requests", conn_requests},
    {"close", conn_close},
    {NULL, NULL},
};

static const luaL_Reg funcs[] = {
    {"connect", remote_connect},
    {"ssh_config", remote_ssh_config},
    {"locked_key", remote_locked_key},
    {"unlock_key", remote_unlock_key},
    {NULL, NULL},
};

int luaopen_neap_core_remote(lua_State *L)
{
	tasks_of(L);
	realm_of(L);
	luaL_newmetatable(L, CONN_META);
	lua_pushcfunction(L, conn_close);
	lua_setfield(L, -2, "__gc");
	lua_pushcfunction(L, conn_close);
	lua_setfield(L, -2, "__close");
	luaL_newlib(L, conn_methods);
	lua_pushcclosure(L, conn_index, 1);
	lua_setfield(L, -2, "__index");
	luaL_newlib(L, funcs);
	return 1;
}
