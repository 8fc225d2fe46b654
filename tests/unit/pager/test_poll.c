/* SPDX-License-Identifier: MIT */
/* How the mount keeps up: each edge of the states in pager/present/poll.h. */
#include <errno.h>
#include <string.h>

#include "poll_kit.h"

static void off(struct world *w)
{
	struct asker a;

	make_polling_pager(w, 0, IDLE);
	pager_start(w->pager);
	use_it(w);
	tick(w);
	assert_int_equal(0, calls->len);
	assert_int_equal(FRESH_OFF, state_of(w));
	assert_true(is_fresh(w, NEED_NEWS, 0));
	/* Lists are asked for by their age. */
	ask(w, &a, NEED_HEAD, w->room);
	answer_ok(0, messages("m1", 1, NULL));
	now_ms += 2999;
	assert_true(is_fresh(w, NEED_HEAD, w->room));
	now_ms += 2;
	assert_false(is_fresh(w, NEED_HEAD, w->room));
	tick(w);
	assert_int_equal(1, calls->len);
}

static void test_off(void **state)
{
	on_queue(*state, off);
}

static void first_mount(struct world *w)
{
	assert_int_equal(0, store_meta_set_int(w->store, "rooms.listed", 0));
	make_polling_pager(w, POLL, IDLE);
	assert_int_equal(0, calls->len);
	pager_start(w->pager);
	assert_int_equal(1, calls->len);
	assert_true(call_at(0)->background);
	assert_null(call_at(0)->sort_by);
	answer_ok(0, room_list("ROOM1", 0, "ROOM2", 5, NULL));
	/* Nothing is news in a list that was never seen; and it was as good as a poll. */
	assert_int_equal(1, calls->len);
	assert_true(is_fresh(w, NEED_NEWS, 0));
	assert_true(is_fresh(w, NEED_ROOMS, 0));
	assert_int_equal(FRESH_ASLEEP, state_of(w));
	now_ms += POLL - 1;
	tick(w);
	use_it(w);
}

static void woken_without_a_poll(struct world *w)
{
	assert_int_equal(FRESH_AWAKE, state_of(w));
	assert_int_equal(1, calls->len);
	now_ms += 1;
	tick(w);
	assert_int_equal(2, calls->len);
}

static void test_first_mount(void **state)
{
	on_queue(*state, first_mount);
	on_queue(*state, woken_without_a_poll);
}

static void catching_up(struct world *w)
{
	assert_int_equal(FRESH_CATCHING_UP, state_of(w));
	assert_int_equal(1, calls->len);
	assert_string_equal("lastactivity", call_at(0)->sort_by);
	assert_int_equal(1000, call_at(0)->max);
	assert_true(call_at(0)->background);
	assert_false(is_fresh(w, NEED_NEWS, 0));
	/* Somebody else comes: no second one. */
	use_it(w);
	now_ms += 100;
	answer_poll(w);
	assert_int_equal(FRESH_AWAKE, state_of(w));
	/* From its beginning on. */
	now_ms += POLL - 101;
	assert_true(is_fresh(w, NEED_NEWS, 0));
	now_ms += 1;
	assert_false(is_fresh(w, NEED_NEWS, 0));
	tick(w);
	assert_int_equal(2, calls->len);
	assert_int_equal(FRESH_AWAKE, state_of(w));
	answer_poll(w);
	assert_int_equal(2, calls->len);
}

static void test_asleep_to_awake(void **state)
{
	on_queue(*state, known);
	on_queue(*state, use_it);
	on_queue(*state, catching_up);
}

static void idle(struct world *w)
{
	now_ms += IDLE - 1;
	tick(w);
	assert_int_equal(2, calls->len);
	answer_poll(w);
	now_ms += 1;
	assert_int_equal(FRESH_ASLEEP, state_of(w));
	tick(w);
	assert_int_equal(FRESH_ASLEEP, state_of(w));
	now_ms += IDLE;
	tick(w);
	assert_int_equal(2, calls->len);
	use_it(w);
}

static void woken_by_use(struct world *w)
{
	assert_int_equal(FRESH_CATCHING_UP, state_of(w));
	assert_int_equal(3, calls->len);
	now_ms += IDLE;
	answer_poll(w);
	/* The asker is long gone. */
	tick(w);
	assert_int_equal(3, calls->len);
	assert_int_equal(FRESH_ASLEEP, state_of(w));
}

static void test_idle(void **state)
{
	wake_up(*state);
	on_queue(*state, idle);
	on_queue(*state, woken_by_use);
}

static void hold(struct world *w)
{
	pager_stay_awake(w->pager, 1);
}

static void held(struct world *w)
{
	assert_int_equal(1, calls->len);
	answer_poll(w);
	for (guint i = 0; i < 5; i++) {
		now_ms += IDLE;
		tick(w);
		assert_int_equal(2 + i, calls->len);
		answer_poll(w);
	}
	pager_stay_awake(w->pager, -1);
	now_ms += IDLE - 1;
	tick(w);
	assert_int_equal(7, calls->len);
	answer_poll(w);
	now_ms += 1;
	tick(w);
	assert_int_equal(7, calls->len);
}

static void test_hold(void **state)
{
	on_queue(*state, known);
	on_queue(*state, hold);
	on_queue(*state, held);
}

static void failing(struct world *w)
{
	struct asker a;

	answer(0, NULL, NULL, -ETIMEDOUT, 0, true);
	assert_int_equal(FRESH_CATCHING_UP, state_of(w));
	/* A use tries at once, but not more often than every five seconds. */
	assert_true(is_fresh(w, NEED_NEWS, 0));
	now_ms += FRESH_RETRY_MS;
	assert_false(is_fresh(w, NEED_NEWS, 0));
	ask(w, &a, NEED_NEWS, 0);
	assert_int_equal(2, calls->len);
	answer(1, NULL, NULL, -ETIMEDOUT, 0, true);
	assert_int_equal(-ETIMEDOUT, a.error);
	/* The timer goes on by itself. */
	tick(w);
	assert_int_equal(3, calls->len);
	answer_poll(w);
	assert_int_equal(FRESH_AWAKE, state_of(w));
	now_ms += POLL;
	tick(w);
	answer(3, NULL, NULL, -ETIMEDOUT, 0, true);
	assert_int_equal(FRESH_CATCHING_UP, state_of(w));
	now_ms += IDLE;
	tick(w);
	assert_int_equal(FRESH_ASLEEP, state_of(w));
	assert_int_equal(4, calls->len);
}

static void test_failing(void **state)
{
	on_queue(*state, known);
	on_queue(*state, use_it);
	on_queue(*state, failing);
}

/* A space is renamed here while a poll is on its way. */
static void touched(struct world *w)
{
	struct need rooms = need_of(NEED_ROOMS, 0);

	pager_touch(w->pager, &rooms);
	answer_poll(w);
	assert_int_equal(2, calls->len);
	assert_int_equal(FRESH_CATCHING_UP, state_of(w));
	answer_poll(w);
	assert_int_equal(2, calls->len);
	assert_int_equal(FRESH_AWAKE, state_of(w));
}

static void test_touched(void **state)
{
	on_queue(*state, known);
	on_queue(*state, use_it);
	on_queue(*state, touched);
}

/* A laptop that slept: whatever became of the timer. */
static void jump(struct world *w)
{
	assert_true(is_fresh(w, NEED_NEWS, 0));
	now_ms += 8 * 3600 * 1000;
	assert_false(is_fresh(w, NEED_NEWS, 0));
}

static void test_clock_jump(void **state)
{
	wake_up(*state);
	on_queue(*state, jump);
}

static void remounted(struct world *w)
{
	pager_used(w->pager, row_of(w, "ROOM2"));
	now_ms += 10000;
	pager_shutdown(w->pager);
	make_polling_pager(w, POLL, IDLE);
	pager_start(w->pager);
	/* 20 seconds of the interval are left. */
	now_ms += 19000;
	assert_true(is_fresh(w, NEED_NEWS, 0));
	use_it(w);
}

static void used_after_it(struct world *w)
{
	struct fresh_stats stats;

	assert_int_equal(1, calls->len);
	assert_int_equal(FRESH_AWAKE, state_of(w));
	poller_get_stats(w->pager->poller, &stats);
	assert_int_equal(T0, stats.polled_wall_ms);
	assert_int_equal(T0, stats.listed_wall_ms);
	now_ms += 1000;
	assert_false(is_fresh(w, NEED_NEWS, 0));
	pager_shutdown(w->pager);
	/* A clock that was set back: not for ever. */
	now_ms -= 3600 * 1000;
	make_polling_pager(w, POLL, IDLE);
	pager_start(w->pager);
	assert_true(is_fresh(w, NEED_NEWS, 0));
	now_ms += POLL;
	assert_false(is_fresh(w, NEED_NEWS, 0));
}

static void test_remount(void **state)
{
	wake_up(*state);
	on_queue(*state, remounted);
	on_queue(*state, used_after_it);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(off),     TEST(first_mount), TEST(asleep_to_awake),
		TEST(idle),    TEST(hold),	  TEST(failing),
		TEST(touched), TEST(clock_jump),  TEST(remount),
	};

	return cmocka_run_group_tests_name("fresh", tests, NULL, NULL);
}
