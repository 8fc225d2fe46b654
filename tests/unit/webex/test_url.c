/* SPDX-License-Identifier: MIT */
/* Base URLs, origins, content URLs, and names of contents. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "base/cleanup.h"
#include "webex/api.h"
#include "webex/text.h"
#include "webex/url.h"

static void test_base_url(void **state)
{
	static const struct {
		const char *url, *clean; /* NULL: refused */
	} rows[] = {
		{"https://webexapis.com/v1", "https://webexapis.com/v1"},
		{"https://webexapis.com/v1///", "https://webexapis.com/v1"},
		{"HTTPS://WebexAPIs.com:443/v1", "https://webexapis.com/v1"},
		{"https://proxy.example:8443/a/v1", "https://proxy.example:8443/a/v1"},
		{"https://webexapis.com", "https://webexapis.com"},
		{"http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1"},
		{"http://127.8.9.1/v1", "http://127.8.9.1/v1"},
		{"http://localhost:80/v1", "http://localhost/v1"},
		{"http://[::1]:99/v1", "http://[::1]:99/v1"},
		{"http://webexapis.com/v1", NULL},
		{"http://127.0.0.1.evil.example/v1", NULL},
		{"http://localhost.evil.example/", NULL},
		{"https://user@webexapis.com/v1", NULL},
		{"https://user:pw@webexapis.com/v1", NULL},
		{"https://webexapis.com/v1?x=y", NULL},
		{"https://webexapis.com/v1#x", NULL},
		{"https:///v1", NULL},
		{"ftp://webexapis.com/v1", NULL},
		{"file:///etc/passwd", NULL},
		{"webexapis.com/v1", NULL},
		{"https://webex apis.com/v1", NULL},
		{"https://webexapis.com\\@evil.example/v1", NULL},
		{"https://webexapis.com:99999/v1", NULL},
		{"https://webexapis.com:0/v1", NULL},
		{"https://webex=apis.com/v1", NULL},
		{"https://h%1eexample/v1", NULL},
		{"", NULL},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		_cleanup_gfree_ char *clean = NULL, *reason = NULL;
		int r = webex_check_base_url(rows[i].url, &clean, &reason);
		assert_int_equal(r, rows[i].clean ? 0 : -EINVAL);
		if (rows[i].clean)
			assert_string_equal(clean, rows[i].clean);
		else
			assert_non_null(reason);
	}
}

static void test_origins(void **state)
{
	char **origins = webex_allowed_origins("http://127.0.0.1:8080/v1");

	(void)state;
	/* The token of a private server goes only to that server. */
	assert_string_equal(origins[0], "http://127.0.0.1:8080");
	assert_null(origins[1]);
	g_strfreev(origins);
	origins = webex_allowed_origins("https://api.ciscospark.com/v1");
	assert_string_equal(origins[0], "https://webexapis.com");
	assert_string_equal(origins[1], "https://api.ciscospark.com");
	assert_null(origins[2]);
	g_strfreev(origins);
}

static void test_content_url(void **state)
{
	static const struct {
		const char *base, *url, *wanted;
		int error;
	} rows[] = {
		{"https://webexapis.com/v1", "https://webexapis.com/v1/contents/A",
		 "https://webexapis.com/v1/contents/A", 0},
		{"https://webexapis.com/v1",
		 "https://api.ciscospark.com/v1/contents/A?allow=x#f",
		 "https://api.ciscospark.com/v1/contents/A?allow=x", 0},
		{"http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1/contents/A",
		 "http://127.0.0.1:8080/v1/contents/A", 0},
		/* A simulator's or proxy's token stays with it. */
		{"http://127.0.0.1:8080/v1", "https://webexapis.com/v1/contents/A?allow=x",
		 "http://127.0.0.1:8080/v1/contents/A?allow=x", 0},
		{"http://127.0.0.1:8080/v1", "https://webexapis.com/v1/rooms", NULL, -EINVAL},
		{"http://127.0.0.1:8080/v1", "https://webexapis.com/v1/contents/../rooms", NULL,
		 -EINVAL},
		{"http://127.0.0.1:8080/v1", "http://127.0.0.1:8081/v1/contents/A", NULL,
		 -EPERM},
		{"https://webexapis.com/v1", "https://evil.example/v1/contents/A", NULL,
		 -EPERM},
		{"https://webexapis.com/v1", "http://webexapis.com/v1/contents/A", NULL,
		 -EPERM},
		{"https://webexapis.com/v1", "https://webexapis.com@evil.example/A", NULL,
		 -EINVAL},
		{"https://webexapis.com/v1", "https://webexapis.com.evil.example/A", NULL,
		 -EPERM},
		{"https://webexapis.com/v1", "file:///etc/passwd", NULL, -EINVAL},
		{"https://webexapis.com/v1", "", NULL, -EINVAL},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		_cleanup_gfree_ char *url = NULL;
		assert_int_equal(webex_url_content(rows[i].base, rows[i].url, &url),
				 rows[i].error);
		if (rows[i].wanted)
			assert_string_equal(url, rows[i].wanted);
		else
			assert_null(url);
	}
}

static void test_text_line(void **state)
{
	_cleanup_gfree_ char *line = webex_text_line(" a\n\tb\x1b[0m\xe2\x80\xae \xff ", 100);
	_cleanup_gfree_ char *cut = webex_text_line("\xc3\xa4\xc3\xa4\xc3\xa4", 5);
	_cleanup_gfree_ char *none = webex_text_line(NULL, 5);

	(void)state;
	assert_string_equal(line, "a b [0m\xef\xbf\xbd \xef\xbf\xbd");
	assert_string_equal(cut, "\xc3\xa4\xc3\xa4");
	assert_string_equal(none, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base_url),
		cmocka_unit_test(test_origins),
		cmocka_unit_test(test_content_url),
		cmocka_unit_test(test_text_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
