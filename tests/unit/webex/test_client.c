/* SPDX-License-Identifier: MIT */
/* The life of a call: new tokens, cancelling, tearing down. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kit.h"

#define PERSON "{\"id\":\"PPP\"}"
#define MANY 8

/* Says what the token file says, and leaves a mark a run. */
#define COUNTING "echo >>\"$DIR/runs\"; cat \"$DIR/token\""
/* The same, but every run after the first waits for the file "go". */
#define WAITING                                                                                \
	"echo >>\"$DIR/runs\"; if [ -e \"$DIR/second\" ]; then echo >\"$DIR/asked\"; "         \
	"while [ ! -e \"$DIR/go\" ]; do sleep 0.01; done; fi; >\"$DIR/second\"; "              \
	"cat \"$DIR/token\""

/* 401 to all but the bearer token-2. */
static enum fake_then want_second(void *arg, const struct fake_request *req, GString *out)
{
	_cleanup_gfree_ char *bearer = fake_field(req, "Authorization");

	(void)arg;
	if (bearer && strcmp(bearer, "Bearer token-2") == 0)
		fake_answer(out, 200, "", PERSON);
	else
		fake_answer(out, 401, "", "{\"message\":\"The request requires a token.\"}");
	return FAKE_KEEP;
}

static enum fake_then hang(void *arg, const struct fake_request *req, GString *out)
{
	(void)arg;
	(void)req;
	(void)out;
	return FAKE_HANG;
}

static void check_and_free(struct ticket *t, int error)
{
	assert_int_equal(ticket_wait(t)->error, error);
	ticket_free(t);
}

static void test_token_file_changed(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, want_second, NULL, NULL);
	kit_write(&k, "token", "token-2");
	struct ticket *t = ticket_new(&k);
	webex_get_me(k.client, kit_done, t);
	check_and_free(t, 0);
	assert_int_equal(fake_requests(k.server), 2);
	/* And from now on at once. */
	t = ticket_new(&k);
	webex_get_me(k.client, kit_done, t);
	check_and_free(t, 0);
	assert_int_equal(fake_requests(k.server), 3);
	kit_stop(&k);
}

/* The old token dies first, the new one is in the file a moment later. */
static void test_token_file_changes_late(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, want_second, NULL, NULL);
	for (int i = 0; i < 2; i++) {
		struct ticket *t = ticket_new(&k);
		webex_get_me(k.client, kit_done, t);
		check_and_free(t, -EACCES);
	}
	assert_int_equal(fake_requests(k.server), 2);
	kit_write(&k, "token", "token-2");
	struct ticket *t = ticket_new(&k);
	webex_get_me(k.client, kit_done, t);
	check_and_free(t, 0);
	assert_int_equal(fake_requests(k.server), 4);
	kit_stop(&k);
}

static void test_body_is_sent_again(void **state)
{
	struct webex_post p = {.room_id = "RRR", .text = "x", .fd = -1};
	struct kit k;

	(void)state;
	kit_start(&k, want_second, NULL, NULL);
	kit_write(&k, "token", "token-2");
	struct ticket *t = ticket_new(&k);
	webex_post_message(k.client, &p, kit_done, t);
	/* The server's answer is no message, but the post went out. */
	check_and_free(t, -EIO);
	assert_int_equal(fake_requests(k.server), 2);
	assert_string_equal(fake_request_nth(k.server, 1)->body,
			    fake_request_nth(k.server, 2)->body);
	kit_stop(&k);
}

static void test_one_reload_for_all(void **state)
{
	struct ticket *tickets[MANY];
	struct kit k;

	(void)state;
	kit_start(&k, want_second, NULL, WAITING);
	assert_int_equal(kit_file_size(&k, "runs"), 1);
	for (int i = 0; i < MANY; i++) {
		tickets[i] = ticket_new(&k);
		webex_get_me(k.client, kit_done, tickets[i]);
	}
	assert_true(fake_wait_requests(k.server, MANY));
	kit_wait_file(&k, "asked");
	kit_write(&k, "token", "token-2");
	kit_write(&k, "go", "go");
	for (int i = 0; i < MANY; i++)
		check_and_free(tickets[i], 0);
	assert_int_equal(kit_file_size(&k, "runs"), 2);
	assert_int_equal(fake_requests(k.server), 2 * MANY);
	kit_stop(&k);
}

static void test_same_token_again(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, want_second, NULL, COUNTING);
	for (int i = 1; i <= 3; i++) {
		struct ticket *t = ticket_new(&k);
		webex_get_me(k.client, kit_done, t);
		struct webex_reply *r = ticket_wait(t);
		assert_int_equal(r->error, -EACCES);
		assert_int_equal(r->status, 401);
		assert_false(r->is_network);
		assert_string_equal(r->message, "The request requires a token.");
		ticket_free(t);
		/* The command is not run at every request, and the request is not repeated. */
		assert_int_equal(kit_file_size(&k, "runs"), 2);
		assert_int_equal(fake_requests(k.server), i);
	}
	kit_stop(&k);
}

static void test_new_token_is_bad_too(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, want_second, NULL, NULL);
	kit_write(&k, "token", "token-3");
	struct ticket *t = ticket_new(&k);
	webex_get_me(k.client, kit_done, t);
	check_and_free(t, -EACCES);
	assert_int_equal(fake_requests(k.server), 2);
	kit_stop(&k);
}

static void test_source_is_broken(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, want_second, NULL, NULL);
	kit_write(&k, "token", "");
	struct ticket *t = ticket_new(&k);
	webex_get_me(k.client, kit_done, t);
	check_and_free(t, -EACCES);
	kit_stop(&k);
}

/* Until `n` calls met a 401. */
static void wait_for_waiting(struct kit *k, int n)
{
	struct http_stats stats = {0};

	for (int i = 0; i < 10000 && stats.waiting < n; i++) {
		g_usleep(1000);
		http_loop_stats(k->loop, &stats);
	}
	assert_int_equal(stats.waiting, n);
}

/* A kit whose calls `one` and `two` wait for a token that does not come. */
static void start_waiting(struct kit *k, int timeout_ms, struct ticket **one, uint64_t *id_one,
			  struct ticket **two, uint64_t *id_two)
{
	kit_start(k, want_second, NULL, WAITING);
	kit_configure(k, timeout_ms, false);
	*one = ticket_new(k);
	*two = ticket_new(k);
	*id_one = webex_get_me(k->client, kit_done, *one);
	*id_two = webex_get_me(k->client, kit_done, *two);
	wait_for_waiting(k, 2);
	kit_wait_file(k, "asked");
}

static void test_cancel_while_waiting(void **state)
{
	struct ticket *one, *two;
	uint64_t id_one, id_two;
	struct kit k;

	(void)state;
	start_waiting(&k, 0, &one, &id_one, &two, &id_two);
	webex_cancel(k.client, id_one);
	check_and_free(one, -ECANCELED);
	assert_false(ticket_is_done(two));
	webex_cancel(k.client, id_one);
	assert_false(webex_withdraw(k.client, id_one));
	assert_true(webex_withdraw(k.client, id_two));
	struct webex_reply *r = ticket_wait(two);
	assert_int_equal(r->error, -ECANCELED);
	assert_false(r->may_have_applied);
	ticket_free(two);
	kit_write(&k, "go", "go");
	kit_stop(&k);
}

static void test_time_out_while_waiting(void **state)
{
	struct ticket *one, *two;
	uint64_t id_one, id_two;
	struct kit k;

	(void)state;
	start_waiting(&k, 1000, &one, &id_one, &two, &id_two);
	check_and_free(one, -ETIMEDOUT);
	check_and_free(two, -ETIMEDOUT);
	kit_stop(&k);
}

static void test_stop_while_waiting(void **state)
{
	struct ticket *one, *two;
	uint64_t id_one, id_two;
	struct kit k;

	(void)state;
	start_waiting(&k, 0, &one, &id_one, &two, &id_two);
	webex_client_stop(k.client);
	check_and_free(one, -ESHUTDOWN);
	check_and_free(two, -ESHUTDOWN);
	struct ticket *late = ticket_new(&k);
	webex_get_me(k.client, kit_done, late);
	check_and_free(late, -ESHUTDOWN);
	kit_stop(&k);
}

/* While the queue runs dry, what ended starts and cancels more. */
static void test_calls_after_the_loop_is_gone(void **state)
{
	struct kit k;

	(void)state;
	kit_start(&k, hang, NULL, NULL);
	struct ticket *t = ticket_new(&k);
	uint64_t id = webex_get_me(k.client, kit_done, t);
	webex_client_stop(k.client);
	http_loop_stop(&k.loop);
	check_and_free(t, -ESHUTDOWN);
	webex_cancel(k.client, id);
	webex_resume(k.client, id);
	assert_false(webex_withdraw(k.client, id));
	t = ticket_new(&k);
	id = webex_get_me(k.client, kit_done, t);
	assert_int_not_equal(id, 0);
	assert_false(webex_cut(k.client, id));
	check_and_free(t, -ESHUTDOWN);
	t = ticket_new(&k);
	webex_get_room(k.client, "no id/", kit_done, t);
	check_and_free(t, -EINVAL);
	kit_stop(&k);
}

static void test_end_on_the_wire(void **state)
{
	struct webex_post p = {.room_id = "RRR", .text = "x", .fd = -1};
	struct kit k;

	(void)state;
	kit_start(&k, hang, NULL, NULL);
	struct ticket *t = ticket_new(&k);
	uint64_t id = webex_post_message(k.client, &p, kit_done, t);
	assert_true(fake_wait_requests(k.server, 1));
	assert_false(webex_withdraw(k.client, id));
	webex_cancel(k.client, id);
	struct webex_reply *r = ticket_wait(t);
	assert_int_equal(r->error, -ECANCELED);
	assert_true(r->may_have_applied);
	assert_false(r->is_network);
	ticket_free(t);

	kit_configure(&k, 300, false);
	t = ticket_new(&k);
	webex_get_me(k.client, kit_done, t);
	r = ticket_wait(t);
	assert_int_equal(r->error, -ETIMEDOUT);
	assert_true(r->is_network);
	ticket_free(t);

	kit_configure(&k, 60000, false);
	t = ticket_new(&k);
	webex_get_me(k.client, kit_done, t);
	kit_stop(&k);
	check_and_free(t, -ESHUTDOWN);
}

static enum fake_then long_list(void *arg, const struct fake_request *req, GString *out)
{
	g_autoptr(GString) body = g_string_new("{\"items\":[");

	(void)arg;
	(void)req;
	for (int i = 0; i < 2000; i++)
		g_string_append_printf(body, "%s{\"id\":\"R%d\",\"title\":\"number %d\"}",
				       i ? "," : "", i, i);
	g_string_append(body, "]}");
	fake_answer(out, 200, "", body->str);
	return FAKE_KEEP;
}

/* While this runs on the queue, a long answer is read; it is told of there all the same. */
static void wait_for_parser(void *arg)
{
	struct kit *k = arg;
	struct ticket *t = ticket_new(k);
	struct webex_list l = {.max = 1000};

	webex_list_rooms(k->client, &l, kit_done, t);
	assert_true(fake_wait_requests(k->server, 1));
	assert_false(ticket_is_done(t));
	g_atomic_pointer_set(&k->arg, t);
}

static void test_long_answers(void **state)
{
	struct webex_reply *r;
	struct kit k;

	(void)state;
	kit_start(&k, long_list, NULL, NULL);
	work_post(k.queue, wait_for_parser, &k);
	while (!g_atomic_pointer_get(&k.arg))
		g_usleep(1000);
	r = ticket_wait(k.arg);
	assert_int_equal(r->error, 0);
	assert_int_equal(r->items->len, 2000);
	assert_string_equal(((struct webex_room *)r->items->pdata[1999])->title, "number 1999");
	ticket_free(k.arg);
	/* One that is parsed while everything ends. */
	struct ticket *t = ticket_new(&k);
	struct webex_list l = {.max = 1000};
	webex_list_rooms(k.client, &l, kit_done, t);
	assert_true(fake_wait_requests(k.server, 2));
	kit_stop(&k);
	assert_true(ticket_is_done(t));
	ticket_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_token_file_changed),
		cmocka_unit_test(test_token_file_changes_late),
		cmocka_unit_test(test_body_is_sent_again),
		cmocka_unit_test(test_one_reload_for_all),
		cmocka_unit_test(test_same_token_again),
		cmocka_unit_test(test_new_token_is_bad_too),
		cmocka_unit_test(test_source_is_broken),
		cmocka_unit_test(test_cancel_while_waiting),
		cmocka_unit_test(test_time_out_while_waiting),
		cmocka_unit_test(test_stop_while_waiting),
		cmocka_unit_test(test_calls_after_the_loop_is_gone),
		cmocka_unit_test(test_end_on_the_wire),
		cmocka_unit_test(test_long_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
