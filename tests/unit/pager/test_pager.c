/* SPDX-License-Identifier: MIT */
/* The pager's promises, one by one. */
#include <errno.h>
#include <string.h>

#include "pager/internal.h"
#include "pager_kit.h"

/* ---- promises ---- */

static void body_single_flight(struct world *w)
{
	struct asker a, b;

	assert_int_equal(PAGER_FETCH, verdict(w, NEED_ROOMS, 0, false));
	assert_int_equal(PAGER_REFRESH, verdict(w, NEED_ROOMS, 0, true));
	ask(w, &a, NEED_ROOMS, 0);
	ask(w, &b, NEED_ROOMS, 0);
	assert_int_equal(1, calls->len);
	answer(0, rooms("ROOM1", "ROOM2", NULL), NULL, 0, 200, false);
	assert_int_equal(1, a.calls);
	assert_int_equal(1, b.calls);
	assert_int_equal(0, a.error);
	assert_int_equal(PAGER_USE, verdict(w, NEED_ROOMS, 0, true));
	now_ms += 2999;
	assert_int_equal(PAGER_USE, verdict(w, NEED_ROOMS, 0, false));
	now_ms += 2;
	assert_int_equal(PAGER_REFRESH, verdict(w, NEED_ROOMS, 0, true));
	assert_true(w->changes > 0);
}

static void body_interrupt(struct world *w)
{
	struct asker a, b, c;

	ask(w, &a, NEED_ROOMS, 0);
	ask(w, &b, NEED_ROOMS, 0);
	pager_unwait(w->pager, &a.waiter, true);
	assert_false(((struct call *)calls->pdata[0])->cancelled);
	pager_unwait(w->pager, &b.waiter, true);
	assert_true(((struct call *)calls->pdata[0])->cancelled);
	/* A new asker before the old answer: a fetch of its own. */
	ask(w, &c, NEED_ROOMS, 0);
	assert_int_equal(2, calls->len);
	answer(0, NULL, NULL, -ECANCELED, 0, true);
	assert_int_equal(0, c.calls);
	answer(1, rooms("ROOM1", NULL), NULL, 0, 200, false);
	assert_int_equal(1, c.calls);
	assert_int_equal(0, a.calls + b.calls);
}

static void body_soft(struct world *w)
{
	struct asker a;

	ask(w, &a, NEED_ROOMS, 0);
	pager_unwait(w->pager, &a.waiter, false);
	assert_false(((struct call *)calls->pdata[0])->cancelled);
	/* An operation that can answer does not wait a second time for a fetch that hangs. */
	now_ms += 300;
	assert_int_equal(PAGER_USE, verdict(w, NEED_ROOMS, 0, true));
	assert_int_equal(PAGER_FETCH, verdict(w, NEED_ROOMS, 0, false));
	answer(0, rooms("ROOM1", NULL), NULL, 0, 200, false);
	assert_int_equal(0, a.calls);
	assert_int_equal(PAGER_USE, verdict(w, NEED_ROOMS, 0, false));
}

static void body_failure(struct world *w)
{
	struct pager_stats stats;
	struct asker a;

	ask(w, &a, NEED_ROOMS, 0);
	answer(0, NULL, NULL, -ECONNREFUSED, 0, true);
	assert_int_equal(-ECONNREFUSED, a.error);
	assert_int_equal(PAGER_FAILED, verdict(w, NEED_ROOMS, 0, false));
	assert_int_equal(PAGER_USE, verdict(w, NEED_ROOMS, 0, true));
	assert_int_equal(-ECONNREFUSED, server_known_error(pager_server(w->pager)));
	/* Another list that has something to show does not try the dead network either. */
	assert_int_equal(PAGER_USE, verdict(w, NEED_HEAD, w->room, true));
	pager_get_stats(w->pager, &stats);
	assert_int_equal(T0, stats.offline_since_wall_ms);
	now_ms += 1501;
	assert_int_equal(PAGER_FETCH, verdict(w, NEED_ROOMS, 0, false));
	ask(w, &a, NEED_ROOMS, 0);
	answer(1, rooms("ROOM1", NULL), NULL, 0, 200, false);
	assert_int_equal(0, server_known_error(pager_server(w->pager)));
	pager_get_stats(w->pager, &stats);
	assert_int_equal(-1, stats.offline_since_wall_ms);
}

/* What the server said of a need is not said of a server that cannot be reached. */
static void body_words(struct world *w)
{
	struct need head = need_of(NEED_HEAD, w->room);
	struct asker a;
	char *words;
	int error = 0;

	ask(w, &a, NEED_HEAD, w->room);
	answer(0, NULL, NULL, -EACCES, 403, false);
	assert_int_equal(PAGER_FAILED, pager_check(w->pager, &head, false, 0, &error));
	words = pager_failed_words(w->pager, &head, error);
	assert_non_null(words);
	g_free(words);
	now_ms += 10000;
	ask(w, &a, NEED_ROOMS, 0);
	answer(1, NULL, NULL, -ECONNREFUSED, 0, true);
	assert_int_equal(PAGER_FAILED, pager_check(w->pager, &head, false, 0, &error));
	assert_int_equal(-ECONNREFUSED, error);
	assert_null(pager_failed_words(w->pager, &head, error));
}

static void body_touch(struct world *w)
{
	struct need n = need_of(NEED_ROOMS, 0);
	struct store_room room = {0};
	struct store_conn *conn;
	struct asker a;

	ask(w, &a, NEED_ROOMS, 0);
	pager_touch(w->pager, &n);
	answer(0, rooms("STALE", NULL), NULL, 0, 200, false);
	/* Begun again instead of published. */
	assert_int_equal(0, a.calls);
	assert_int_equal(2, calls->len);
	assert_int_equal(0, store_read_begin(w->store, &conn));
	assert_int_equal(-ENOENT, store_room_by_id(conn, "STALE", &room));
	store_read_end(conn);
	answer(1, rooms("ROOM1", NULL), NULL, 0, 200, false);
	assert_int_equal(1, a.calls);
	assert_int_equal(0, a.error);
}

static void ask_as_of(struct world *w, struct asker *a, uint64_t looked)
{
	struct need n = need_of(NEED_ROOMS, 0);

	*a = (struct asker){.waiter = {.fn = woken, .looked = looked}};
	pager_wait(w->pager, &n, &a->waiter);
}

static enum pager_verdict verdict_as_of(struct world *w, bool have, uint64_t looked)
{
	struct need n = need_of(NEED_ROOMS, 0);
	int error = 0;

	return pager_check(w->pager, &n, have, looked, &error);
}

/* Somebody looked at the store, and before he says what he lacks the fetch of it has ended. */
static void body_ended_meanwhile(struct world *w)
{
	uint64_t looked = pager_moment(w->pager);
	struct need n = need_of(NEED_ROOMS, 0);
	struct asker a, b;

	ask(w, &a, NEED_ROOMS, 0);
	answer(0, rooms("ROOM1", NULL), NULL, 0, 200, false);
	/* It is fresh, but not the version that the operation saw. */
	assert_int_equal(PAGER_FETCH, verdict_as_of(w, false, looked));
	assert_int_equal(PAGER_REFRESH, verdict_as_of(w, true, looked));
	assert_int_equal(PAGER_USE, verdict_as_of(w, false, pager_moment(w->pager)));
	/* The operation looks again, and nothing is fetched. */
	ask_as_of(w, &b, looked);
	assert_int_equal(1, b.calls);
	assert_int_equal(0, b.error);
	assert_int_equal(1, calls->len);
	/* A failure is told as to those who waited for it. */
	looked = pager_moment(w->pager);
	ask(w, &a, NEED_ROOMS, 0);
	answer(1, NULL, NULL, -ECONNREFUSED, 0, true);
	ask_as_of(w, &b, looked);
	assert_int_equal(1, b.calls);
	assert_int_equal(-ECONNREFUSED, b.error);
	assert_int_equal(2, calls->len);
	/* An expired version is fetched all the same. */
	pager_expire(w->pager, &n);
	ask_as_of(w, &b, looked);
	assert_int_equal(0, b.calls);
	assert_int_equal(3, calls->len);
	answer(2, rooms("ROOM1", NULL), NULL, 0, 200, false);
	assert_int_equal(1, b.calls);
	assert_int_equal(0, b.error);
}

/* What was begun in the background goes on for who joins it, and to its end when he has left. */
static void body_joined(struct world *w)
{
	static const enum need_kind kinds[] = {NEED_ROOMS, NEED_NEWS, NEED_MEMBERS, NEED_HEAD};
	struct asker a;

	for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
		bool is_of_space = kinds[i] == NEED_MEMBERS || kinds[i] == NEED_HEAD;
		struct need need = need_of(kinds[i], is_of_space ? w->room : 0);

		pager_begin(w->pager, &need);
		assert_int_equal(i + 1, calls->len);
		assert_true(call_at(i)->background);
		ask(w, &a, kinds[i], need.row);
		assert_int_equal(i + 1, calls->len);
		assert_false(call_at(i)->background);
		pager_unwait(w->pager, &a.waiter, true);
		assert_false(call_at(i)->cancelled);
	}
}

static void body_shutdown(struct world *w)
{
	struct asker a, b;

	ask(w, &a, NEED_ROOMS, 0);
	pager_shutdown(w->pager);
	assert_int_equal(-ESHUTDOWN, a.error);
	ask(w, &b, NEED_HEAD, w->room);
	assert_int_equal(-ESHUTDOWN, b.error);
	/* The answer of the cancelled call only frees. */
	answer(0, NULL, NULL, -ECANCELED, 0, true);
	assert_int_equal(1, a.calls);
}

/* What a list lacks is not looked for again for a while, unless something says that it may be there. */
static void body_absence(struct world *w)
{
	const struct need need = need_of(NEED_ROOMS, 0);
	struct asker a;

	assert_false(pager_lacks_for_now(w->pager, &need));
	ask(w, &a, NEED_ROOMS, 0);
	answer(0, rooms("ROOM1", NULL), NULL, 0, 200, false);
	assert_int_equal(a.error, 0);
	assert_true(pager_lacks_for_now(w->pager, &need));
	now_ms += PAGER_ABSENT_MS - 1;
	assert_true(pager_lacks_for_now(w->pager, &need));
	/* A change made here, or a doubt. */
	pager_touch(w->pager, &need);
	assert_false(pager_lacks_for_now(w->pager, &need));
	now_ms += PAGER_ABSENT_MS;
	ask(w, &a, NEED_ROOMS, 0);
	answer(1, rooms("ROOM1", NULL), NULL, 0, 200, false);
	assert_true(pager_lacks_for_now(w->pager, &need));
	pager_expire(w->pager, &need);
	assert_false(pager_lacks_for_now(w->pager, &need));
	now_ms += PAGER_ABSENT_MS;
	ask(w, &a, NEED_ROOMS, 0);
	answer(2, rooms("ROOM1", NULL), NULL, 0, 200, false);
	now_ms += PAGER_ABSENT_MS;
	assert_false(pager_lacks_for_now(w->pager, &need));
}
CASE(single_flight)
CASE(interrupt)
CASE(soft)
CASE(failure)
CASE(touch)
CASE(words)
CASE(ended_meanwhile)
CASE(joined)
CASE(shutdown)
CASE(absence)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(single_flight), TEST(interrupt), TEST(soft),  TEST(failure),
		TEST(touch),	     TEST(shutdown),  TEST(words), TEST(ended_meanwhile),
		TEST(absence),	     TEST(joined),
	};

	return cmocka_run_group_tests_name("pager", tests, NULL, NULL);
}
