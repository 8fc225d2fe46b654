/* SPDX-License-Identifier: MIT */
/* Which hosts need no proxy, and which URLs go by which. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <glib.h>
#include <stdlib.h>

#include "http/route.h"

static void test_lists(void **state)
{
	static const struct {
		const char *list, *host;
		bool is_listed;
	} rows[] = {
		{"*", "example.com", true},
		{"example.com", "example.com", true},
		{"example.com", "EXAMPLE.com", true},
		{"example.com", "api.example.com", true},
		{".example.com", "api.example.com", true},
		{".example.com", "example.com", true},
		{"example.com", "notexample.com", false},
		{"api.example.com", "example.com", false},
		{"a.org, example.com", "example.com", true},
		{"a.org example.com", "example.com", true},
		{"", "example.com", false},
		{".", "example.com", false},
		{" , ", "example.com", false},
		{"10.0.0.0/8", "10.200.3.4", true},
		{"10.0.0.0/8", "11.0.0.1", false},
		{"192.168.4.0/22", "192.168.7.255", true},
		{"192.168.4.0/22", "192.168.8.0", false},
		{"10.0.0.1", "10.0.0.1", true},
		{"10.0.0.1", "10.0.0.11", false},
		{"0.0.0.0/0", "8.8.8.8", true},
		{"10.0.0.0/33", "10.0.0.0", false},
		{"10.0.0.0/", "10.0.0.0", false},
		{"fd00::/8", "fd12::1", true},
		{"fd00::/8", "fe80::1", false},
		{"::1", "0:0:0:0:0:0:0:1", true},
		{"10.0.0.0/8", "example.com", false},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		if (http_route_lists(rows[i].list, rows[i].host) != rows[i].is_listed)
			fail_msg("\"%s\" and %s", rows[i].list, rows[i].host);
}

static void check(const char *proxy, const char *base_url, const char *url, const char *name)
{
	struct http_route *r = NULL;
	char *reason = NULL;
	const struct http_proxy *p;

	assert_int_equal(http_route_new(proxy, NULL, base_url, &r, &reason), 0);
	p = http_route_proxy(r, url);
	if (name)
		assert_string_equal(p ? p->name : "none", name);
	else
		assert_null(p);
	http_route_free(r);
}

static void test_choice(void **state)
{
	const char *api = "https://webexapis.com/v1", *here = "http://127.0.0.1:8080/v1";

	(void)state;
	check(NULL, api, api, NULL);
	setenv("all_proxy", "socks5h://ann:secret@all.example:1", 1);
	check(NULL, api, api, "socks5h://all.example:1");
	setenv("https_proxy", "", 1);
	check(NULL, api, api, "socks5h://all.example:1");
	setenv("https_proxy", "secure.example:3128", 1);
	check(NULL, api, api, "http://secure.example:3128");
	/* What is not asked need not be right. */
	setenv("http_proxy", "nonsense://", 1);
	check(NULL, api, api, "http://secure.example:3128");
	setenv("http_proxy", "http://plain.example", 1);
	check(NULL, here, here, NULL);
	setenv("http_proxy", "http://[::1]:3128", 1);
	check(NULL, here, here, "http://[::1]:3128");
	check("off", here, here, NULL);
	check("off", api, api, NULL);
	setenv("no_proxy", "webexapis.com", 1);
	check(NULL, api, api, NULL);
	check(NULL, api, "https://files.example.com/1", "http://secure.example:3128");
	check("https://ann:secret@given.example:8443", api, api, "https://given.example:8443");
	assert_null(http_route_proxy(NULL, api));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_choice),
	};
	static const char *const names[] = {"https_proxy", "HTTPS_PROXY",    "http_proxy",
					    "all_proxy",   "ALL_PROXY",	     "no_proxy",
					    "NO_PROXY",	   "CURL_CA_BUNDLE", "SSL_CERT_FILE",
					    "SSL_CERT_DIR"};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		unsetenv(names[i]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
