/* The readers of JSON and YAML as their C callers see them: the data one after
 * the other, errors of the sink, canonical output. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "state/json.h"
#include "state/yaml.h"

/* Writes down what comes: "{ a= [ 1 T ] }". */
static int trace(void *ctx, const struct datum *d, struct err *e)
{
	struct buf *out = ctx;

	(void)e;
	switch (d->kind) {
	case DATUM_NULL:
	case DATUM_FALSE:
	case DATUM_TRUE:
		buf_putc(out, "NFT"[d->kind]);
		break;
	case DATUM_INTEGER:
		buf_printf(out, "%lld", d->integer);
		break;
	case DATUM_NUMBER:
		buf_printf(out, "%gf", d->number);
		break;
	case DATUM_STRING:
	case DATUM_KEY:
		buf_put(out, d->data, d->len);
		if (d->kind == DATUM_KEY)
			buf_putc(out, '=');
		break;
	case DATUM_LIST:
	case DATUM_MAP:
		buf_printf(out, "%s%zu", d->kind == DATUM_LIST ? "list" : "map",
		    d->count);
		break;
	case DATUM_END:
		buf_puts(out, "end");
		break;
	}
	buf_putc(out, ' ');
	return 0;
}

struct reading {
	const char *name, *text, *wanted;
};

static void json_hands_over(void **state)
{
	static const struct reading cases[] = {
	    {"a list", "[1, 2.5, null, true, false]",
		"list5 1 2.5f N T F end "},
	    {"a map", "{\"b\": {\"a\": \"x\"}, \"c\": []}",
		"map2 b= map1 a= x end c= list0 end end "},
	    {"foreign bytes", "[\"M\\udbff\\udffcller\", \"\xf4\x8f\xbd\x81\"]",
		"list2 M\xfcller A end "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out = BUF_INIT;
		struct jsondoc *doc = NULL;
		struct sink sink = {trace, &out};
		struct err e = {0};

		assert_int_equal(jsondoc_parse(&doc, cases[i].text,
				     strlen(cases[i].text), &e),
		    0);
		assert_int_equal(jsondoc_visit(doc, &sink, &e), 0);
		assert_string_equal(out.data, cases[i].wanted);
		buf_release(&out);
		jsondoc_free(doc);
	}
}

static void yaml_hands_over(void **state)
{
	static const struct reading cases[] = {
	    {"nothing", "", "N "},
	    {"a map", "b: {a: x}\nc: []\n",
		"map2 b= map1 a= x end c= list0 end end "},
	    {"a merge counts what it brings", "- &p {a: 1}\n- {<<: *p, b: 2}\n",
		"list2 map1 a= 1 end map2 b= 2 a= 1 end end "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out = BUF_INIT;
		struct yamldoc *doc = NULL;
		struct sink sink = {trace, &out};
		struct err e = {0};

		assert_int_equal(yamldoc_parse(&doc, cases[i].text,
				     strlen(cases[i].text), "f", &e),
		    0);
		assert_int_equal(yamldoc_visit(doc, &sink, &e), 0);
		assert_string_equal(out.data, cases[i].wanted);
		buf_release(&out);
		yamldoc_free(doc);
	}
}

static int refuse_numbers(void *ctx, const struct datum *d, struct err *e)
{
	(void)ctx;
	if (d->kind == DATUM_INTEGER)
		return err_set(e, ERR_USAGE, "no numbers here");
	return 0;
}

static void a_sink_that_refuses_ends_the_visit(void **state)
{
	static const char text[] = "[\"a\",\n [1, {\"b\": 2}]]";
	struct sink sink = {refuse_numbers, NULL};
	struct jsondoc *json = NULL;
	struct yamldoc *yaml = NULL;
	struct err e = {0};

	(void)state;
	assert_int_equal(jsondoc_parse(&json, text, strlen(text), &e), 0);
	assert_int_equal(jsondoc_visit(json, &sink, &e), ERR_USAGE);
	assert_string_equal(e.text, "no numbers here");
	assert_int_equal(yamldoc_parse(&yaml, text, strlen(text), "f", &e), 0);
	assert_int_equal(yamldoc_visit(yaml, &sink, &e), ERR_USAGE);
	assert_string_equal(e.text, "f:2: no numbers here");
	jsondoc_free(json);
	yamldoc_free(yaml);
}

static void too_much_is_refused(void **state)
{
	static char text[DATUM_TEXT_MAX_BYTES + 1];
	struct jsondoc *json = NULL;
	struct yamldoc *yaml = NULL;
	struct err e = {0};

	(void)state;
	assert_int_equal(
	    jsondoc_parse(&json, text, sizeof(text), &e), ERR_LIMIT);
	assert_int_equal(
	    yamldoc_parse(&yaml, text, sizeof(text), "f", &e), ERR_LIMIT);
	assert_null(json);
	assert_null(yaml);
}

static void numbers_have_one_form(void **state)
{
	static const struct {
		double n;
		const char *wanted;
	} cases[] = {{0.1, "0.1"}, {1, "1.0"}, {-0.0, "-0.0"}, {1e22, "1e+22"},
	    {5e-324, "4.94065645841247e-324"},
	    {0.1 + 0.2, "0.30000000000000004"}};
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_clear(&out);
		assert_true(jsonput_number(&out, cases[i].n));
		assert_string_equal(out.data, cases[i].wanted);
	}
	buf_clear(&out);
	assert_false(jsonput_number(&out, 1.0 / 0.0));
	assert_int_equal(out.len, 0);
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(json_hands_over),
	    cmocka_unit_test(yaml_hands_over),
	    cmocka_unit_test(a_sink_that_refuses_ends_the_visit),
	    cmocka_unit_test(too_much_is_refused),
	    cmocka_unit_test(numbers_have_one_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
