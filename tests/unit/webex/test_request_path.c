/* SPDX-License-Identifier: MIT */
/* Paths that somebody typed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "base/cleanup.h"
#include "webex/request_path.h"

static void test_made(void **state)
{
	static const char *const pairs[][2] = {
		{"people/me", "/people/me"},
		{"/people/me", "/people/me"},
		{"rooms?type=group&max=5", "/rooms?type=group&max=5"},
		{"rooms?", "/rooms"},
		{"people?email=a+b@example.com", "/people?email=a+b@example.com"},
		{"people?displayName=Ali Mo", "/people?displayName=Ali%20Mo"},
		{"people?displayName=Zo\xc3\xab", "/people?displayName=Zo%C3%AB"},
		{"people?x=%2f%3F%23%25", "/people?x=%2f%3F%23%25"},
		{"webhooks?targetUrl=https://example.org/x",
		 "/webhooks?targetUrl=https://example.org/x"},
		{"a b/%63/\xc3\xa9", "/a%20b/c/%C3%A9"},
		{"a;b/c&d", "/a%3Bb/c%26d"},
		{"a.b/..c/...", "/a.b/..c/..."},
		{"x%3Fy", "/x%3Fy"},
		{"<\"a'>", "/%3C%22a'%3E"},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(pairs); i++) {
		_cleanup_gfree_ char *path = NULL;
		const char *why;

		assert_int_equal(0, request_path_make(pairs[i][0], &path, &why));
		assert_string_equal(pairs[i][1], path);
	}
}

static void test_refused(void **state)
{
	static const char *const hostile[] = {
		"",	      "/",	"//host/x",   "a//b",	 "a/",
		"..",	      "a/../b", "a/.",	      "./a",	 "%2e",
		"%2E%2e/a",   ".%2e",	"a%2fb",      "a%2Fb",	 "a%5cb",
		"a\\b",	      "x?y\\z", "a#b",	      "x?y#z",	 "x?y?z",
		"a%",	      "a%4",	"a%zz",	      "x?y=%4",	 "x?%zz",
		"a%00",	      "a%0a",	"a\nb",	      "x?y\x7f", "x?\x01",
		"%252e",      "a%25",	"..;/people", ".;x",	 "%2e%2e;x/y",
		"%2e%2e%3bx", "\xff",	"%ff",	      "x?\xc3",	 "http://host/v1",
		"https:",     "..?x",
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(hostile); i++) {
		char *path = NULL;
		const char *why = NULL;
		int r = request_path_make(hostile[i], &path, &why);

		/* A scheme alone is a segment like others. */
		if (strcmp(hostile[i], "https:") == 0) {
			assert_string_equal("/https:", path);
			g_free(path);
			continue;
		}
		assert_int_equal(-EINVAL, r);
		assert_null(path);
		assert_non_null(why);
	}
}

static void test_length(void **state)
{
	_cleanup_gfree_ char *longest = g_strnfill(REQUEST_PATH_MAX - 1, 'x');
	_cleanup_gfree_ char *longer = g_strnfill(REQUEST_PATH_MAX + 1, 'x');
	_cleanup_gfree_ char *spaces = g_strnfill(REQUEST_PATH_MAX / 2, ' ');
	char *path = NULL;
	const char *why;

	(void)state;
	assert_int_equal(0, request_path_make(longest, &path, &why));
	g_clear_pointer(&path, g_free);
	assert_int_equal(-ENAMETOOLONG, request_path_make(longer, &path, &why));
	assert_int_equal(-ENAMETOOLONG, request_path_make(spaces, &path, &why));
	assert_null(path);
}

static void test_keys(void **state)
{
	(void)state;
	assert_true(request_path_has_key("/rooms?max=5", "max"));
	assert_true(request_path_has_key("/rooms?type=group&max", "max"));
	assert_true(request_path_has_key("/rooms?max&x", "max"));
	assert_false(request_path_has_key("/rooms?maximum=5&xmax=1", "max"));
	assert_false(request_path_has_key("/max=5", "max"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_made),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests_name("request_path", tests, NULL, NULL);
}
