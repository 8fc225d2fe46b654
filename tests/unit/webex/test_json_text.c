/* SPDX-License-Identifier: MIT */
/* JSON as it is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "webex/json_text.h"

static void test_good(void **state)
{
	static const char *const good[] = {
		"{}",
		" [] ",
		"0",
		"-0.5e+10",
		"1E9",
		"\"\"",
		"true",
		"null\n",
		"{\"a\": [1, {\"b\": \"\\u00e9\\n\"}], \"a\": false}",
		"\"\xc3\xa9\"",
		"[\"\\\"\\\\\\/\"]",
		"12345678901234567890.10",
	};
	struct json_fault fault;

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(good); i++)
		assert_int_equal(0, json_text_check(good[i], strlen(good[i]), &fault));
}

static void test_places(void **state)
{
	static const struct {
		const char *text;
		int line, column;
	} bad[] = {
		{"", 1, 1},
		{"{", 1, 2},
		{"{\"a\":}", 1, 6},
		{"{\"a\" 1}", 1, 6},
		{"{\"a\":1,}", 1, 8},
		{"{'a':1}", 1, 2},
		{"[1,\n 2,\n x]", 3, 2},
		{"[1 2]", 1, 4},
		{"[1]]", 1, 4},
		{"{\"\xc3\xa9\xc3\xa9\":x}", 1, 7},
		{"\"a", 1, 1},
		{"\"a\nb\"", 1, 3},
		{"\"\\x\"", 1, 3},
		{"\"\\u12g4\"", 1, 6},
		{"01", 1, 2},
		{"-", 1, 2},
		{"1.", 1, 3},
		{"1e", 1, 3},
		{"tru", 1, 1},
		{"NaN", 1, 1},
		{"[1]\n\xff", 2, 1},
		{"\xef\xbb\xbf{}", 1, 1},
		{"[1] // no", 1, 5},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		struct json_fault fault = {0};

		assert_int_equal(-EINVAL,
				 json_text_check(bad[i].text, strlen(bad[i].text), &fault));
		assert_non_null(fault.why);
		assert_int_equal(bad[i].line, fault.line);
		assert_int_equal(bad[i].column, fault.column);
	}
	assert_int_equal(-EINVAL, json_text_check("1\0", 2, &(struct json_fault){0}));
}

static void test_depth(void **state)
{
	_cleanup_gfree_ char *open = g_strnfill(JSON_NESTED_MAX, '[');
	_cleanup_gfree_ char *close = g_strnfill(JSON_NESTED_MAX, ']');
	_cleanup_gfree_ char *deepest = g_strconcat(open, close, NULL);
	_cleanup_gfree_ char *deeper = g_strconcat("[", deepest, "]", NULL);
	_cleanup_gfree_ char *bomb = g_strnfill(1000000, '[');
	struct json_fault fault;

	(void)state;
	assert_int_equal(0, json_text_check(deepest, strlen(deepest), &fault));
	assert_int_equal(-EINVAL, json_text_check(deeper, strlen(deeper), &fault));
	assert_int_equal(-EINVAL, json_text_check(bomb, strlen(bomb), &fault));
	assert_int_equal(JSON_NESTED_MAX + 1, fault.column);
}

static char *part(const char *text, struct json_span span)
{
	return g_strndup(text + span.at, span.len);
}

static void assert_list(const char *text, const char *wanted, const char *ids)
{
	g_autoptr(GArray) items = NULL;
	g_autoptr(GString) found = g_string_new(NULL);
	struct json_span list;
	_cleanup_gfree_ char *inside = NULL;

	assert_int_equal(0, json_text_list(text, strlen(text), &list, &items));
	inside = part(text, list);
	assert_string_equal(wanted, inside);
	for (guint i = 0; i < items->len; i++) {
		const struct json_item *item = &g_array_index(items, struct json_item, i);
		_cleanup_gfree_ char *id = part(text, item->id);
		_cleanup_gfree_ char *all = part(text, item->all);

		assert_non_null(strstr(inside, all));
		g_string_append_printf(found, "%s;", id);
	}
	assert_string_equal(ids, found->str);
}

static void test_lists(void **state)
{
	g_autoptr(GArray) items = NULL;
	struct json_span list;

	(void)state;
	assert_list("{\"items\":[]}", "", "");
	assert_list("{\"notFoundIds\":[\"x\"], \"items\": [ "
		    "{\"id\":\"a\"},{\"x\":{\"id\":\"no\"}} ,"
		    "\n{\"y\":[1],\"id\" : \"b\"}, 3 ]}",
		    " {\"id\":\"a\"},{\"x\":{\"id\":\"no\"}} ,\n{\"y\":[1],\"id\" : \"b\"}, 3 ",
		    "\"a\";;\"b\";;");
	/* The only array is the list, whatever it is called. */
	assert_list("{\"id\":\"L\",\"users\":[{\"id\":\"u\"}],\"n\":1}", "{\"id\":\"u\"}",
		    "\"u\";");
	assert_int_equal(-ENOENT, json_text_list("{\"a\":[],\"b\":[]}", 15, &list, &items));
	assert_int_equal(-ENOENT, json_text_list("{\"a\":1}", 7, &list, &items));
	assert_int_equal(-ENOENT, json_text_list("[[1]]", 5, &list, &items));
	assert_int_equal(-EBADMSG, json_text_list("{\"items\":[}", 11, &list, &items));
	assert_int_equal(-EBADMSG, json_text_list("<html>", 6, &list, &items));
	assert_null(items);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_lists),
	};

	return cmocka_run_group_tests_name("json_text", tests, NULL, NULL);
}
