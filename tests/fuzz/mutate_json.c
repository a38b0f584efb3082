/* How libFuzzer changes inputs that are JSON, or hold some: mostly a value at
 * a time, so that what comes out is still JSON and reaches what reads it.
 *
 *	{"key": "g", "state": {"gid": 2}}       a value becomes another
 *	{"key": "g", "state": {"gid": []}}      or goes, comes twice, or is one
 *	{"key": {"gid": 2}, "state": {}}        that stood elsewhere in the
 *input
 *
 * Values are found by their brackets and quotes alone, wherever they stand:
 * what is between them may be any text. Every fourth time bytes are changed, as
 * libFuzzer does by itself, with json.dict. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(
    uint8_t *data, size_t size, size_t max_size, unsigned seed);

enum { VALUES_MAX = 4096, DEPTH_MAX = 64, COPY_MAX = 1024, TRIES = 8 };

/* One value: text[from..to), which the name at `name` belongs to; that is
 * `from` where it has none. */
struct value {
	size_t name, from, to;
};

struct values {
	const char *text;
	size_t len, count;
	struct value found[VALUES_MAX];
};

static const char *const others[] = {"null", "true", "false", "0", "-1", "3",
    "1.5", "1e99", "9223372036854775807", "\"\"", "\"a\"", "\"\\u0000\"",
    "\"a\\nb\"", "\"\\u001b[2J\"", "\"../../x\"", "\"/\"", "\"0644\"", "[]",
    "{}", "[null]", "[[]]", "[{}]", "[\"a\"]", "[1,2]", "{\"a\":1}",
    "{\"a\":{}}", "{\"1\":[]}", "[\"a\",[]]", "{\"a\":[\"b\",1]}"};

static size_t pick(unsigned *seed, size_t of)
{
	*seed = *seed * 1664525U + 1013904223U;
	return (size_t)(*seed >> 8) % of;
}

/* Where the word or string that begins at `at` ends. */
static size_t end_of(const struct values *v, size_t at)
{
	size_t i = at + 1;

	if (v->text[at] != '"') {
		while (i < v->len && !strchr(" \t\r\n,:[]{}\"", v->text[i]))
			i++;
		return i;
	}
	while (i < v->len && v->text[i] != '"' && v->text[i] != '\n')
		i += v->text[i] == '\\' && i + 1 < v->len ? 2 : 1;
	return i < v->len ? i + 1 : i;
}

static bool is_name(const struct values *v, size_t to)
{
	while (to < v->len && strchr(" \t\r\n", v->text[to]))
		to++;
	return to < v->len && v->text[to] == ':';
}

static void find_values(struct values *v)
{
	size_t open[DEPTH_MAX], depth = 0, name = SIZE_MAX, to;

	for (size_t at = 0; at < v->len && v->count < VALUES_MAX; at = to) {
		char c = v->text[at];
		struct value one = {name == SIZE_MAX ? at : name, at, at + 1};

		to = at + 1;
		if (c == '[' || c == '{') {
			if (depth == DEPTH_MAX)
				return;
			open[depth++] = v->count;
			v->found[v->count++] = one;
			name = SIZE_MAX;
		} else if (c == ']' || c == '}') {
			if (depth)
				v->found[open[--depth]].to = to;
			name = SIZE_MAX;
		} else if (depth && c && !strchr(" \t\r\n,:", c)) {
			to = end_of(v, at);
			name = is_name(v, to) ? at : SIZE_MAX;
			if (name == SIZE_MAX) {
				one.to = to;
				v->found[v->count++] = one;
			}
		}
	}
}

/* Puts `with` into the place of text[from..to); returns the new length, or 0
 * where there is no room. */
static size_t put(char *text, size_t len, size_t max, size_t from, size_t to,
    const char *with, size_t with_len)
{
	if (len - (to - from) + with_len > max)
		return 0;
	memmove(text + from + with_len, text + to, len - to);
	memcpy(text + from, with, with_len);
	return len - (to - from) + with_len;
}

/* A member or an element goes, and with it the comma before or behind. */
static size_t take_away(char *text, size_t len, const struct value *one)
{
	size_t from = one->name, to = one->to;

	while (to < len && strchr(" \t\r\n", text[to]))
		to++;
	if (to < len && text[to] == ',') {
		to++;
	} else {
		to = one->to;
		while (from > 0 && strchr(" \t\r\n", text[from - 1]))
			from--;
		from -= from > 0 && text[from - 1] == ',';
	}
	return put(text, len, len, from, to, "", 0);
}

/* The bytes of a string, changed as libFuzzer does, and left such as may stand
 * in one. */
static size_t change_inside(
    char *text, size_t len, size_t max, size_t from, size_t to)
{
	uint8_t bytes[256];
	size_t n = to - from;

	if (n + 1 > sizeof(bytes))
		return 0;
	memcpy(bytes, text + from, n);
	n = LLVMFuzzerMutate(bytes, n, sizeof(bytes));
	for (size_t i = 0; i < n; i++) {
		bytes[i] &= 0x7f;
		if (bytes[i] < ' ' || bytes[i] == '"' || bytes[i] == '\\')
			bytes[i] = '/';
	}
	return put(text, len, max, from, to, (const char *)bytes, n);
}

/* The inside of a string, or of a name. */
static size_t change_text(char *text, size_t len, size_t max,
    const struct values *v, const struct value *one, unsigned *seed)
{
	bool has_name = one->name != one->from;
	size_t from = has_name && pick(seed, 4) == 0 ? one->name : one->from;
	size_t to = from == one->from ? one->to : end_of(v, from);

	if (text[from] != '"' || to < from + 2 || text[to - 1] != '"')
		return 0;
	return change_inside(text, len, max, from + 1, to - 1);
}

/* Another value in the place of this one. */
static size_t put_other(char *text, size_t len, size_t max,
    const struct values *v, const struct value *one, unsigned *seed)
{
	const struct value *from = &v->found[pick(seed, v->count)];
	const char *with = others[pick(seed, sizeof(others) / sizeof(*others))];
	size_t n = strlen(with);
	char copy[COPY_MAX];

	if (pick(seed, 3) == 0) {
		with = text + from->from;
		n = from->to - from->from;
	}
	if (n > sizeof(copy))
		return 0;
	memcpy(copy, with, n);
	return put(text, len, max, one->from, one->to, copy, n);
}

/* A member or element that stands elsewhere comes behind this one, too. */
static size_t put_behind(char *text, size_t len, size_t max,
    const struct values *v, const struct value *one, unsigned *seed)
{
	const struct value *from = &v->found[pick(seed, v->count)];
	size_t n = from->to - from->name;
	char copy[COPY_MAX] = ",";

	if ((from->name == from->from) != (one->name == one->from) ||
	    n + 1 > sizeof(copy))
		return 0;
	memcpy(copy + 1, text + from->name, n);
	return put(text, len, max, one->to, one->to, copy, n + 1);
}

static size_t change(char *text, size_t len, size_t max, unsigned *seed)
{
	static struct values v;
	const struct value *one;

	v.text = text;
	v.len = len;
	v.count = 0;
	find_values(&v);
	if (v.count == 0)
		return 0;
	one = &v.found[pick(seed, v.count)];
	switch (pick(seed, 8)) {
	case 0:
		return take_away(text, len, one);
	case 1:
		return put_behind(text, len, max, &v, one, seed);
	case 2:
	case 3:
		return change_text(text, len, max, &v, one, seed);
	default:
		return put_other(text, len, max, &v, one, seed);
	}
}

size_t LLVMFuzzerCustomMutator(
    uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	size_t n = 0;

	for (int i = 0; n == 0 && i < TRIES && pick(&seed, 4); i++)
		n = change((char *)data, size, max_size, &seed);
	return n ? n : LLVMFuzzerMutate(data, size, max_size);
}
