/* SPDX-License-Identifier: MIT */
/* Whose turn it is, and that nobody has all places on the wire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "base/cleanup.h"
#include "client.h"

#define HOG ((struct http_asker){.user = 1, .session = 7, .topic = 3})
#define HOGS_OTHER ((struct http_asker){.user = 1, .session = 7, .topic = 4})
#define NEIGHBOUR ((struct http_asker){.user = 1, .session = 8, .topic = 3})
#define STRANGER ((struct http_asker){.user = 2, .session = 9, .topic = 3})
#define NOBODY ((struct http_asker){.user = 0})

static bool goes_first(const struct http_turns *t, struct http_asker a, struct http_asker b)
{
	return http_turns_before(t, &a, &b);
}

static void had_turn(struct http_turns *t, struct http_asker who)
{
	http_turns_note(t, &who);
}

static void test_turns_go_round(void **state)
{
	struct http_turns *t = http_turns_new();

	(void)state;
	/* Nobody had one: they go in the order in which they came. */
	assert_false(goes_first(t, STRANGER, HOG));
	assert_false(goes_first(t, HOG, STRANGER));
	had_turn(t, HOG);
	assert_true(goes_first(t, STRANGER, HOG));
	assert_true(goes_first(t, NEIGHBOUR, HOG));
	assert_true(goes_first(t, HOGS_OTHER, HOG));
	assert_true(goes_first(t, NOBODY, HOG));
	assert_false(goes_first(t, HOG, HOG));
	/* What a user's one session had counts for him, too. */
	had_turn(t, NEIGHBOUR);
	assert_true(goes_first(t, HOG, NEIGHBOUR));
	assert_true(goes_first(t, STRANGER, HOG));
	had_turn(t, STRANGER);
	assert_true(goes_first(t, NEIGHBOUR, STRANGER));
	assert_true(goes_first(t, HOG, NEIGHBOUR));
	http_turns_free(&t);
	assert_null(t);
}

/* So many of `places` it gets where others have some. */
static int places_of(struct http_asker who, struct http_asker other, int others, int places)
{
	struct http_places n = {.all = 0};
	int got = 0;

	for (int i = 0; i < others; i++)
		http_places_count(&n, &who, &other);
	for (; http_places_left(&n, &who, places); got++)
		http_places_count(&n, &who, &who);
	return got;
}

static void test_nobody_has_all_places(void **state)
{
	(void)state;
	assert_int_equal(places_of(HOG, HOG, 0, 32), 16);
	assert_int_equal(places_of(HOG, HOGS_OTHER, 16, 32), 8);
	/* What is left when one session has all that it can have. */
	assert_int_equal(places_of(HOG, HOGS_OTHER, 24, 32), 0);
	assert_true(places_of(NEIGHBOUR, HOG, 24, 32) > 0);
	assert_true(places_of(STRANGER, HOG, 28, 32) > 0);
	assert_int_equal(places_of(HOG, HOGS_OTHER, 28, 32), 0);
	/* The outbox and the polls are bound by nothing but the lane. */
	assert_int_equal(places_of(NOBODY, HOG, 0, 8), 8);
	assert_int_equal(places_of(HOG, HOG, 0, 1), 1);
}

static enum fake_then hang_all(void *arg, const struct fake_request *req, GString *answer)
{
	(void)arg;
	if (!strstr(req->head, "/quick"))
		return FAKE_HANG;
	fake_answer(answer, 200, "", "{}");
	return FAKE_KEEP;
}

static struct http_request *ask(struct client *c, const char *path, struct http_asker who)
{
	struct http_asker before = http_ask_for(who);
	struct http_request *req = client_request(c, HTTP_GET, path);

	assert_memory_equal(&req->asker, &who, sizeof(who));
	http_ask_for(before);
	return req;
}

static void test_hung_requests_of_one_leave_places_to_all_others(void **state)
{
	struct pending *hung[2 * HTTP_MAX_READS];
	struct client c;

	(void)state;
	client_start(&c, hang_all, NULL, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(hung); i++)
		hung[i] = client_submit(&c, ask(&c, "/", HOG));
	assert_true(fake_wait_requests(c.server, HTTP_MAX_READS / 2));
	{
		_cleanup_response_ struct http_response *other =
			client_run(&c, ask(&c, "/quick", HOGS_OTHER));
		_cleanup_response_ struct http_response *stranger =
			client_run(&c, ask(&c, "/quick", STRANGER));

		assert_int_equal(other->status, 200);
		assert_int_equal(stranger->status, 200);
	}
	assert_int_equal(fake_requests(c.server), HTTP_MAX_READS / 2 + 2);
	http_loop_stop(&c.loop);
	for (size_t i = 0; i < G_N_ELEMENTS(hung); i++)
		http_response_free(pending_wait(hung[i]));
	fake_stop(&c.server);
}

static enum fake_then answer_ok(void *arg, const struct fake_request *req, GString *answer)
{
	(void)arg;
	(void)req;
	fake_answer(answer, 200, "", "{}");
	return FAKE_KEEP;
}

/* The rate lets one through in a second: who comes last of many is the second all the same. */
static void test_who_asks_once_does_not_wait_behind_who_asks_often(void **state)
{
	struct pending *many[40], *one;
	struct client c;
	int before;

	(void)state;
	client_start(&c, answer_ok, NULL, 60);
	for (int i = 0; i < 60; i++)
		http_response_free(client_run(&c, ask(&c, "/", HOG)));
	for (size_t i = 0; i < G_N_ELEMENTS(many); i++)
		many[i] = client_submit(&c, ask(&c, "/", HOG));
	assert_true(client_wait(&c, 0, (int)G_N_ELEMENTS(many)) ||
		    fake_requests(c.server) > 60);
	before = fake_requests(c.server);
	one = client_submit(&c, ask(&c, "/", NEIGHBOUR));
	{
		_cleanup_response_ struct http_response *r = pending_wait(one);

		assert_int_equal(r->status, 200);
	}
	/* The machine may be slow, and a second lasts 20 ms here. */
	assert_true(fake_requests(c.server) < before + 20);
	http_loop_stop(&c.loop);
	for (size_t i = 0; i < G_N_ELEMENTS(many); i++)
		http_response_free(pending_wait(many[i]));
	fake_stop(&c.server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_turns_go_round),
		cmocka_unit_test(test_nobody_has_all_places),
		cmocka_unit_test(test_hung_requests_of_one_leave_places_to_all_others),
		cmocka_unit_test(test_who_asks_once_does_not_wait_behind_who_asks_often),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
