/* SPDX-License-Identifier: MIT */
/* What answers may take in all: bodies and header fields (promise 5). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

#define LONG ((size_t)2 * 1024 * 1024)

/* True if nothing counts any more. */
static bool is_empty(void)
{
	bool is = http_bodies_take(HTTP_BODIES_MAX, false);

	if (is)
		http_bodies_give(HTTP_BODIES_MAX);
	return is;
}

static enum fake_then answer_long(void *arg, const struct fake_request *req, GString *answer)
{
	g_autofree char *body = g_strnfill(LONG, ' ');
	size_t *taken = arg;

	/* Others come while this answer does. */
	if (taken && !*taken) {
		*taken = HTTP_BODIES_MAX;
		http_bodies_take(*taken, true);
	}
	fake_answer(answer, 200, "", strstr(req->head, "/short") ? "{}" : body);
	return FAKE_KEEP;
}

static void test_reads_wait_while_bodies_are_many(void **state)
{
	struct pending *read, *write;
	struct client c;

	(void)state;
	client_start(&c, answer_long, NULL, 0);
	http_bodies_take(HTTP_BODIES_MAX, true);
	read = client_submit(&c, client_request(&c, HTTP_GET, "/"));
	write = client_submit(&c, client_request(&c, HTTP_DELETE, "/short"));
	{
		_cleanup_response_ struct http_response *r = pending_wait(write);

		assert_int_equal(r->status, 200);
	}
	assert_true(client_wait(&c, 0, 1));
	http_bodies_give(HTTP_BODIES_MAX);
	{
		_cleanup_response_ struct http_response *r = pending_wait(read);

		assert_int_equal(r->status, 200);
		assert_int_equal(r->body_len, LONG);
		assert_false(is_empty());
	}
	assert_true(is_empty());
	client_stop(&c);
}

static void test_a_body_beyond_comes_later(void **state)
{
	size_t taken = 0;
	struct pending *p;
	struct client c;

	(void)state;
	client_start(&c, answer_long, &taken, 0);
	p = client_submit(&c, client_request(&c, HTTP_GET, "/"));
	assert_true(fake_wait_requests(c.server, 1));
	/* It was given up, and waits. */
	assert_true(client_wait(&c, 0, 1));
	http_bodies_give(HTTP_BODIES_MAX);
	{
		_cleanup_response_ struct http_response *r = pending_wait(p);

		assert_int_equal(r->status, 200);
		assert_int_equal(r->body_len, LONG);
		assert_int_equal(r->attempts, 2);
	}
	assert_true(is_empty());
	client_stop(&c);
}

/* ---- header fields ---- */

static enum fake_then answer_fields(void *arg, const struct fake_request *req, GString *answer)
{
	g_autoptr(GString) fields = g_string_new("");
	const char *n = strstr(req->head, "/fields-");

	(void)arg;
	for (int i = 0; n && i < atoi(n + strlen("/fields-")); i++)
		g_string_append_printf(fields, "%s: <http://x/%d>\r\n",
				       i % 2 ? "Link" : "X-Other", i);
	if (strstr(req->head, "/long ")) {
		g_string_append(fields, "Link: ");
		for (int i = 0; i < 300000; i++)
			g_string_append_c(fields, 'x');
		g_string_append(fields, "\r\n");
	}
	fake_answer(answer, 200, fields->str, "{}");
	return FAKE_KEEP;
}

static void test_many_fields(void **state)
{
	struct client c;

	(void)state;
	client_start(&c, answer_fields, NULL, 0);
	{
		_cleanup_response_ struct http_response *r = client_get(&c, "/fields-400");

		assert_int_equal(r->status, 200);
		assert_true(g_str_has_suffix(r->link, "<http://x/397>, <http://x/399>"));
	}
	{
		_cleanup_response_ struct http_response *r = client_get(&c, "/fields-10000");

		assert_int_equal(r->error, -EMSGSIZE);
	}
	{
		_cleanup_response_ struct http_response *r = client_get(&c, "/long");

		assert_true(r->error < 0);
		assert_null(r->body);
	}
	assert_true(is_empty());
	client_stop(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_wait_while_bodies_are_many),
		cmocka_unit_test(test_a_body_beyond_comes_later),
		cmocka_unit_test(test_many_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
