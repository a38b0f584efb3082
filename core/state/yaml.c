/* YAML: see yaml.h. libyaml's events become a tree of nodes, so that aliases
 * can be followed; the tree is then handed over. */
#include "yaml.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "scalar.h"

enum { ANCHORS_MAX = 1000, NONE = 0 };

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP, NODE_ALIAS };

struct node {
	enum node_kind kind;
	enum scalar_type type; /* what its tag says it is */
	bool plain;	       /* a scalar without quotes */
	bool open;	       /* a list or map whose end is still to come */
	char *data;	       /* scalar */
	size_t len;
	size_t line;
	uint32_t first; /* list, map: its first child; alias: what it names */
	uint32_t next;	/* the next child of the same parent */
	uint32_t count; /* children; a map has two for each key */
};

struct anchor {
	char *name;
	uint32_t node;
};

struct yamldoc {
	char *name;
	struct node *nodes; /* [0] is not used */
	uint32_t n, cap;
	struct anchor *anchors;
	size_t anchors_n;
	uint32_t root;
	size_t handed; /* data so far */
};

/* Where one visit is. */
struct visit {
	struct yamldoc *doc;
	const struct sink *sink;
	struct err *e;
};

static struct node *node_at(const struct yamldoc *doc, uint32_t i)
{
	assert(doc->nodes && i < doc->n);
	return &doc->nodes[i];
}

static int fail(struct yamldoc *doc, struct err *e, enum err_code code,
    size_t line, const char *text)
{
	return err_set(e, code, "%s:%zu: %s", doc->name, line, text);
}

static int parser_fail(struct yamldoc *doc, yaml_parser_t *p, struct err *e)
{
	size_t line =
	    p->problem_mark.line ? p->problem_mark.line : p->mark.line;

	if (p->error == YAML_MEMORY_ERROR)
		return err_set(e, ERR_NOMEM, "out of memory");
	return err_set(e, ERR_PARSE, "%s:%zu: %s%s%s", doc->name, line + 1,
	    p->problem ? p->problem : "no YAML", p->context ? ", " : "",
	    p->context ? p->context : "");
}

static size_t line_of(const yaml_event_t *ev)
{
	return ev->start_mark.line + 1;
}

static int new_node(uint32_t *out, struct yamldoc *doc, enum node_kind kind,
    size_t line, struct err *e)
{
	if (doc->n > YAMLDOC_DATA_MAX)
		return fail(doc, e, ERR_LIMIT, line, "too much data");
	if (doc->n >= doc->cap) {
		uint32_t cap = doc->cap ? 2 * doc->cap : 64;
		struct node *nodes =
		    reallocarray(doc->nodes, cap, sizeof(*nodes));

		if (!nodes)
			return err_set(e, ERR_NOMEM, "out of memory");
		doc->nodes = nodes;
		doc->cap = cap;
	}
	doc->nodes[doc->n] = (struct node){.kind = kind, .line = line};
	*out = doc->n++;
	return 0;
}

static int add_anchor(
    struct yamldoc *doc, const yaml_char_t *name, uint32_t node, struct err *e)
{
	struct anchor *anchors;

	if (!name)
		return 0;
	if (doc->anchors_n == ANCHORS_MAX)
		return fail(doc, e, ERR_LIMIT, node_at(doc, node)->line,
		    "too many anchors");
	anchors =
	    reallocarray(doc->anchors, doc->anchors_n + 1, sizeof(*anchors));
	if (!anchors)
		return err_set(e, ERR_NOMEM, "out of memory");
	doc->anchors = anchors;
	anchors[doc->anchors_n].node = node;
	anchors[doc->anchors_n].name = strdup((const char *)name);
	if (!anchors[doc->anchors_n].name)
		return err_set(e, ERR_NOMEM, "out of memory");
	doc->anchors_n++;
	return 0;
}

static int read_alias(
    uint32_t *out, struct yamldoc *doc, const yaml_event_t *ev, struct err *e)
{
	const char *name = (const char *)ev->data.alias.anchor;
	size_t i = doc->anchors_n;
	struct node *node;
	int rc = new_node(out, doc, NODE_ALIAS, line_of(ev), e);

	if (rc < 0)
		return rc;
	node = node_at(doc, *out);
	while (i > 0 && strcmp(doc->anchors[i - 1].name, name))
		i--;
	if (i == 0)
		return err_set(e, ERR_PARSE, "%s:%zu: nothing is named '&%s'",
		    doc->name, node->line, name);
	node->first = doc->anchors[i - 1].node;
	if (node_at(doc, node->first)->open)
		return err_set(e, ERR_PARSE,
		    "%s:%zu: '*%s' stands within what it names", doc->name,
		    node->line, name);
	return 0;
}

static int set_type(struct yamldoc *doc, struct node *node,
    const yaml_char_t *tag, struct err *e)
{
	if (scalar_type_of_tag(&node->type, (const char *)tag))
		return 0;
	return err_set(e, ERR_PARSE, "%s:%zu: the tag '%s' means nothing here",
	    doc->name, node->line, (const char *)tag);
}

static int read_scalar(
    uint32_t *out, struct yamldoc *doc, const yaml_event_t *ev, struct err *e)
{
	struct node *node;
	int rc = new_node(out, doc, NODE_SCALAR, line_of(ev), e);

	if (rc < 0)
		return rc;
	node = node_at(doc, *out);
	node->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	node->len = ev->data.scalar.length;
	if (!(node->data = malloc(node->len + 1)))
		return err_set(e, ERR_NOMEM, "out of memory");
	memcpy(node->data, ev->data.scalar.value, node->len);
	node->data[node->len] = '\0';
	if ((rc = set_type(doc, node, ev->data.scalar.tag, e)) < 0)
		return rc;
	return add_anchor(doc, ev->data.scalar.anchor, *out, e);
}

static uint32_t follow(const struct yamldoc *doc, uint32_t i)
{
	while (node_at(doc, i)->kind == NODE_ALIAS)
		i = node_at(doc, i)->first;
	return i;
}

static bool same_key(const struct yamldoc *doc, uint32_t a, uint32_t b)
{
	const struct node *x = node_at(doc, follow(doc, a));
	const struct node *y = node_at(doc, follow(doc, b));

	return x->kind == NODE_SCALAR && y->kind == NODE_SCALAR &&
	       x->len == y->len && !memcmp(x->data, y->data, x->len);
}

static bool has_key(const struct yamldoc *doc, uint32_t map, uint32_t key)
{
	uint32_t k = node_at(doc, map)->first;

	while (k && !same_key(doc, k, key))
		k = node_at(doc, node_at(doc, k)->next)->next;
	return k != NONE;
}

/* One more child, which is `target`, after `last` (NONE: the first). */
static int append(struct yamldoc *doc, uint32_t map, uint32_t *last,
    uint32_t target, struct err *e)
{
	uint32_t child = NONE;
	int rc =
	    new_node(&child, doc, NODE_ALIAS, node_at(doc, target)->line, e);

	if (rc < 0)
		return rc;
	node_at(doc, child)->first = target;
	if (*last)
		node_at(doc, *last)->next = child;
	else
		node_at(doc, map)->first = child;
	node_at(doc, map)->count++;
	*last = child;
	return 0;
}

/* Adds what `from` has and `map` has not. */
static int merge_map(struct yamldoc *doc, uint32_t map, uint32_t *last,
    uint32_t from, struct err *e)
{
	uint32_t key, value;
	int rc = 0;

	from = follow(doc, from);
	if (node_at(doc, from)->kind != NODE_MAP)
		return fail(doc, e, ERR_PARSE, node_at(doc, from)->line,
		    "'<<' takes a map or a list of maps");
	for (key = node_at(doc, from)->first; rc == 0 && key;
	     key = node_at(doc, value)->next) {
		value = node_at(doc, key)->next;
		if (has_key(doc, map, key))
			continue;
		if ((rc = append(doc, map, last, key, e)) == 0)
			rc = append(doc, map, last, value, e);
	}
	return rc;
}

static bool is_merge_key(const struct node *node)
{
	return node->kind == NODE_SCALAR && node->plain && node->len == 2 &&
	       !memcmp(node->data, "<<", 2);
}

/* Takes the pair `<<: value` out of the map and returns the value; *last is
 * then the map's last child. */
static uint32_t take_merge(struct yamldoc *doc, uint32_t map, uint32_t *last)
{
	uint32_t value = NONE, before = NONE, key, v;

	*last = NONE;
	for (key = node_at(doc, map)->first; key; key = node_at(doc, v)->next) {
		v = node_at(doc, key)->next;
		if (value || !is_merge_key(node_at(doc, key))) {
			before = *last = v;
			continue;
		}
		value = v;
		node_at(doc, map)->count -= 2;
		if (before)
			node_at(doc, before)->next = node_at(doc, v)->next;
		else
			node_at(doc, map)->first = node_at(doc, v)->next;
	}
	return value;
}

/* Brings in what the map's `<<` names, if there is one. */
static int merge(struct yamldoc *doc, uint32_t map, struct err *e)
{
	uint32_t last, from = take_merge(doc, map, &last), item;
	int rc = 0;

	if (!from)
		return 0;
	for (item = node_at(doc, map)->first; item;
	     item = node_at(doc, item)->next) {
		if (is_merge_key(node_at(doc, item)))
			return fail(doc, e, ERR_PARSE, node_at(doc, item)->line,
			    "the key '<<' stands twice");
		item = node_at(doc, item)->next;
	}
	from = follow(doc, from);
	if (node_at(doc, from)->kind != NODE_LIST)
		return merge_map(doc, map, &last, from, e);
	for (item = node_at(doc, from)->first; rc == 0 && item;
	     item = node_at(doc, item)->next)
		rc = merge_map(doc, map, &last, item, e);
	return rc;
}

static int read_node(uint32_t *out, struct yamldoc *doc, yaml_parser_t *p,
    const yaml_event_t *ev, int depth, struct err *e);

/* The children of `parent`, up to its end. */
static int read_children(struct yamldoc *doc, yaml_parser_t *p, uint32_t parent,
    int depth, struct err *e)
{
	uint32_t last = NONE, child = NONE;
	yaml_event_t ev;
	int rc = 0;

	for (;;) {
		if (!yaml_parser_parse(p, &ev))
			return parser_fail(doc, p, e);
		if (ev.type == YAML_SEQUENCE_END_EVENT ||
		    ev.type == YAML_MAPPING_END_EVENT)
			break;
		if ((rc = read_node(&child, doc, p, &ev, depth, e)) < 0)
			break;
		if (last)
			node_at(doc, last)->next = child;
		else
			node_at(doc, parent)->first = child;
		node_at(doc, parent)->count++;
		last = child;
		yaml_event_delete(&ev);
	}
	yaml_event_delete(&ev);
	node_at(doc, parent)->open = false;
	return rc;
}

static int read_collection(uint32_t *out, struct yamldoc *doc, yaml_parser_t *p,
    const yaml_event_t *ev, int depth, struct err *e)
{
	bool list = ev->type == YAML_SEQUENCE_START_EVENT;
	const yaml_char_t *tag =
	    list ? ev->data.sequence_start.tag : ev->data.mapping_start.tag;
	const yaml_char_t *anchor = list ? ev->data.sequence_start.anchor
					 : ev->data.mapping_start.anchor;
	struct node *node;
	int rc;

	if (depth == DATUM_DEPTH_MAX)
		return fail(doc, e, ERR_LIMIT, line_of(ev), "too many levels");
	rc = new_node(out, doc, list ? NODE_LIST : NODE_MAP, line_of(ev), e);
	if (rc < 0)
		return rc;
	node = node_at(doc, *out);
	node->open = true;
	if ((rc = set_type(doc, node, tag, e)) < 0 ||
	    (rc = add_anchor(doc, anchor, *out, e)) < 0)
		return rc;
	if ((rc = read_children(doc, p, *out, depth + 1, e)) < 0 || list)
		return rc;
	return merge(doc, *out, e);
}

static int read_node(uint32_t *out, struct yamldoc *doc, yaml_parser_t *p,
    const yaml_event_t *ev, int depth, struct err *e)
{
	switch (ev->type) {
	case YAML_SCALAR_EVENT:
		return read_scalar(out, doc, ev, e);
	case YAML_ALIAS_EVENT:
		return read_alias(out, doc, ev, e);
	default:
		return read_collection(out, doc, p, ev, depth, e);
	}
}

/* The one document of the stream. */
static int read_stream(struct yamldoc *doc, yaml_parser_t *p, struct err *e)
{
	yaml_event_type_t type = YAML_NO_EVENT;
	yaml_event_t ev;
	int documents = 0, rc = 0;

	while (rc == 0 && type != YAML_STREAM_END_EVENT) {
		if (!yaml_parser_parse(p, &ev))
			return parser_fail(doc, p, e);
		type = ev.type;
		if (type == YAML_DOCUMENT_START_EVENT && ++documents > 1)
			rc = fail(doc, e, ERR_PARSE, line_of(&ev),
			    "a second document begins: only one is read");
		else if (type == YAML_SCALAR_EVENT ||
			 type == YAML_SEQUENCE_START_EVENT ||
			 type == YAML_MAPPING_START_EVENT ||
			 type == YAML_ALIAS_EVENT)
			rc = read_node(&doc->root, doc, p, &ev, 0, e);
		yaml_event_delete(&ev);
	}
	return rc;
}

int yamldoc_parse(struct yamldoc **out, const char *text, size_t len,
    const char *name, struct err *e)
{
	struct yamldoc *doc;
	yaml_parser_t p;
	int rc;

	if (len > DATUM_TEXT_MAX_BYTES)
		return err_set(
		    e, ERR_LIMIT, "%s: %zu bytes are too many", name, len);
	doc = calloc(1, sizeof(*doc));
	if (!doc || !(doc->name = strdup(name)) ||
	    !yaml_parser_initialize(&p)) {
		yamldoc_free(doc);
		return err_set(e, ERR_NOMEM, "out of memory");
	}
	doc->n = 1;
	yaml_parser_set_encoding(&p, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&p, (const unsigned char *)text, len);
	rc = read_stream(doc, &p, e);
	yaml_parser_delete(&p);
	if (rc < 0)
		yamldoc_free(doc);
	else
		*out = doc;
	return rc;
}

void yamldoc_free(struct yamldoc *doc)
{
	if (!doc)
		return;
	for (uint32_t i = 1; i < doc->n; i++)
		free(node_at(doc, i)->data);
	for (size_t i = 0; i < doc->anchors_n; i++)
		free(doc->anchors[i].name);
	free(doc->anchors);
	free(doc->nodes);
	free(doc->name);
	free(doc);
}

/* Hands one datum over; what the sink refuses is told with the line. */
static int put(struct visit *v, const struct datum *d, size_t line)
{
	struct err own = {0};
	int rc;

	if (++v->doc->handed > YAMLDOC_DATA_MAX)
		return fail(v->doc, v->e, ERR_LIMIT, line,
		    "too much data: do aliases name each other?");
	if ((rc = v->sink->put(v->sink->ctx, d, &own)) < 0)
		fail(v->doc, v->e, own.code, line, own.text);
	return rc;
}

static int put_scalar(struct visit *v, const struct node *node)
{
	struct datum d = {0};

	if (!scalar_read(&d, node->data, node->len, node->type, node->plain))
		return err_set(v->e, ERR_PARSE,
		    "%s:%zu: '%.100s' is not what its tag says", v->doc->name,
		    node->line, node->data);
	return put(v, &d, node->line);
}

static int put_key(struct visit *v, uint32_t i)
{
	const struct node *node = node_at(v->doc, follow(v->doc, i));
	struct datum d = {
	    .kind = DATUM_KEY, .data = node->data, .len = node->len};

	if (node->kind != NODE_SCALAR)
		return fail(v->doc, v->e, ERR_PARSE, node->line,
		    "a list or a map cannot be a key");
	return put(v, &d, node->line);
}

static int visit_node(struct visit *v, uint32_t i, int depth)
{
	const struct node *node = node_at(v->doc, follow(v->doc, i));
	bool map = node->kind == NODE_MAP;
	struct datum d = {.kind = map ? DATUM_MAP : DATUM_LIST,
	    .count = map ? node->count / 2 : node->count};
	int rc;

	if (node->kind == NODE_SCALAR)
		return put_scalar(v, node);
	if (depth == DATUM_DEPTH_MAX)
		return fail(
		    v->doc, v->e, ERR_LIMIT, node->line, "too many levels");
	rc = put(v, &d, node->line);
	for (i = node->first; rc == 0 && i; i = node_at(v->doc, i)->next) {
		if (map && (rc = put_key(v, i)) < 0)
			break;
		if (map)
			i = node_at(v->doc, i)->next;
		rc = visit_node(v, i, depth + 1);
	}
	d.kind = DATUM_END;
	return rc < 0 ? rc : put(v, &d, node->line);
}

int yamldoc_visit(struct yamldoc *doc, const struct sink *sink, struct err *e)
{
	struct visit v = {doc, sink, e};

	doc->handed = 0;
	if (!doc->root)
		return put(&v, &(struct datum){.kind = DATUM_NULL}, 1);
	return visit_node(&v, doc->root, 0);
}
