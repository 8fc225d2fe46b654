/* SPDX-License-Identifier: MIT */
/* The times that files of messages show, and when months were verified. */
#include <errno.h>

#include "base/timefmt.h"
#include "kit.h"
#include "store/texts.h"

static int64_t now_ms;

static int64_t fake_now(void *arg)
{
	(void)arg;
	return now_ms;
}

static const struct clock fake_clock = {.mono_ms = fake_now, .wall_ms = fake_now};

/* The times of a message's files, of its month's text and of its space's. */
struct times {
	int64_t file, month, room;
};

static struct times times_of(struct kit *k, int64_t room, int64_t row)
{
	struct times t = {0};
	struct store_brief b;
	struct store_conn *c;
	int64_t in;
	bool deleted;
	char *stem;

	assert_int_equal(0, store_read_begin(k->s, &c));
	assert_int_equal(0, store_message_brief(c, row, &b, &stem, &in, &deleted));
	t.file = store_brief_ms(&b) - T0;
	assert_int_equal(0, store_month_ms(c, room, 2025 * 12 + 2, &t.month));
	assert_int_equal(0, store_room_text_ms(c, room, &t.room));
	t.month -= T0;
	t.room -= T0;
	store_read_end(c);
	g_free(stem);
	return t;
}

#define assert_times(actual, f, m, r)                                                          \
	do {                                                                                   \
		struct times t_ = (actual);                                                    \
		assert_int_equal(t_.file, f);                                                  \
		assert_int_equal(t_.month, m);                                                 \
		assert_int_equal(t_.room, r);                                                  \
	} while (0)

static struct webex_message *said(unsigned n, int64_t ms, const char *text, int64_t updated_ms)
{
	struct webex_message *m = kit_message(n, T0 + ms, "a@x.org", text);

	m->updated_ms = updated_ms < 0 ? -1 : T0 + updated_ms;
	return m;
}

/* Each content of a file has a later second than the one before; a new cache tells the server's times. */
static void test_every_change_has_a_time(void **state)
{
	struct kit *k = *state;
	int64_t room, row;

	k->clock = &fake_clock;
	kit_reopen(k);
	now_ms = T0 + 900000;
	room = kit_add_room(k, 1, "x");
	kit_page(k, room, kit_list(said(1, 0, "one", -1), said(2, 60000, "two", -1), NULL), -1,
		 0, STORE_PAGE_HEAD);
	row = kit_put(k, room, said(1, 0, "one", -1));
	assert_times(times_of(k, room, row), 0, 60000, 60000);
	/* The server's time shows it in its file, but the texts had that of the newest. */
	kit_put(k, room, said(1, 0, "ONE", 30000));
	assert_times(times_of(k, room, row), 30000, 900000, 900000);
	/* No time shows it, and our clock stands. */
	kit_put(k, room, said(1, 0, "uno", 30000));
	assert_times(times_of(k, room, row), 900000, 901000, 901000);
	kit_put(k, room, said(1, 0, "UNO", 30000));
	assert_times(times_of(k, room, row), 901000, 902000, 902000);
	/* Nothing new. */
	kit_put(k, room, said(1, 0, "UNO", 30000));
	assert_times(times_of(k, room, row), 901000, 902000, 902000);
	/* The server's time shows it everywhere but where many are listed. */
	now_ms = T0 + 990000;
	kit_put(k, room, said(1, 0, "Uno", 980000));
	assert_times(times_of(k, room, row), 980000, 980000, 990000);
	/* One goes, and another one comes that is as old. */
	kit_page(k, room, kit_list(said(1, 0, "Uno", 980000), NULL), -1, 0, STORE_PAGE_HEAD);
	assert_times(times_of(k, room, row), 980000, 980000, 991000);
	kit_page(k, room, kit_list(said(1, 0, "Uno", 980000), said(3, 50000, "owt", -1), NULL),
		 -1, T0 + 60000, STORE_PAGE_INNER);
	assert_times(times_of(k, room, row), 980000, 990000, 992000);
	kit_reopen(k);
	assert_times(times_of(k, room, row), 980000, 990000, 992000);
}

static uint64_t version(struct kit *k, int64_t room)
{
	struct store_range range = {.room = room, .since_ms = -1};
	struct store_conn *c;
	uint64_t v;

	assert_int_equal(0, store_read_begin(k->s, &c));
	assert_int_equal(0, store_text_version(c, &range, &v));
	store_read_end(c);
	return v;
}

static struct store_stamp stamp(struct kit *k, int64_t room)
{
	struct store_conn *c;
	struct store_stamp st;

	assert_int_equal(0, store_read_begin(k->s, &c));
	assert_int_equal(0, store_text_stamp(c, room, &st));
	store_read_end(c);
	return st;
}

/* A stamp stays while messages are added behind the newest, and only then. */
static void test_stamps_of_what_stands(void **state)
{
	struct kit *k = *state;
	struct store_evict evict = {.slice = 1};
	struct store_stamp seen[6], now;
	int64_t room;
	guint n = 0;

	k->clock = &fake_clock;
	kit_reopen(k);
	now_ms = T0;
	room = kit_add_room(k, 1, "x");
	kit_page(k, room, kit_list(said(1, 0, "one", -1), said(2, 60000, "two", -1), NULL), -1,
		 0, STORE_PAGE_HEAD);
	seen[n++] = stamp(k, room);
	kit_put(k, room, said(3, 70000, "three", -1));
	now = stamp(k, room);
	assert_true(store_stamp_is_same(&seen[0], &now));
	kit_put(k, room, said(1, 0, "ONE", -1));
	seen[n++] = stamp(k, room);
	kit_put(k, room, said(4, 30000, "late", -1));
	seen[n++] = stamp(k, room);
	kit_page(k, room,
		 kit_list(said(1, 0, "ONE", -1), said(2, 60000, "two", -1),
			  said(3, 70000, "three", -1), NULL),
		 -1, 0, STORE_PAGE_HEAD);
	seen[n++] = stamp(k, room);
	assert_int_equal(1, store_evict(k->s, &evict));
	seen[n++] = stamp(k, room);
	for (guint i = 0; i < n; i++)
		for (guint j = 0; j < i; j++)
			assert_false(store_stamp_is_same(&seen[i], &seen[j]));
}

/* Whatever changes the text makes another version, once in each transaction. */
static void test_texts_have_versions(void **state)
{
	struct kit *k = *state;
	uint64_t seen[6];
	int64_t room;
	guint n = 0;

	k->clock = &fake_clock;
	kit_reopen(k);
	now_ms = T0;
	room = kit_add_room(k, 1, "x");
	kit_page(k, room, kit_list(said(1, 0, "one", -1), said(2, 60000, "two", -1), NULL), -1,
		 0, STORE_PAGE_HEAD);
	seen[n++] = version(k, room);
	kit_put(k, room, said(1, 0, "ONE", -1));
	seen[n++] = version(k, room);
	kit_put(k, room, said(1, 0, "one", -1));
	seen[n++] = version(k, room);
	kit_put(k, room, said(3, 60001, "two", -1));
	seen[n++] = version(k, room);
	kit_page(k, room, kit_list(said(1, 0, "one", -1), said(2, 60000, "two", -1), NULL), -1,
		 0, STORE_PAGE_HEAD);
	seen[n++] = version(k, room);
	kit_page(k, room, kit_list(said(4, 30000, "odd", -1), NULL), T0 + 29999, T0 + 30000,
		 STORE_PAGE_INNER);
	seen[n++] = version(k, room);
	for (guint i = 0; i < n; i++)
		for (guint j = 0; j < i; j++)
			assert_true(seen[i] != seen[j]);
	/* The same again. */
	kit_page(k, room,
		 kit_list(said(1, 0, "one", -1), said(4, 30000, "odd", -1),
			  said(2, 60000, "two", -1), NULL),
		 -1, 0, STORE_PAGE_HEAD);
	assert_true(version(k, room) == seen[n - 1]);
	kit_reopen(k);
	assert_true(version(k, room) == seen[n - 1]);
}

/* Our own message is shown when it is sent; what others wrote before it may come later. */
static void test_messages_come_between(void **state)
{
	struct kit *k = *state;
	struct store_stamp was, now;
	int64_t room, row;
	uint64_t v;

	k->clock = &fake_clock;
	kit_reopen(k);
	now_ms = T0 + 900000;
	room = kit_add_room(k, 1, "x");
	kit_page(k, room, kit_list(said(2, 60000, "two", -1), NULL), T0 + 60000, 0,
		 STORE_PAGE_HEAD);
	row = kit_put(k, room, said(3, 120000, "own", -1));
	v = version(k, room);
	was = stamp(k, room);
	assert_times(times_of(k, room, row), 120000, 120000, 120000);
	/* What is older than all that a text has makes none of them another one. */
	kit_page(k, room, kit_list(said(1, 0, "one", -1), said(2, 60000, "two", -1), NULL), -1,
		 T0 + 60000, STORE_PAGE_INNER);
	assert_true(version(k, room) == v);
	kit_page(k, room,
		 kit_list(said(2, 60000, "two", -1), said(4, 90000, "between", -1),
			  said(3, 120000, "own", -1), NULL),
		 T0 + 60000, T0 + 60000, STORE_PAGE_HEAD);
	assert_true(version(k, room) != v);
	now = stamp(k, room);
	assert_false(store_stamp_is_same(&was, &now));
	/* The text is longer. When it gets as long as it was, it has a later time. */
	assert_times(times_of(k, room, row), 120000, 120000, 120000);
	kit_page(k, room, kit_list(said(2, 60000, "two", -1), said(3, 120000, "own", -1), NULL),
		 T0 + 60000, 0, STORE_PAGE_HEAD);
	assert_times(times_of(k, room, row), 120000, 900000, 900000);
}

/* The same where the newest page has only what is known, and the next one what comes between. */
static void test_messages_come_below_a_page(void **state)
{
	struct kit *k = *state;
	int64_t room;
	uint64_t v;

	room = kit_add_room(k, 1, "x");
	kit_page(k, room, kit_list(said(2, 60000, "two", -1), NULL), -1, 0, STORE_PAGE_HEAD);
	kit_put(k, room, said(3, 120000, "own", -1));
	v = version(k, room);
	kit_page(k, room, kit_list(said(3, 120000, "own", -1), NULL), T0 + 120000, T0 + 60000,
		 STORE_PAGE_HEAD);
	kit_page(k, room,
		 kit_list(said(4, 90000, "between", -1), said(3, 120000, "own", -1), NULL),
		 T0 + 60000, T0 + 120000, STORE_PAGE_INNER);
	assert_true(version(k, room) != v);
}

static int due(struct kit *k, int64_t room, int64_t before_ms)
{
	struct store_conn *c;
	int month = 0, r;

	assert_int_equal(0, store_read_begin(k->s, &c));
	r = store_verify_due(c, room, -1, INT64_MAX, before_ms, &month);
	store_read_end(c);
	assert_true(r == 0 || r == -ENOENT);
	return month;
}

static int64_t top(struct kit *k, int64_t room, int month, int page)
{
	struct store_conn *c;
	int64_t hi_ms;

	assert_int_equal(0, store_read_begin(k->s, &c));
	assert_int_equal(0, store_verify_top(c, room, time_month_begin(month) - 1,
					     time_month_begin(month + 1) - 1, page, now_ms,
					     &hi_ms));
	store_read_end(c);
	return hi_ms;
}

/* A page that has all of a month verifies it; the months above are taken along as far as they fit. */
static void test_months_are_verified(void **state)
{
	const int march = 2025 * 12 + 2, hour_ms = 3600000;
	const int64_t april_ms = time_month_begin(march + 1),
		      may_ms = time_month_begin(march + 2);
	struct kit *k = *state;
	int64_t room;

	k->clock = &fake_clock;
	kit_reopen(k);
	now_ms = may_ms;
	room = kit_add_room(k, 1, "x");
	kit_page(k, room,
		 kit_list(said(1, 0, "march", -1), said(2, april_ms - T0, "april", -1),
			  said(3, april_ms - T0 + 1, "april", -1), NULL),
		 -1, 0, STORE_PAGE_HEAD);
	assert_int_equal(due(k, room, now_ms), 0);
	now_ms += 100 * hour_ms;
	assert_int_equal(due(k, room, now_ms), march + 1);
	assert_int_equal(top(k, room, march, 2), april_ms - 1);
	assert_int_equal(top(k, room, march, 3), may_ms - 1);
	assert_int_equal(0,
			 store_months_verified(k->s, room, april_ms - 2, may_ms - 1, now_ms));
	assert_int_equal(due(k, room, now_ms), march);
	/* A page with a part of it does not. */
	kit_page(k, room, kit_list(said(1, 0, "march", -1), NULL), T0 - 1, T0,
		 STORE_PAGE_INNER | STORE_PAGE_VERIFIES);
	assert_int_equal(due(k, room, now_ms), march);
	kit_page(k, room, kit_list(said(1, 0, "march", -1), NULL), -1, april_ms - 1,
		 STORE_PAGE_INNER_FILTERED);
	assert_int_equal(due(k, room, now_ms), march);
	/* The tests' clock is not what a page is told. */
	assert_int_equal(0, store_months_verified(k->s, room, -1, april_ms - 1, now_ms));
	assert_int_equal(due(k, room, now_ms), 0);
	kit_reopen(k);
	assert_int_equal(due(k, room, now_ms), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, kit_test_setup, kit_test_teardown)
		T(test_every_change_has_a_time), T(test_texts_have_versions),
		T(test_messages_come_between),	 T(test_messages_come_below_a_page),
		T(test_stamps_of_what_stands),	 T(test_months_are_verified),
	};

	return cmocka_run_group_tests_name("store times", tests, NULL, NULL);
}
