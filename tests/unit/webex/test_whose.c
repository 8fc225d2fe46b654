/* SPDX-License-Identifier: MIT */
/* Whose a new token is. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "base/cleanup.h"
#include "kit.h"

#define MANY 8

static void check_and_free(struct ticket *t, int error)
{
	assert_int_equal(ticket_wait(t)->error, error);
	ticket_free(t);
}

#define ME "{\"id\":\"ME\",\"emails\":[\"me@example.com\"]}"
#define BOB "{\"id\":\"BOB\",\"emails\":[\"bob@example.com\"]}"
#define NO_TOKEN "{\"message\":\"The request requires a valid access token.\"}"

/* Answers people/me for each token but the first; all other requests accept any token but the
 * first. */
static enum fake_then ask_whose(void *arg, const struct fake_request *req, GString *out)
{
	const char *token = strstr(req->head, "Bearer token-");
	char who = token ? token[strlen("Bearer token-")] : '1';
	bool is_check = strstr(req->head, "/people/me") != NULL;

	(void)arg;
	if (who == '1')
		fake_answer(out, 401, "", NO_TOKEN);
	else if (is_check && who == 'n')
		fake_answer(out, 404, "", NO_TOKEN);
	else
		fake_answer(out, 200, "", who == 'b' ? BOB : ME);
	return FAKE_KEEP;
}

static void expect_person(struct kit *k, int error, const char *words)
{
	struct ticket *t = ticket_new(k);
	const struct webex_reply *reply;

	webex_get_room(k->client, "PPP", kit_done, t);
	reply = ticket_wait(t);
	assert_int_equal(reply->error, error);
	if (words)
		assert_non_null(strstr(reply->message, words));
	ticket_free(t);
}

static int count_bearer(struct kit *k, const char *token, bool is_check)
{
	_cleanup_gfree_ char *bearer = g_strconcat("Bearer ", token, "\r\n", NULL);
	int n = 0;

	for (int i = 1; i <= fake_requests(k->server); i++) {
		const char *head = fake_request_nth(k->server, i)->head;

		n += strstr(head, bearer) && !strstr(head, "/people/me") == !is_check;
	}
	return n;
}

static void test_the_token_of_somebody_else(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, ask_whose, NULL, NULL);
	webex_client_set_person(k.client, "ME", "me@example.com");
	kit_write(&k, "token", "token-bob");
	for (int i = 0; i < 3; i++)
		expect_person(&k, -EACCES, "somebody else");
	assert_int_equal(count_bearer(&k, "token-bob", true), 1);
	assert_int_equal(count_bearer(&k, "token-bob", false), 0);
	kit_stop(&k);
}

/* Many wait for one question. */
static void test_another_token_of_the_same_person(void **state)
{
	struct ticket *tickets[MANY];
	struct kit k;

	(void)state;
	kit_start(&k, ask_whose, NULL, NULL);
	webex_client_set_person(k.client, "ME", NULL);
	kit_write(&k, "token", "token-me");
	for (int i = 0; i < MANY; i++) {
		tickets[i] = ticket_new(&k);
		webex_get_room(k.client, "PPP", kit_done, tickets[i]);
	}
	for (int i = 0; i < MANY; i++)
		check_and_free(tickets[i], 0);
	assert_int_equal(count_bearer(&k, "token-me", true), 1);
	kit_stop(&k);
}

/* No answer is no proof: the calls get an error of the network, and the old token stays in use. */
static void test_whose_it_is_cannot_be_asked(void **state)
{
	struct kit k;
	struct ticket *t;
	const struct webex_reply *reply;

	(void)state;
	kit_start(&k, ask_whose, NULL, NULL);
	webex_client_set_person(k.client, "ME", NULL);
	kit_write(&k, "token", "token-none");
	t = ticket_new(&k);
	webex_get_room(k.client, "PPP", kit_done, t);
	reply = ticket_wait(t);
	assert_int_equal(reply->error, -EIO);
	assert_true(reply->is_network);
	assert_false(reply->may_have_applied);
	ticket_free(t);
	/* While the source is not asked again, the same. */
	expect_person(&k, -EIO, "people/me");
	assert_int_equal(count_bearer(&k, "token-none", false), 0);
	kit_stop(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_token_of_somebody_else),
		cmocka_unit_test(test_another_token_of_the_same_person),
		cmocka_unit_test(test_whose_it_is_cannot_be_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
