/* SPDX-License-Identifier: MIT */
/* What OAuth's answers say, also hostile ones, and what a login's file may hold. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "webex/oauth.h"
#include "webex/token.h"

static int tokens(const char *json, struct webex_grant *g)
{
	return webex_oauth_tokens(json, strlen(json), g);
}

static void test_tokens(void **state)
{
	struct webex_grant g;

	(void)state;
	assert_int_equal(
		tokens("{\"access_token\":\"A_1\",\"refresh_token\":\"R\",\"expires_in\":12,"
		       "\"refresh_token_expires_in\":\"34\",\"scope\":\"spark:all\"}",
		       &g),
		0);
	assert_string_equal(g.access, "A_1");
	assert_string_equal(g.refresh, "R");
	assert_int_equal(g.access_s, 12);
	assert_int_equal(g.refresh_s, 34);
	assert_string_equal(g.scope, "spark:all");
	webex_grant_clear(&g);
	/* What is no token is not there; a life that is none is not known. */
	assert_int_equal(
		tokens("{\"access_token\":\"A\",\"refresh_token\":\"a b\",\"expires_in\":-5,"
		       "\"refresh_token_expires_in\":1e300,\"scope\":\"a\\nb\"}",
		       &g),
		0);
	assert_null(g.refresh);
	assert_int_equal(g.access_s, 0);
	assert_int_equal(g.refresh_s, 315360000);
	assert_string_equal(g.scope, "a b");
	webex_grant_clear(&g);
	/* Bytes that are no UTF-8 elsewhere in the answer cost no token. */
	assert_int_equal(tokens("{\"access_token\":\"A_1\",\"scope\":\"\xff\"}", &g), 0);
	assert_string_equal(g.access, "A_1");
	webex_grant_clear(&g);
}

static void test_no_tokens(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"null",
		"{}",
		"{\"access_token\":\"\"}",
		"{\"access_token\":7}",
		"{\"access_token\":\"a b\"}",
		"{\"access_token\":\"a\\u0000b\"",
		"{\"access_token\":\"\\u00e9\"}",
		"{\"access_token\":\"a\"",
	};
	g_autofree char *filler = g_strnfill(WEBEX_TOKEN_MAX + 1, 'x');
	g_autofree char *huge = g_strdup_printf("{\"access_token\":\"%s\"}", filler);
	struct webex_grant g;

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		assert_int_equal(tokens(bad[i], &g), -EBADMSG);
	assert_int_equal(tokens(huge, &g), -EBADMSG);
}

static int device(const char *uri, const char *complete, struct webex_device *d)
{
	g_autofree char *json = g_strdup_printf(
		"{\"device_code\":\"D\",\"user_code\":\"123456\",\"verification_uri\":\"%s\","
		"\"verification_uri_complete\":\"%s\",\"expires_in\":1e9}",
		uri, complete);

	return webex_oauth_device(json, strlen(json), d);
}

/* A person is asked to open the address. */
static void test_addresses(void **state)
{
	static const char *const bad[] = {"http://evil.example/",
					  "javascript:alert(1)",
					  "file:///etc/passwd",
					  "https://u@evil.example/",
					  "http://127.0.0.1:80@evil.example/",
					  "",
					  "https://a b/"};
	struct webex_device d;

	(void)state;
	assert_int_equal(device("https://a.example/v", "https://a.example/v?c=1", &d), 0);
	assert_string_equal(d.uri_complete, "https://a.example/v?c=1");
	assert_int_equal(d.interval_s, 5);
	assert_int_equal(d.expires_s, 86400);
	webex_device_clear(&d);
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		assert_int_equal(device(bad[i], "https://a.example/", &d), -EBADMSG);
		assert_int_equal(device("http://127.0.0.1:80/v", bad[i], &d), 0);
		assert_null(d.uri_complete);
		webex_device_clear(&d);
	}
}

static void assert_error(int status, const char *body, enum webex_oauth_error want)
{
	char *words = NULL;

	assert_int_equal(webex_oauth_error(status, body, body ? strlen(body) : 0, &words),
			 want);
	g_free(words);
}

static void test_errors(void **state)
{
	static const char hostile[] = "{\"error\":\"invalid_scope\","
				      "\"error_description\":\"no \\u001b[31m such\"}";
	char *words;

	(void)state;
	assert_error(428, NULL, WEBEX_OAUTH_PENDING);
	assert_error(429, "<html>", WEBEX_OAUTH_SLOW_DOWN);
	assert_error(400, "{\"message\":\"authorization_pending\"}", WEBEX_OAUTH_PENDING);
	assert_error(400, "{\"errors\":[{\"description\":\"slow_down\"}]}",
		     WEBEX_OAUTH_SLOW_DOWN);
	assert_error(400, "{\"error\":\"access_denied\"}", WEBEX_OAUTH_DENIED);
	assert_error(400, "{\"error_description\":\"tokenlimit_reached\"}", WEBEX_OAUTH_LIMIT);
	assert_error(
		400,
		"{\"message\":\"x\",\"errors\":[{\"description\":\"Client Id is invalid\"}]}",
		WEBEX_OAUTH_CLIENT);
	assert_error(400, "{\"error\":\"invalid_grant\"}", WEBEX_OAUTH_GRANT);
	assert_error(400, "{\"message\":\"The redirect_uri is not registered\"}",
		     WEBEX_OAUTH_REDIRECT);
	assert_error(400, "{\"errors\":{},\"message\":7}", WEBEX_OAUTH_OTHER);
	/* The words are one line that a terminal can be shown. */
	assert_int_equal(webex_oauth_error(400, hostile, strlen(hostile), &words),
			 WEBEX_OAUTH_SCOPE);
	assert_string_equal(words, "invalid_scope: no [31m such");
	g_free(words);
}

static void test_forms(void **state)
{
	g_autoptr(GString) form = g_string_new(NULL);
	g_autofree char *basic = webex_basic("id", "pass:word");

	(void)state;
	webex_form_add(form, "a", "1 2&3");
	webex_form_add(form, "b", "\xc3\xa9+");
	assert_string_equal(form->str, "a=1%202%263&b=%C3%A9%2B");
	assert_string_equal(basic, "aWQ6cGFzczp3b3Jk");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tokens),	  cmocka_unit_test(test_no_tokens),
		cmocka_unit_test(test_addresses), cmocka_unit_test(test_errors),
		cmocka_unit_test(test_forms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
