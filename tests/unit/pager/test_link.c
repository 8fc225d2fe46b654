/* SPDX-License-Identifier: MIT */
/* The events about the link, and the waiters that they wake. */
#include <errno.h>
#include <string.h>

#include "pager/present/link.h"
#include "pager_kit.h"

/* Long enough for no timer to come between; the test of the timer has a short one. */
#define LONG_MS 60000

static bool add_what(void *arg, const struct store_event *e)
{
	g_string_append(arg, e->what == STORE_EVENT_LINK_DOWN ? "down " : "up ");
	assert_string_equal(e->path, ".sparkfs/status.json");
	return true;
}

/* Owned. */
static char *told(struct world *w)
{
	GString *text = g_string_new(NULL);
	struct store_conn *conn;

	assert_int_equal(0, store_read_begin(w->store, &conn));
	assert_int_equal(0, store_events_after(conn, 0, add_what, text));
	store_read_end(conn);
	return g_string_free(text, FALSE);
}

static void assert_told(struct world *w, const char *expected)
{
	char *text = told(w);

	assert_string_equal(text, expected);
	g_free(text);
}

static struct server_link *online;

static void hear_nothing(struct world *w)
{
	(void)w;
	server_link_note(online, true);
	server_link_note(online, true);
}

static void hear_answer(struct world *w)
{
	(void)w;
	server_link_note(online, false);
}

static void begin_patient(struct world *w)
{
	online = server_link_new(w->store, w->queue, LONG_MS);
}

static void end(struct world *w)
{
	(void)w;
	server_link_stop(online);
	server_link_free(&online);
}

static void begin_hasty(struct world *w)
{
	online = server_link_new(w->store, w->queue, 1);
}

static void is_told_down(struct world *w)
{
	assert_told(w, "down ");
}

static void wait_told(struct world *w)
{
	while (store_event_last(w->store) == 0)
		g_usleep(1000);
}

static void test_one_failure_is_told_to_nobody(void **state)
{
	struct world *w = *state;

	on_queue(w, begin_patient);
	for (int i = 0; i < 20; i++) {
		on_queue(w, hear_nothing);
		on_queue(w, hear_answer);
	}
	assert_told(w, "");
	on_queue(w, end);
}

static void test_down_and_up_once_each(void **state)
{
	struct world *w = *state;

	on_queue(w, begin_hasty);
	on_queue(w, hear_nothing);
	wait_told(w);
	on_queue(w, hear_nothing);
	on_queue(w, is_told_down);
	on_queue(w, hear_answer);
	on_queue(w, hear_answer);
	assert_told(w, "down up ");
	on_queue(w, hear_nothing);
	on_queue(w, end);
}

static void test_what_was_said_last_still_holds(void **state)
{
	struct world *w = *state;

	on_queue(w, begin_hasty);
	on_queue(w, hear_nothing);
	wait_told(w);
	on_queue(w, end);
	on_queue(w, begin_patient);
	on_queue(w, hear_nothing);
	assert_told(w, "down ");
	on_queue(w, hear_answer);
	assert_told(w, "down up ");
	on_queue(w, end);
}

/* ---- waiters ---- */

static void wait_after(struct world *w, struct asker *a, int64_t cursor)
{
	*a = (struct asker){.waiter.fn = woken};
	pager_wait_event(w->pager, cursor, &a->waiter);
}

static void body_waiters(struct world *w)
{
	struct asker now, later, gone;
	guint requests = calls->len;

	wait_after(w, &now, store_event_last(w->store));
	wait_after(w, &gone, store_event_last(w->store));
	pager_unwait(w->pager, &gone.waiter, true);
	assert_int_equal(0, store_event_add(w->store, STORE_EVENT_LINK_UP, "x"));
	/* Nobody was woken yet; a reader that comes now must not wait for an event that exists. */
	wait_after(w, &later, store_event_last(w->store) - 1);
	assert_int_equal(1, later.calls);
	assert_int_equal(0, now.calls);
	pager_wake_events(w->pager);
	assert_int_equal(1, now.calls);
	assert_int_equal(0, now.error);
	assert_int_equal(0, gone.calls);
	assert_int_equal(requests, calls->len);
	wait_after(w, &now, store_event_last(w->store));
	pager_shutdown(w->pager);
	assert_int_equal(1, now.calls);
	assert_int_equal(-ESHUTDOWN, now.error);
}

CASE(waiters)

/* A need without a request proves nothing about the network. */
static void body_no_request(struct world *w)
{
	struct webex_room room = {.id = (char *)"DIRECT",
				  .title = (char *)"Bob",
				  .type = WEBEX_ROOM_DIRECT,
				  .created_ms = T0};
	struct need direct = {.kind = NEED_DIRECT, .key = "bob@example.com"};
	struct asker list, bob = {.waiter.fn = woken};
	struct pager_stats stats;
	int64_t row;

	assert_int_equal(0, store_apply_room(w->store, &room, 0, &row, NULL));
	assert_int_equal(0, store_set_direct_email(w->store, row, direct.key));
	ask(w, &list, NEED_ROOMS, 0);
	answer(0, NULL, NULL, -ECONNREFUSED, 0, true);
	pager_wait(w->pager, &direct, &bob.waiter);
	assert_int_equal(1, bob.calls);
	assert_int_equal(0, bob.error);
	assert_int_equal(1, calls->len);
	pager_get_stats(w->pager, &stats);
	assert_int_equal(T0, stats.offline_since_wall_ms);
	pager_shutdown(w->pager);
}

CASE(no_request)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_failure_is_told_to_nobody),
		TEST(down_and_up_once_each),
		TEST(what_was_said_last_still_holds),
		TEST(waiters),
		TEST(no_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
