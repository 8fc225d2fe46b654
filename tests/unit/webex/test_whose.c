/* SPDX-License-Identifier: MIT */
/* Whose a new token is, and what is told of the login. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "base/cleanup.h"
#include "kit.h"
#include "webex/login.h"

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

struct watched {
	GString *told;
	char *words;
	int renewals;
};

static void on_login(void *arg, enum webex_login state, const char *words)
{
	struct watched *w = arg;

	g_string_append(w->told, state == WEBEX_LOGIN_GOOD ? "good " : "needed ");
	assert_int_equal(words != NULL, state == WEBEX_LOGIN_NEEDED);
	if (words) {
		g_free(w->words);
		w->words = g_strdup(words);
	}
}

static void on_renewed(void *arg)
{
	struct watched *w = arg;

	w->renewals++;
}

static void nothing(void *arg)
{
	(void)arg;
}

static void assert_watched(struct kit *k, struct watched *w, const char *told, int renewals)
{
	work_call(k->queue, nothing, NULL);
	assert_string_equal(w->told->str, told);
	assert_int_equal(w->renewals, renewals);
}

static void test_the_login_is_told(void **state)
{
	struct watched w = {.told = g_string_new(NULL)};
	struct webex_watcher watcher = {on_login, on_renewed, &w};
	struct kit k;

	(void)state;
	kit_start(&k, ask_whose, NULL, NULL);
	webex_client_set_person(k.client, "ME", NULL);
	webex_client_watch(k.client, &watcher);
	assert_watched(&k, &w, "", 0);
	expect_person(&k, -EACCES, "valid access token");
	expect_person(&k, -EACCES, "valid access token");
	assert_watched(&k, &w, "needed ", 0);
	assert_non_null(strstr(w.words, "/token"));
	/* The network's fault is none of the token's, nor is a 404 of people/me. */
	kit_write(&k, "token", "token-none");
	expect_person(&k, -EIO, "people/me");
	assert_watched(&k, &w, "needed ", 0);
	/* It is found in the file without a call. */
	kit_write(&k, "token", "token-me");
	for (int i = 0; i < 10000 && count_bearer(&k, "token-me", true) == 0; i++)
		g_usleep(1000);
	expect_person(&k, 0, NULL);
	assert_watched(&k, &w, "needed good ", 1);
	assert_int_equal(count_bearer(&k, "token-me", true), 1);
	kit_stop(&k);
	g_string_free(w.told, TRUE);
	g_free(w.words);
}

/* Without network only the person has said whose the token is: it is asked for before it is used. */
static void test_a_doubted_token(void **state)
{
	struct watched w = {.told = g_string_new(NULL)};
	struct webex_watcher watcher = {on_login, on_renewed, &w};
	struct kit k;

	(void)state;
	kit_start(&k, ask_whose, NULL, "echo token-bob");
	webex_client_set_person(k.client, "ME", NULL);
	webex_client_doubt_token(k.client);
	webex_client_watch(k.client, &watcher);
	expect_person(&k, -EACCES, "somebody else");
	assert_watched(&k, &w, "needed ", 0);
	assert_int_equal(count_bearer(&k, "token-bob", false), 0);
	kit_stop(&k);
	kit_start(&k, ask_whose, NULL, "echo token-me");
	webex_client_set_person(k.client, "ME", NULL);
	webex_client_doubt_token(k.client);
	webex_client_watch(k.client, &watcher);
	for (int i = 0; i < 3; i++)
		expect_person(&k, 0, NULL);
	assert_watched(&k, &w, "needed good ", 1);
	assert_int_equal(count_bearer(&k, "token-me", true), 1);
	kit_stop(&k);
	g_string_free(w.told, TRUE);
	g_free(w.words);
}

/* Answers may come late: those to a request from before the refusal say nothing of what is now. */
static void test_the_turns_of_a_login(void **state)
{
	struct webex_login_state l = {WEBEX_LOGIN_UNKNOWN, 0};
	unsigned first = l.turn;

	(void)state;
	assert_true(login_accepted(&l, first));
	assert_false(login_accepted(&l, first));
	assert_true(login_refused(&l, first));
	assert_false(login_accepted(&l, first));
	assert_false(login_refused(&l, first));
	assert_int_equal(l.state, WEBEX_LOGIN_NEEDED);
	assert_true(login_accepted(&l, l.turn));
	assert_false(login_refused(&l, first));
	assert_int_equal(l.state, WEBEX_LOGIN_GOOD);
	assert_true(login_refused(&l, l.turn));
	assert_false(login_renewed(&l, false));
	assert_int_equal(l.state, WEBEX_LOGIN_NEEDED);
	assert_true(login_renewed(&l, true));
	assert_int_equal(l.state, WEBEX_LOGIN_GOOD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_token_of_somebody_else),
		cmocka_unit_test(test_another_token_of_the_same_person),
		cmocka_unit_test(test_whose_it_is_cannot_be_asked),
		cmocka_unit_test(test_the_login_is_told),
		cmocka_unit_test(test_a_doubted_token),
		cmocka_unit_test(test_the_turns_of_a_login),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
