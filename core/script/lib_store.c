/* neap.core.store: the state repository (see store/store.h).
 *
 *     store.open(path [, { create = bool }]) -> st | nil, message, code
 *     st:head() -> id | nil, message, code
 *     st:resolve(rev) -> id | nil, message, code
 *     st:read(rev, path) -> bytes | nil, message, code
 *     st:blob(id) -> bytes | nil, message, code    by the id of a content
 *     st:list(rev, dir) -> { { name=, kind="tree"|"blob", id= }... }
 *     st:tree(rev, dir) -> { [path below dir] = bytes... }
 *     st:commit { parent = id|nil, changes = { [path] = bytes|false },
 *         message=, author_name=, author_email= [, time=]
 *         [, committer_name=, committer_email=]
 *         [, sign = function(text) -> signature | nil, message]
 *         [, aside = bool] } -> id    aside: on any parent, not on the branch
 *     st:advance(from|nil, to) -> true          moves the branch
 *     st:base(a, b) -> id                       where two histories part
 *     st:keep("refs/...", id) -> true
 *     st:config(key) -> text | nil              git's, the operator's too
 *     st:where() -> path of the repository
 *     st:log { rev=, path=, max= } -> { { id=, time=, author=, email=,
 *         message=, parents={ id } }... }   newest first
 *     st:diff(a, b [, prefix [, { content = bool, depth = n }]])
 *         -> { { path=, status=, old=, new=, old_id=, new_id= }... }
 *         content = false: without old and new, which is much faster (equal
 *         ids are equal contents); depth = 1: what differs right below the
 *         prefix, directories not gone into ("hosts", 1: the hosts that a
 *         commit touched)
 *     st:close()
 *
 * All but open and head, where they fail, return nil, message, code as well.
 * A revision that is nil stands for the state before the first commit, in
 * which there is nothing. */
#include <lauxlib.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "box.h"
#include "libs.h"
#include "store/store.h"
#include "taint.h"

#define TYPE "neap.store"

static int free_store(lua_State *L)
{
	struct store **st = lua_touserdata(L, 1);

	store_free(*st);
	*st = NULL;
	return 0;
}

static struct store *check_store(lua_State *L)
{
	struct store **st = luaL_checkudata(L, 1, TYPE);

	luaL_argcheck(L, *st, 1, "a store that was closed");
	return *st;
}

static int st_head(lua_State *L)
{
	char id[STORE_ID_SIZE];
	struct err e = {0};

	if (store_head(check_store(L), id, &e) < 0)
		return box_fail(L, &e);
	lua_pushstring(L, id);
	return 1;
}

static int st_resolve(lua_State *L)
{
	char id[STORE_ID_SIZE];
	struct err e = {0};

	if (store_resolve(check_store(L), luaL_checkstring(L, 2), id, &e) < 0)
		return box_fail(L, &e);
	lua_pushstring(L, id);
	return 1;
}

static int st_read(lua_State *L)
{
	struct store *st = check_store(L);
	const char *rev = luaL_optstring(L, 2, NULL);
	const char *path = luaL_checkstring(L, 3);
	struct buf *b = box_buf(L);
	struct err e = {0};

	if (!rev)
		err_set(&e, ERR_NOTFOUND, "nothing is recorded yet");
	if (!rev || store_read(st, rev, path, b, &e) < 0)
		return box_fail(L, &e);
	box_push_bytes(L, b);
	return 1;
}

static int st_blob(lua_State *L)
{
	struct store *st = check_store(L);
	const char *id = luaL_checkstring(L, 2);
	struct buf *b = box_buf(L);
	struct err e = {0};

	if (store_read_blob(st, id, b, &e) < 0)
		return box_fail(L, &e);
	box_push_bytes(L, b);
	return 1;
}

static int free_list(lua_State *L)
{
	struct store_list **list = lua_touserdata(L, 1);

	store_list_free(*list);
	*list = NULL;
	return 0;
}

static void set_string(lua_State *L, const char *key, const char *s)
{
	lua_pushstring(L, s);
	lua_setfield(L, -2, key);
}

static void push_entry(lua_State *L, const struct store_entry *entry)
{
	lua_createtable(L, 0, 3);
	set_string(L, "name", entry->path);
	set_string(L, "kind", entry->is_tree ? "tree" : "blob");
	set_string(L, "id", entry->id);
}

static int list(lua_State *L, bool deep)
{
	struct store *st = check_store(L);
	const char *rev = luaL_optstring(L, 2, NULL);
	const char *dir = luaL_optstring(L, 3, "");
	struct store_list **box =
	    box_local(L, sizeof(*box), "neap.store.list", free_list);
	struct store_entry entry;
	struct err e = {0};
	int rc = 0;

	lua_newtable(L);
	if (!rev)
		return 1;
	if (store_list_open(box, st, rev, dir, deep, &e) < 0)
		return box_fail(L, &e);
	for (lua_Integer i = 1; (rc = store_list_next(*box, &entry, &e)) > 0;
	     i++) {
		if (deep) {
			lua_pushlstring(L, entry.data, entry.len);
			lua_setfield(L, -2, entry.path);
		} else {
			push_entry(L, &entry);
			lua_rawseti(L, -2, i);
		}
	}
	return rc < 0 ? box_fail(L, &e) : 1;
}

static int st_list(lua_State *L)
{
	return list(L, false);
}

static int st_tree(lua_State *L)
{
	return list(L, true);
}

/* A field of the table at index 2, a string that stays in that table. */
static const char *field(lua_State *L, const char *key, const char * or)
{
	const char *s;

	if (lua_getfield(L, 2, key) == LUA_TNIL && or) {
		lua_pop(L, 1);
		return or ;
	}
	if (lua_type(L, -1) != LUA_TSTRING)
		luaL_error(L, "commit: '%s' is not a string", key);
	s = lua_tostring(L, -1);
	lua_pop(L, 1);
	return s;
}

/* The key and value on top of the stack as a change; the strings are the
 * table's. */
static void get_change(lua_State *L, struct store_change *change)
{
	size_t len;

	if (lua_type(L, -2) != LUA_TSTRING)
		luaL_error(L, "commit: a path is not a string");
	change->path = lua_tolstring(L, -2, &len);
	if (strlen(change->path) != len)
		luaL_error(L, "commit: path '%s' holds a NUL", change->path);
	if (taint_is(L, -1))
		luaL_error(L, "commit: '%s' holds a secret: seal it first",
		    change->path);
	if (lua_isboolean(L, -1) && !lua_toboolean(L, -1)) {
		change->data = NULL;
		change->len = 0;
		return;
	}
	if (lua_type(L, -1) != LUA_TSTRING)
		luaL_error(L, "commit: '%s' is neither a string nor false",
		    change->path);
	change->data = lua_tolstring(L, -1, &change->len);
}

/* Pushes the table of changes and a block that holds them. */
static void get_changes(lua_State *L, struct store_commit *commit)
{
	size_t n = 0;

	if (lua_getfield(L, 2, "changes") != LUA_TTABLE)
		luaL_error(L, "commit: 'changes' is not a table");
	for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
		n++;
	commit->changes =
	    lua_newuserdatauv(L, n * sizeof(*commit->changes) + 1, 0);
	lua_insert(L, -2);
	for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
		get_change(L, &commit->changes[commit->count++]);
}

static int offset_minutes(int64_t at)
{
	time_t t = (time_t)at;
	struct tm tm;

	return localtime_r(&t, &tm) ? (int)(tm.tm_gmtoff / 60) : 0;
}

/* Protected: (commit, text, len) -> what its `sign` returns */
static int call_sign(lua_State *L)
{
	const size_t *len = lua_touserdata(L, 3);

	lua_getfield(L, 1, "sign");
	lua_pushlstring(L, lua_touserdata(L, 2), *len);
	lua_call(L, 1, 2);
	return 2;
}

/* Called under the lock of writers, from within libgit2's: nothing may be
 * raised through there. */
static int sign(
    void *ctx, const char *text, size_t len, struct buf *to, struct err *e)
{
	lua_State *L = ctx;
	int top = lua_gettop(L);
	const char *s;
	int rc = 0;

	lua_pushcfunction(L, call_sign);
	lua_pushvalue(L, 2);
	lua_pushlightuserdata(L, (void *)(uintptr_t)text);
	lua_pushlightuserdata(L, &len);
	if (lua_pcall(L, 3, 2, 0) != LUA_OK) {
		lua_pushnil(L);
		lua_insert(L, -2);
	}
	if (lua_type(L, top + 1) == LUA_TSTRING && lua_rawlen(L, top + 1)) {
		s = lua_tolstring(L, top + 1, &len);
		buf_put(to, s, len);
	} else if (lua_type(L, top + 2) == LUA_TSTRING) {
		rc = err_set(e, ERR_IO, "%s", lua_tostring(L, top + 2));
	} else {
		rc = err_set(e, ERR_IO, "the commit cannot be signed");
	}
	lua_settop(L, top);
	return rc;
}

static bool flag(lua_State *L, const char *key)
{
	bool set;

	lua_getfield(L, 2, key);
	set = lua_toboolean(L, -1);
	lua_pop(L, 1);
	return set;
}

static int st_commit(lua_State *L)
{
	struct store *st = check_store(L);
	struct store_commit commit = {0};
	char id[STORE_ID_SIZE];
	struct err e = {0};

	luaL_checktype(L, 2, LUA_TTABLE);
	lua_settop(L, 2);
	luaL_checkstack(L, 16, NULL);
	if (lua_getfield(L, 2, "parent") != LUA_TNIL)
		commit.parent = field(L, "parent", NULL);
	commit.message = field(L, "message", NULL);
	commit.author_name = field(L, "author_name", "neap");
	commit.author_email = field(L, "author_email", "neap@localhost");
	commit.committer_name = field(L, "committer_name", commit.author_name);
	commit.committer_email =
	    field(L, "committer_email", commit.author_email);
	commit.aside = flag(L, "aside");
	if (flag(L, "sign")) {
		commit.sign = sign;
		commit.sign_ctx = L;
	}
	lua_getfield(L, 2, "time");
	commit.time =
	    lua_isnil(L, -1) ? time(NULL) : (int64_t)luaL_checknumber(L, -1);
	commit.offset_minutes = offset_minutes(commit.time);
	get_changes(L, &commit);
	if (store_commit(st, &commit, id, &e) < 0)
		return box_fail(L, &e);
	lua_pushstring(L, id);
	return 1;
}

static int st_advance(lua_State *L)
{
	struct store *st = check_store(L);
	struct err e = {0};

	if (store_advance(
		st, luaL_optstring(L, 2, NULL), luaL_checkstring(L, 3), &e) < 0)
		return box_fail(L, &e);
	lua_pushboolean(L, true);
	return 1;
}

static int st_base(lua_State *L)
{
	struct store *st = check_store(L);
	char id[STORE_ID_SIZE];
	struct err e = {0};

	if (store_base(
		st, luaL_checkstring(L, 2), luaL_checkstring(L, 3), id, &e) < 0)
		return box_fail(L, &e);
	lua_pushstring(L, id);
	return 1;
}

static int st_keep(lua_State *L)
{
	struct store *st = check_store(L);
	struct err e = {0};

	if (store_keep(st, luaL_checkstring(L, 2), luaL_checkstring(L, 3), &e) <
	    0)
		return box_fail(L, &e);
	lua_pushboolean(L, true);
	return 1;
}

static int st_config(lua_State *L)
{
	struct store *st = check_store(L);
	const char *key = luaL_checkstring(L, 2);
	struct buf *b = box_buf(L);
	struct err e = {0};

	if (store_config(st, key, b, &e) < 0)
		return box_fail(L, &e);
	box_push_bytes(L, b);
	return 1;
}

static int st_where(lua_State *L)
{
	lua_pushstring(L, store_path(check_store(L)));
	return 1;
}

static int free_log(lua_State *L)
{
	struct store_log **log = lua_touserdata(L, 1);

	store_log_free(*log);
	*log = NULL;
	return 0;
}

static void push_log_entry(lua_State *L, const struct store_log_entry *entry)
{
	lua_createtable(L, 0, 6);
	set_string(L, "id", entry->id);
	set_string(L, "author", entry->author_name);
	set_string(L, "email", entry->author_email);
	set_string(L, "message", entry->message);
	lua_pushinteger(L, entry->time);
	lua_setfield(L, -2, "time");
	lua_createtable(L, 1, 0);
	if (entry->parents) {
		lua_pushstring(L, entry->parent);
		lua_rawseti(L, -2, 1);
	}
	lua_setfield(L, -2, "parents");
}

static int st_log(lua_State *L)
{
	struct store *st = check_store(L);
	struct store_log_entry entry;
	struct store_log **box;
	struct err e = {0};
	const char *rev, *path, *line;
	lua_Integer max;
	int rc = 0;

	luaL_checktype(L, 2, LUA_TTABLE);
	lua_settop(L, 2);
	lua_getfield(L, 2, "rev"); /* 3 to 6: they keep the strings */
	lua_getfield(L, 2, "path");
	lua_getfield(L, 2, "line");
	lua_getfield(L, 2, "max");
	rev = luaL_optstring(L, 3, NULL);
	path = luaL_optstring(L, 4, NULL);
	line = luaL_optstring(L, 5, NULL);
	max = luaL_optinteger(L, 6, LUA_MAXINTEGER);
	box = box_local(L, sizeof(*box), "neap.store.log", free_log);
	lua_newtable(L);
	if (!rev)
		return 1;
	if (store_log_open(box, st, rev, path, line, &e) < 0)
		return box_fail(L, &e);
	for (lua_Integer i = 1;
	     i <= max && (rc = store_log_next(*box, &entry, &e)) > 0; i++) {
		push_log_entry(L, &entry);
		lua_rawseti(L, -2, i);
	}
	return rc < 0 ? box_fail(L, &e) : 1;
}

static int free_diff(lua_State *L)
{
	struct store_diff **diff = lua_touserdata(L, 1);

	store_diff_free(*diff);
	*diff = NULL;
	return 0;
}

static void push_delta(lua_State *L, const struct store_delta *delta)
{
	lua_createtable(L, 0, 6);
	set_string(L, "path", delta->path);
	set_string(L, "status", delta->status);
	if (*delta->old_id)
		set_string(L, "old_id", delta->old_id);
	if (*delta->new_id)
		set_string(L, "new_id", delta->new_id);
	if (delta->old_data) {
		lua_pushlstring(L, delta->old_data, delta->old_len);
		lua_setfield(L, -2, "old");
	}
	if (delta->new_data) {
		lua_pushlstring(L, delta->new_data, delta->new_len);
		lua_setfield(L, -2, "new");
	}
}

static void get_diff_options(lua_State *L, struct store_diff_query *query)
{
	query->content = true;
	if (lua_isnoneornil(L, 5))
		return;
	luaL_checktype(L, 5, LUA_TTABLE);
	if (lua_getfield(L, 5, "content") != LUA_TNIL)
		query->content = lua_toboolean(L, -1);
	lua_getfield(L, 5, "depth");
	query->depth = (unsigned)luaL_optinteger(L, -1, 0);
	lua_pop(L, 2);
}

static int st_diff(lua_State *L)
{
	struct store *st = check_store(L);
	struct store_diff_query query = {.from = luaL_optstring(L, 2, NULL),
	    .to = luaL_optstring(L, 3, NULL),
	    .prefix = luaL_optstring(L, 4, "")};
	struct store_delta delta;
	struct store_diff **box;
	struct err e = {0};
	int rc = 0;

	get_diff_options(L, &query);
	box = box_local(L, sizeof(*box), "neap.store.diff", free_diff);
	lua_newtable(L);
	if (store_diff_open(box, st, &query, &e) < 0)
		return box_fail(L, &e);
	for (lua_Integer i = 1; (rc = store_diff_next(*box, &delta, &e)) > 0;
	     i++) {
		push_delta(L, &delta);
		lua_rawseti(L, -2, i);
	}
	return rc < 0 ? box_fail(L, &e) : 1;
}

static int st_close(lua_State *L)
{
	luaL_checkudata(L, 1, TYPE);
	return free_store(L);
}

static const luaL_Reg methods[] = {
    {"head", st_head},
    {"resolve", st_resolve},
    {"read", st_read},
    {"blob", st_blob},
    {"list", st_list},
    {"tree", st_tree},
    {"commit", st_commit},
    {"advance", st_advance},
    {"base", st_base},
    {"keep", st_keep},
    {"config", st_config},
    {"where", st_where},
    {"log", st_log},
    {"diff", st_diff},
    {"close", st_close},
    {NULL, NULL},
};

static int store_open_(lua_State *L)
{
	struct err e = {0};
	const char *path = luaL_checkstring(L, 1);
	bool create = false;
	struct store **box;

	if (!lua_isnoneornil(L, 2)) {
		luaL_checktype(L, 2, LUA_TTABLE);
		lua_getfield(L, 2, "create");
		create = lua_toboolean(L, -1);
	}
	box = box_new(L, sizeof(*box), TYPE, free_store);
	lua_getmetatable(L, -1);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_setfield(L, -2, "__index");
	lua_pop(L, 1);
	if (store_open(box, path, create, &e) < 0)
		return box_fail(L, &e);
	return 1;
}

int luaopen_neap_core_store(lua_State *L)
{
	lua_createtable(L, 0, 1);
	luaL_newlib(L, methods);
	lua_pushcclosure(L, store_open_, 1);
	lua_setfield(L, -2, "open");
	return 1;
}
