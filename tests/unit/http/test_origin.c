/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <glib.h>

#include "base/cleanup.h"
#include "http/origin.h"

static void check_origin(const char *url, const char *expected)
{
	_cleanup_gfree_ char *origin = http_origin(url);

	if (g_strcmp0(origin, expected) != 0)
		fail_msg("%s: got %s", url, origin ? origin : "nothing");
}

static void test_origins(void **state)
{
	char *known[] = {(char *)"https://webexapis.com:443", NULL};

	(void)state;
	check_origin("https://webexapis.com/v1/rooms", "https://webexapis.com:443");
	check_origin("HTTPS://WebexAPIs.com:443", "https://webexapis.com:443");
	check_origin("http://127.0.0.1:8080/x", "http://127.0.0.1:8080");
	check_origin("https://webexapis.com@evil.example/", NULL);
	check_origin("ftp://webexapis.com/", NULL);
	check_origin("webexapis.com", NULL);
	check_origin("", NULL);

	assert_true(http_origin_is_known("https://webexapis.com/v1?a=b", known));
	assert_true(http_origin_is_known("https://WEBEXAPIS.com:443/", known));
	assert_false(http_origin_is_known("https://webexapis.com:8443/", known));
	assert_false(http_origin_is_known("http://webexapis.com:443/", known));
	assert_false(http_origin_is_known("https://webexapis.com.evil.example/", known));
	assert_false(http_origin_is_known("https://evil.example/webexapis.com", known));

	assert_int_equal(http_origin_check("https://example.com"), 0);
	assert_int_equal(http_origin_check("http://example.com"), -EPROTO);
	assert_int_equal(http_origin_check("http://localhost:1/"), 0);
	assert_int_equal(http_origin_check("http://127.9.9.9/"), 0);
	assert_int_equal(http_origin_check("http://[::1]:80/"), 0);
	assert_int_equal(http_origin_check("http://127.0.0.1.example.com/"), -EPROTO);
	assert_int_equal(http_origin_check("http://[::ffff:1.2.3.4]/"), -EPROTO);
	assert_int_equal(http_origin_check("https://exa mple.com/"), -EINVAL);
	assert_int_equal(http_origin_check("https://example.com/\r\nX: y"), -EINVAL);
}

static void test_locations(void **state)
{
	const char *base = "https://example.com/a/b?c";

	(void)state;
	assert_true(http_origin_names_user(base, "https://u:p@example.com/"));
	assert_true(http_origin_names_user(base, "https://u@example.com/"));
	assert_true(http_origin_names_user(base, "//u:p@example.com/"));
	assert_true(http_origin_names_user(base, "ftp://u:p@example.com/"));
	assert_false(http_origin_names_user(base, "https://example.com/u:p@x"));
	assert_false(http_origin_names_user(base, "/u:p@x"));
	assert_false(http_origin_names_user(base, "u@x"));
	assert_false(http_origin_names_user(base, "?u:p@x"));
	assert_false(http_origin_names_user(base, ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_origins),
		cmocka_unit_test(test_locations),
	};

	return cmocka_run_group_tests_name("http origin", tests, NULL, NULL);
}
