/* SPDX-License-Identifier: MIT */
/* Pages of messages: what they delete, spans, pins, heads. */
#include <errno.h>
#include <string.h>

#include "kit.h"

/* A message at T0 + at, by "a". */
static struct webex_message *at(int n)
{
	return kit_message((unsigned)n, T0 + n, "a", "x");
}

static bool add_time(void *arg, const struct store_brief *brief)
{
	g_string_append_printf(arg, "%d ", (int)(brief->created_ms - T0));
	return true;
}

/* The times of the room's messages after T0. */
static char *times(struct kit *k, int64_t room)
{
	GString *out = g_string_new(NULL);
	struct store_conn *c;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(
		store_message_list(
			c, &(struct store_range){.room = room, .after = 0, .since_ms = -1},
			add_time, out),
		0);
	store_read_end(c);
	return g_string_free(out, FALSE);
}

static void assert_head(struct kit *k, int64_t room, int64_t lo, int64_t hi)
{
	struct store_span span;
	struct store_conn *c;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_span_head(c, room, &span), 0);
	store_read_end(c);
	assert_int_equal(span.lo, lo);
	assert_int_equal(span.hi, hi);
}

/* Asserts the gaps of (lo, hi] as "lo,hi " after T0, and that store_span_covers() agrees. */
static void assert_gaps(struct kit *k, int64_t room, int64_t lo, int64_t hi,
			const char *expected)
{
	g_autoptr(GArray) gaps = g_array_new(FALSE, FALSE, sizeof(struct store_span));
	g_autoptr(GString) out = g_string_new(NULL);
	struct store_conn *c;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_span_gaps(c, room, lo, hi, gaps), 0);
	for (guint i = 0; i < gaps->len; i++) {
		const struct store_span *gap = &g_array_index(gaps, struct store_span, i);

		if (gap->lo < 0)
			g_string_append_printf(out, "-,%d ", (int)(gap->hi - T0));
		else
			g_string_append_printf(out, "%d,%d ", (int)(gap->lo - T0),
					       (int)(gap->hi - T0));
	}
	assert_string_equal(out->str, expected);
	assert_int_equal(store_span_covers(c, room, lo, hi), gaps->len == 0);
	store_read_end(c);
}

/* How many of the changes are of that type, and how many heads; forgets them. */
static void assert_changes(struct kit *k, unsigned added, unsigned heads, unsigned gone)
{
	unsigned is[3] = {0};

	for (guint i = 0; i < k->changes->len; i++) {
		const struct store_change *c = g_ptr_array_index(k->changes, i);

		is[0] += c->type == STORE_MESSAGE_ADDED;
		is[1] += c->type == STORE_MESSAGE_ADDED && c->is_news;
		is[2] += c->type == STORE_MESSAGE_GONE;
	}
	assert_int_equal(is[0], added);
	assert_int_equal(is[1], heads);
	assert_int_equal(is[2], gone);
	g_ptr_array_set_size(k->changes, 0);
}

static void test_never_listed_and_empty(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x");
	struct store_span span;
	struct store_conn *c;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_span_head(c, room, &span), -ENOENT);
	store_read_end(c);
	kit_page(k, room, g_ptr_array_new(), -1, 0, STORE_PAGE_HEAD);
	assert_head(k, room, -1, -1);
	/* The first message of an empty room is news. */
	kit_page(k, room, kit_list(at(2), NULL), -1, 0, STORE_PAGE_HEAD);
	assert_head(k, room, -1, T0 + 2);
	assert_changes(k, 1, 1, 0);
}

static void test_heads(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 3, "x");
	uint64_t generation;

	kit_page(k, room, kit_list(at(3), at(1), at(2), NULL), T0, 0, STORE_PAGE_HEAD);
	/* Nobody has seen a listing of that time: one is told. */
	assert_changes(k, 1, 0, 0);
	assert_head(k, room, T0, T0 + 3);
	kit_page(k, room, kit_list(at(5), at(4), at(3), at(2), at(1), NULL), T0, 0,
		 STORE_PAGE_HEAD);
	assert_changes(k, 2, 2, 0);
	assert_head(k, room, T0, T0 + 5);
	kit_page(k, room, kit_list(at(-5), NULL), -1, T0, STORE_PAGE_INNER);
	assert_changes(k, 1, 0, 0);
	assert_head(k, room, -1, T0 + 5);
	/* The same once more is nothing at all. */
	generation = store_generation(k->s);
	kit_page(k, room, kit_list(at(5), at(4), at(3), NULL), T0 + 2, 0, STORE_PAGE_HEAD);
	assert_changes(k, 0, 0, 0);
	assert_int_equal(store_generation(k->s), generation);
}

/* What another answer brought since the page was asked for. */
static void test_slow_page(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x");
	struct webex_message *own = at(4);
	GArray *missing = g_array_new(FALSE, FALSE, sizeof(int64_t));
	GPtrArray *last;

	kit_page(k, room, kit_list(at(1), at(2), NULL), -1, -1, STORE_PAGE_HEAD);
	/* Asked for now, when (-1, 2] was known; then these turn up; 4 is ours. */
	kit_page(k, room, kit_list(at(2), at(3), NULL), T0 + 1, T0 + 2, STORE_PAGE_HEAD);
	assert_int_equal(store_apply_message(k->s, room, own, T0 + 60000, NULL, NULL), 0);
	webex_message_free(own);
	g_ptr_array_set_size(k->changes, 0);
	kit_page(k, room, kit_list(at(1), NULL), -1, T0 + 2, STORE_PAGE_HEAD);
	assert_text(times(k, room), "1 3 4 ");
	assert_changes(k, 0, 0, 1);
	/* Asked for anew, it tells of them, too; and of ours when its pin has run out. */
	kit_page(k, room, kit_list(at(1), NULL), -1, T0 + 3, STORE_PAGE_HEAD);
	assert_text(times(k, room), "1 4 ");
	last = kit_list(at(1), NULL);
	assert_int_equal(store_apply_page(k->s, room, last, -1, T0 + 3, STORE_PAGE_HEAD,
					  T0 + 60000, missing, NULL),
			 0);
	assert_int_equal(store_remove_messages(k->s, missing, T0 + 60000, NULL), 0);
	g_array_unref(missing);
	g_ptr_array_set_free_func(last, webex_message_free);
	g_ptr_array_unref(last);
	assert_text(times(k, room), "1 ");
}

/* The newest messages are gone: the time that they stood in is still known. */
static void test_newest_gone(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x");

	kit_page(k, room, kit_list(at(8), at(9), NULL), T0 + 7, -1, STORE_PAGE_HEAD);
	assert_head(k, room, T0 + 7, T0 + 9);
	kit_page(k, room, kit_list(at(2), at(3), NULL), T0 + 1, T0 + 9, STORE_PAGE_HEAD);
	assert_text(times(k, room), "2 3 ");
	assert_head(k, room, T0 + 1, T0 + 9);
}

static void test_spans_merge(void **state)
{
	struct kit *k = *state;
	GPtrArray *none = g_ptr_array_new();
	int64_t room = kit_add_room(k, 1, "x");

	kit_page(k, room, kit_list(at(100), at(90), NULL), T0 + 80, 0, STORE_PAGE_HEAD);
	kit_page(k, room, kit_list(at(10), NULL), T0 + 0, T0 + 20, STORE_PAGE_INNER);
	kit_page(k, room, kit_list(at(50), NULL), T0 + 40, T0 + 60, STORE_PAGE_INNER);
	assert_head(k, room, T0 + 80, T0 + 100);
	/* Touching at the upper end, not at the lower. */
	kit_page(k, room, kit_list(at(70), NULL), T0 + 61, T0 + 80, STORE_PAGE_INNER);
	assert_head(k, room, T0 + 61, T0 + 100);
	kit_page(k, room, kit_list(at(50), at(70), NULL), T0 + 45, T0 + 75, STORE_PAGE_INNER);
	assert_head(k, room, T0 + 40, T0 + 100);
	kit_page(k, room, g_ptr_array_new(), T0 + 20, T0 + 40, STORE_PAGE_INNER);
	assert_head(k, room, T0, T0 + 100);
	kit_page(k, room, g_ptr_array_new(), -1, T0, STORE_PAGE_INNER);
	assert_head(k, room, -1, T0 + 100);
	assert_text(times(k, room), "10 50 70 90 100 ");
	kit_reopen(k);
	assert_head(k, room, -1, T0 + 100);
	/* A head that does not reach down to it is a span of its own. */
	kit_page(k, room, kit_list(at(200), NULL), T0 + 150, 0, STORE_PAGE_HEAD);
	assert_head(k, room, T0 + 150, T0 + 200);
	assert_int_equal(store_apply_page(k->s, room, none, T0 + 5, T0 + 4, STORE_PAGE_INNER,
					  T0, NULL, NULL),
			 -EINVAL);
	assert_int_equal(
		store_apply_page(k->s, room + 1, none, 0, 1, STORE_PAGE_INNER, T0, NULL, NULL),
		-ENOENT);
	g_ptr_array_unref(none);
}

/* What is known in the middle is no head: the newest were never listed. */
static void test_inner_is_no_head(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x");
	struct store_span span;
	struct store_conn *c;

	kit_page(k, room, kit_list(at(1), NULL), -1, T0 + 5, STORE_PAGE_INNER);
	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_span_head(c, room, &span), -ENOENT);
	assert_int_equal(store_span_covers(c, room, -1, T0 + 5), 1);
	store_read_end(c);
	kit_page(k, room, kit_list(at(9), NULL), T0 + 7, 0, STORE_PAGE_FILTERED);
	assert_head(k, room, T0 + 7, T0 + 9);
}

static void test_gaps(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x"), other = kit_add_room(k, 2, "y");

	assert_gaps(k, room, -1, T0, "-,0 ");
	/* Nothing is asked for, nothing is missing. */
	assert_gaps(k, room, T0, T0, "");
	assert_gaps(k, room, T0 + 1, T0, "");
	kit_page(k, room, g_ptr_array_new(), T0 + 10, T0 + 20, STORE_PAGE_INNER);
	kit_page(k, room, g_ptr_array_new(), T0 + 30, T0 + 40, STORE_PAGE_INNER);
	kit_page(k, other, g_ptr_array_new(), -1, T0 + 100, STORE_PAGE_INNER);
	assert_gaps(k, room, -1, T0 + 50, "40,50 20,30 -,10 ");
	assert_gaps(k, room, T0 + 5, T0 + 35, "20,30 5,10 ");
	assert_gaps(k, room, T0 + 10, T0 + 20, "");
	assert_gaps(k, room, T0 + 12, T0 + 18, "");
	/* The lower end is not in it, the upper is. */
	assert_gaps(k, room, T0 + 9, T0 + 20, "9,10 ");
	assert_gaps(k, room, T0 + 10, T0 + 21, "20,21 ");
	assert_gaps(k, room, T0 + 20, T0 + 30, "20,30 ");
	assert_gaps(k, room, T0 + 22, T0 + 28, "22,28 ");
	assert_gaps(k, room, T0 + 40, T0 + 45, "40,45 ");
	assert_gaps(k, room, T0, T0 + 10, "0,10 ");
	kit_page(k, room, g_ptr_array_new(), T0 + 20, T0 + 30, STORE_PAGE_INNER);
	assert_gaps(k, room, T0 + 10, T0 + 40, "");
	kit_page(k, room, g_ptr_array_new(), -1, T0 + 10, STORE_PAGE_INNER);
	assert_gaps(k, room, -1, T0 + 41, "40,41 ");
}

static void test_ranges(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x");
	struct store_range range = {.room = room, .after = store_cookie_of(T0 + 2) - 1};
	GString *out = g_string_new(NULL);
	struct store_conn *c;

	/* Two of one millisecond are both on the same side of an end. */
	kit_page(k, room,
		 kit_list(at(1), at(2), at(3), kit_message(33, T0 + 3, "b", "x"), at(4), NULL),
		 -1, 0, STORE_PAGE_HEAD);
	assert_int_equal(store_read_begin(k->s, &c), 0);
	range.until = store_cookie_of(T0 + 4);
	assert_int_equal(store_message_list(c, &range, add_time, out), 0);
	assert_string_equal(out->str, "2 3 3 ");
	g_string_truncate(out, 0);
	range.until = store_cookie_of(T0 + 3);
	assert_int_equal(store_message_list(c, &range, add_time, out), 0);
	assert_string_equal(out->str, "2 ");
	g_string_truncate(out, 0);
	range.until = 0;
	assert_int_equal(store_message_list(c, &range, add_time, out), 0);
	assert_string_equal(out->str, "2 3 3 4 ");
	store_read_end(c);
	g_string_free(out, TRUE);
}

static void assert_head_range(struct kit *k, int64_t room, int64_t recent, int expected,
			      const char *text)
{
	g_autoptr(GString) out = g_string_new(NULL);
	struct store_range range;
	struct store_conn *c;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_head_range(c, room, recent, &range), expected);
	assert_int_equal(range.room, room);
	assert_int_equal(range.until, 0);
	assert_int_equal(store_message_list(c, &range, add_time, out), 0);
	store_read_end(c);
	assert_string_equal(out->str, text);
}

/* What the space itself lists. */
static void test_head_range(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x");

	kit_put(k, room, at(-20));
	kit_put(k, room, at(-19));
	/* It was never listed. */
	assert_head_range(k, room, 0, -ENOENT, "-20 -19 ");
	assert_head_range(k, room, 1, -ENOENT, "-19 ");
	kit_page(k, room, kit_list(at(3), at(2), at(1), NULL), T0, 0, STORE_PAGE_HEAD);
	assert_head_range(k, room, 0, 0, "1 2 3 ");
	assert_head_range(k, room, 2, 0, "2 3 ");
	assert_head_range(k, room, 3, 0, "1 2 3 ");
	assert_head_range(k, room, 4, 0, "1 2 3 ");
}

static void test_inner_filtered(void **state)
{
	struct kit *k = *state;
	GPtrArray *none = g_ptr_array_new();
	int64_t room = kit_add_room(k, 1, "x");

	kit_page(k, room, kit_list(at(1), at(5), NULL), -1, 0, STORE_PAGE_FILTERED);
	kit_page(k, room, kit_list(at(-8), NULL), T0 - 10, T0 - 5, STORE_PAGE_INNER_FILTERED);
	assert_text(times(k, room), "-8 1 5 ");
	/* Known up to hi, and what is missing is not gone. */
	kit_page(k, room, g_ptr_array_new(), T0 - 12, T0 + 20, STORE_PAGE_INNER_FILTERED);
	assert_text(times(k, room), "-8 1 5 ");
	assert_gaps(k, room, -1, T0 + 21, "20,21 ");
	assert_int_equal(store_apply_page(k->s, room, none, T0 + 5, T0 + 4,
					  STORE_PAGE_INNER_FILTERED, T0, NULL, NULL),
			 -EINVAL);
	g_ptr_array_unref(none);
}

static void test_absent_is_deleted(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x"), other = kit_add_room(k, 2, "y");

	kit_page(k, room, kit_list(at(1), at(2), at(3), at(4), at(5), NULL), -1, 0,
		 STORE_PAGE_HEAD);
	kit_put(k, other, at(3));
	g_ptr_array_set_size(k->changes, 0);
	/* (2, 4] without 3; 2 and 5 are outside. */
	kit_page(k, room, kit_list(at(4), NULL), T0 + 2, T0 + 4, STORE_PAGE_INNER);
	assert_text(times(k, room), "1 2 4 5 ");
	assert_changes(k, 0, 0, 1);
	/* A filtered list says nothing about what it lacks. */
	kit_page(k, room, kit_list(at(5), NULL), -1, 0, STORE_PAGE_FILTERED);
	assert_text(times(k, room), "1 2 4 5 ");
	assert_head(k, room, -1, T0 + 5);
	/* A head has no upper end. */
	kit_page(k, room, kit_list(at(2), NULL), T0 + 1, 0, STORE_PAGE_HEAD);
	assert_text(times(k, room), "1 2 ");
	assert_changes(k, 0, 0, 2);
	assert_text(times(k, other), "3 ");
	/* Gone for good, also when a slow page still has it. */
	kit_page(k, room, kit_list(at(2), at(3), at(4), NULL), T0 + 1, 0, STORE_PAGE_HEAD);
	assert_text(times(k, room), "1 2 ");
	assert_changes(k, 0, 0, 0);
	kit_page(k, room, g_ptr_array_new(), -1, 0, STORE_PAGE_HEAD);
	assert_text(times(k, room), "");
	assert_changes(k, 0, 0, 2);
}

static void test_pinned(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x"), rowid;
	struct webex_message *own = at(10);

	kit_page(k, room, kit_list(at(1), NULL), -1, 0, STORE_PAGE_HEAD);
	assert_int_equal(store_apply_message(k->s, room, own, T0 + 1, &rowid, NULL), 0);
	/* kit_page() says that it is T0 now. */
	kit_page(k, room, kit_list(at(1), NULL), -1, 0, STORE_PAGE_HEAD);
	assert_text(times(k, room), "1 10 ");
	/* What stands between is not known yet. */
	assert_head(k, room, -1, T0 + 1);
	kit_page(k, room, kit_list(at(1), at(5), at(10), NULL), -1, 0, STORE_PAGE_HEAD);
	assert_text(times(k, room), "1 5 10 ");
	/* A shorter pin does not shorten it. */
	assert_int_equal(store_apply_message(k->s, room, own, T0 - 5, &rowid, NULL), 0);
	kit_page(k, room, kit_list(at(1), NULL), -1, 0, STORE_PAGE_HEAD);
	assert_text(times(k, room), "1 10 ");
	/* rm still works, and lasts. */
	assert_int_equal(store_remove_message(k->s, rowid, NULL), 0);
	kit_page(k, room, kit_list(at(1), at(10), NULL), -1, 0, STORE_PAGE_HEAD);
	assert_text(times(k, room), "1 ");
	webex_message_free(own);
}

static void test_pin_runs_out(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x"), rowid;
	struct webex_message *own = at(10);

	assert_int_equal(store_apply_message(k->s, room, own, T0, &rowid, NULL), 0);
	kit_page(k, room, g_ptr_array_new(), -1, 0, STORE_PAGE_HEAD);
	assert_text(times(k, room), "");
	webex_message_free(own);
}

/* A deletion whose answer was lost: above what is known, too. */
static void test_unpinned(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x"), rowid;
	struct webex_message *own = at(10);

	kit_page(k, room, kit_list(at(1), NULL), -1, T0 + 1, STORE_PAGE_HEAD);
	assert_int_equal(store_apply_message(k->s, room, own, T0 + 60000, &rowid, NULL), 0);
	kit_page(k, room, kit_list(at(1), NULL), -1, T0 + 1, STORE_PAGE_HEAD);
	assert_text(times(k, room), "1 10 ");
	assert_int_equal(store_unpin_message(k->s, rowid), 0);
	assert_text(times(k, room), "1 10 ");
	kit_page(k, room, kit_list(at(1), NULL), -1, T0 + 1, STORE_PAGE_HEAD);
	assert_text(times(k, room), "1 ");
	webex_message_free(own);
}

static void test_others_of_a_page(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x");
	struct webex_message *foreign = at(2), *twice = at(3), *future = at(4);

	foreign->room_id = kit_id("ROOM", T0, 9, 9);
	future->created_ms = INT64_MAX;
	kit_page(k, room, kit_list(at(1), foreign, twice, at(3), future, NULL), -1, 0,
		 STORE_PAGE_HEAD);
	assert_text(times(k, room), "1 3 ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, kit_test_setup, kit_test_teardown)
		T(test_never_listed_and_empty),
		T(test_heads),
		T(test_spans_merge),
		T(test_inner_is_no_head),
		T(test_gaps),
		T(test_ranges),
		T(test_head_range),
		T(test_inner_filtered),
		T(test_absent_is_deleted),
		T(test_slow_page),
		T(test_newest_gone),
		T(test_pinned),
		T(test_pin_runs_out),
		T(test_unpinned),
		T(test_others_of_a_page),
	};

	return cmocka_run_group_tests_name("store pages", tests, NULL, NULL);
}
