/* SPDX-License-Identifier: MIT */
/* Bodies by month: counted, dropped in the order of use, and back again. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/names.h"
#include "base/timefmt.h"
#include "kit.h"
#include "store/texts.h"
#include "webex/render.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)
#define MONTH_MS (31 * DAY_MS)
#define HOUR_MS (INT64_C(3600) * 1000)

static int64_t now_ms = T0;

static int64_t fake_now(void *arg)
{
	(void)arg;
	return now_ms;
}

static const struct clock fake_clock = {.mono_ms = fake_now, .wall_ms = fake_now};

static int setup(void **state)
{
	struct kit *k = g_new0(struct kit, 1);

	now_ms = T0 + 1000 * DAY_MS;
	kit_setup(k);
	k->clock = &fake_clock;
	kit_reopen(k);
	*state = k;
	return 0;
}

/* The n-th message of the m-th month after T0's. */
static struct webex_message *message(int m, int n)
{
	char text[32];

	g_snprintf(text, sizeof(text), "text %d %d", m, n);
	return kit_message((unsigned)(m * 1000 + n), T0 + m * MONTH_MS + n, "a@x", text);
}

/* So many of each of the months from `first` to `last`, and nothing else. */
static void fill(struct kit *k, int64_t room, int first, int last, int each)
{
	GPtrArray *page = g_ptr_array_new();

	for (int m = first; m <= last; m++)
		for (int n = 0; n < each; n++)
			g_ptr_array_add(page, message(m, n));
	kit_page(k, room, page, T0 + first * MONTH_MS - 1, T0 + last * MONTH_MS + each - 1,
		 STORE_PAGE_INNER);
	g_ptr_array_set_size(k->changes, 0);
}

static int evict_some(struct kit *k, int64_t limit, int slice)
{
	struct store_evict e = {.limit = limit, .recent = 3, .slice = slice};

	return store_evict(k->s, &e);
}

static void evict(struct kit *k, int64_t limit)
{
	int r;

	while ((r = evict_some(k, limit, 4)) == 1)
		;
	assert_int_equal(r, 0);
}

static bool add_state(void *arg, const struct store_message *m)
{
	g_string_append_c(arg, m->is_evicted ? '-' : 'x');
	assert_int_equal(m->m.text == NULL, m->is_evicted);
	return true;
}

/* "x" for each message of the room that has its body, "-" for the others. */
static char *bodies(struct kit *k, int64_t room)
{
	GString *out = g_string_new(NULL);
	struct store_conn *c;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(
		store_message_each(c, &(struct store_range){.room = room}, add_state, out), 0);
	store_read_end(c);
	return g_string_free(out, FALSE);
}

static bool add_brief(void *arg, const struct store_brief *b)
{
	g_string_append_printf(arg, "%d %d %d %d %s\n", (int)b->rowid, (int)b->txt_size,
			       (int)(b->created_ms - T0), b->has_markdown, b->stem);
	return true;
}

static char *listing(struct kit *k, int64_t room)
{
	GString *out = g_string_new(NULL);
	struct store_conn *c;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(
		store_message_list(c, &(struct store_range){.room = room}, add_brief, out), 0);
	store_read_end(c);
	return g_string_free(out, FALSE);
}

static bool add_log(void *arg, const struct store_message *m)
{
	struct webex_root root;
	size_t len;
	const char *author = name_stem_author(m->stem, &len);

	webex_render_transcript(&m->m, author, len, store_message_root(m, &root), arg);
	return true;
}

/* Bytes of the transcript, as made, and as the store says. */
static int64_t log_made(struct kit *k, int64_t room)
{
	GString *out = g_string_new(NULL);
	struct store_conn *c;
	int64_t len;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(
		store_message_each(c, &(struct store_range){.room = room}, add_log, out), 0);
	store_read_end(c);
	len = (int64_t)out->len;
	g_string_free(out, TRUE);
	return len;
}

static int64_t log_said(struct kit *k, int64_t room)
{
	struct store_conn *c;
	int64_t size = -1;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(kit_log_size(c, room, &size), 0);
	store_read_end(c);
	return size;
}

static int64_t row_of(struct kit *k, int m, int n)
{
	struct webex_message *wanted = message(m, n);
	struct store_conn *c;
	int64_t rowid = 0;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_message_by_id(c, wanted->id, &rowid), 0);
	store_read_end(c);
	webex_message_free(wanted);
	return rowid;
}

static void assert_counts(struct kit *k, int with, int without)
{
	assert_int_equal(store_bodies_count(k->s), with);
	assert_int_equal(store_has_evicted(k->s), without > 0);
	assert_int_equal(kit_number(k->path, "SELECT ifnull(sum(bodies), 0) FROM month"), with);
	assert_int_equal(kit_number(k->path, "SELECT ifnull(sum(evicted), 0) FROM month"),
			 without);
}

static void test_counts(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x"), other = kit_add_room(k, 2, "y");

	assert_counts(k, 0, 0);
	fill(k, other, 0, 0, 3);
	now_ms += HOUR_MS;
	fill(k, room, 0, 1, 4);
	assert_counts(k, 11, 0);
	assert_int_equal(store_remove_message(k->s, row_of(k, 1, 0), NULL), 0);
	assert_counts(k, 10, 0);
	evict(k, 4);
	assert_counts(k, 4, 6);
	/* One that has no body, and one that has. */
	assert_text(bodies(k, room), "---xxxx");
	assert_int_equal(store_remove_message(k->s, row_of(k, 1, 3), NULL), 0);
	assert_counts(k, 3, 6);
	/* By a page that lacks it; another one comes back. */
	kit_page(k, room, kit_list(message(0, 1), NULL), T0 - 1, T0 + 1, STORE_PAGE_INNER);
	assert_counts(k, 4, 4);
	kit_reopen(k);
	assert_counts(k, 4, 4);
	assert_int_equal(store_remove_room(k->s, room, NULL), 0);
	assert_counts(k, 0, 3);
	kit_reopen(k);
	assert_counts(k, 0, 3);
}

static void test_a_failure_counts_nothing(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x");
	GPtrArray *none = g_ptr_array_new();

	fill(k, room, 0, 0, 3);
	assert_int_equal(store_apply_page(k->s, room + 100, none, -1, 0, STORE_PAGE_HEAD, T0,
					  NULL, NULL),
			 -ENOENT);
	assert_counts(k, 3, 0);
	g_ptr_array_unref(none);
}

/* A listing and stat show the same as before. */
static void test_skeleton_stays(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x");
	struct webex_message *rich = message(1, 0);
	struct store_message m = {0};
	struct store_conn *c;
	char *before;
	int64_t log;

	fill(k, room, 0, 0, 5);
	rich->markdown = g_strdup("**text**");
	rich->parent_id = kit_id("MESSAGE", T0, 0, 0);
	kit_put(k, room, rich);
	before = listing(k, room);
	log = log_made(k, room);
	assert_int_equal(log_said(k, room), log);
	evict(k, 0);
	assert_int_equal(log_said(k, room), log);
	assert_text(listing(k, room), before);
	kit_reopen(k);
	assert_text(listing(k, room), before);
	assert_text(bodies(k, room), "------");
	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_message_get(c, row_of(k, 1, 0), &m), 0);
	assert_true(m.is_evicted);
	assert_null(m.m.markdown);
	assert_string_equal(m.m.person_email, "a@x");
	assert_non_null(m.m.parent_id);
	store_read_end(c);
	store_message_clear(&m);
	g_free(before);
}

static void test_order_of_use(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x"), other = kit_add_room(k, 2, "y");

	for (int m = 0; m < 4; m++) {
		fill(k, room, m, m, 3);
		now_ms += HOUR_MS;
	}
	fill(k, other, 0, 0, 3);
	now_ms += HOUR_MS;
	/* A part of a month is a use of it, and of no neighbour. */
	assert_int_equal(store_month_opened(k->s, room, T0 + 5, T0 + 6), 0);
	evict(k, 9);
	assert_text(bodies(k, room), "xxx------xxx");
	assert_text(bodies(k, other), "xxx");
	now_ms += HOUR_MS;
	assert_int_equal(store_month_opened(k->s, room, T0 + MONTH_MS, T0 + 3 * MONTH_MS), 0);
	evict(k, 5);
	/* From the oldest message of the month on. */
	assert_text(bodies(k, other), "---");
	assert_text(bodies(k, room), "-xx------xxx");
	evict(k, 3);
	assert_text(bodies(k, room), "---------xxx");
}

static void test_opened_again_is_no_write(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x"), opened;
	uint64_t generation;

	fill(k, room, 0, 0, 3);
	generation = store_generation(k->s);
	now_ms += HOUR_MS;
	assert_int_equal(store_month_opened(k->s, room, T0 - 1, T0), 0);
	opened = kit_number(k->path, "SELECT opened_ms FROM month");
	assert_int_equal(opened, now_ms);
	now_ms += 1000;
	assert_int_equal(store_month_opened(k->s, room, T0 - 1, T0), 0);
	assert_int_equal(store_month_opened(k->s, room, T0 + MONTH_MS, T0 + 2 * MONTH_MS), 0);
	assert_int_equal(kit_number(k->path, "SELECT opened_ms FROM month"), opened);
	/* Nobody sees anything of it, nor of what goes. */
	evict(k, 0);
	assert_int_equal(store_generation(k->s), generation);
}

static void test_slices(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x");

	fill(k, room, 0, 1, 10);
	assert_int_equal(evict_some(k, 20, 4), 0);
	assert_int_equal(evict_some(k, 5, 4), 1);
	assert_text(bodies(k, room), "----xxxxxxxxxxxxxxxx");
	assert_int_equal(evict_some(k, 5, 8), 1);
	assert_text(bodies(k, room), "------------xxxxxxxx");
	/* What came back behind it goes, too. */
	kit_put(k, room, message(1, 0));
	assert_int_equal(evict_some(k, 5, 8), 0);
	assert_int_equal(store_bodies_count(k->s), 5);
	assert_int_equal(evict_some(k, 0, 100), 0);
	assert_counts(k, 0, 20);
}

static void use(struct kit *k, int64_t room)
{
	struct store_use one = {.room = room, .wall_ms = now_ms};
	GArray *uses = g_array_new(FALSE, FALSE, sizeof(one));

	g_array_append_val(uses, one);
	assert_int_equal(store_put_used(k->s, uses), 0);
	g_array_unref(uses);
}

/* The newest three of a space in use stay while there is anything else. */
static void test_spaces_in_use(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x"), other = kit_add_room(k, 2, "y");

	fill(k, room, 0, 1, 2);
	now_ms += HOUR_MS;
	fill(k, other, 0, 0, 4);
	use(k, room);
	evict(k, 6);
	assert_text(bodies(k, room), "-xxx");
	assert_text(bodies(k, other), "-xxx");
	evict(k, 3);
	assert_text(bodies(k, room), "-xxx");
	evict(k, 1);
	assert_text(bodies(k, room), "---x");
	/* An hour later it is like any other. */
	fill(k, room, 0, 1, 2);
	fill(k, other, 0, 0, 4);
	now_ms += HOUR_MS + 1;
	assert_int_equal(store_month_opened(k->s, other, T0 - 1, T0), 0);
	evict(k, 4);
	assert_text(bodies(k, room), "----");
	assert_text(bodies(k, other), "xxxx");
}

static void test_ones_of_a_bot(void **state)
{
	struct kit *k = *state;
	struct store_evict e = {.limit = 0, .recent = 0, .keep_hidden = true, .slice = 100};
	int64_t room, direct;
	char *me = kit_person_id(g_str_hash("me@x"));

	assert_int_equal(store_meta_set(k->s, "me.id", me), 0);
	room = kit_add_room(k, 1, "x");
	kit_page(k, room,
		 kit_list(message(0, 0), kit_message(7, T0 + 7, "me@x", "mine"), message(0, 9),
			  NULL),
		 -1, 0, STORE_PAGE_FILTERED);
	direct = kit_add_direct(k, 2, "y");
	kit_page(k, direct,
		 kit_list(message(1, 0), kit_message(8, T0 + 7, "me@x", "mine"), message(1, 9),
			  NULL),
		 -1, 0, STORE_PAGE_HEAD);
	assert_int_equal(store_evict(k->s, &e), 0);
	assert_text(bodies(k, room), "xxx");
	assert_text(bodies(k, direct), "x--");
	e.keep_hidden = false;
	assert_int_equal(store_evict(k->s, &e), 0);
	assert_text(bodies(k, room), "---");
	g_free(me);
}

/* A body that comes back is no news; an edit is. */
static void test_refill(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x");
	struct webex_message *edited = message(0, 1), *older = message(0, 1);

	fill(k, room, 0, 0, 3);
	evict(k, 0);
	edited->updated_ms = T0 + DAY_MS;
	g_free(edited->text);
	edited->text = g_strdup("other");
	kit_page(k, room, kit_list(message(0, 0), edited, message(0, 2), NULL), T0 - 1, T0 + 2,
		 STORE_PAGE_INNER);
	assert_text(kit_changes(k), "msg! 2025-03-04T09-20-31.508Z_a@x\n");
	assert_int_equal(log_said(k, room), log_made(k, room));
	assert_text(bodies(k, room), "xxx");
	assert_counts(k, 3, 0);
	/* An older version is no body of what is known. */
	evict(k, 0);
	kit_page(k, room, kit_list(message(0, 0), older, message(0, 2), NULL), T0 - 1, T0 + 2,
		 STORE_PAGE_INNER);
	assert_text(bodies(k, room), "x-x");
	assert_text(kit_changes(k), "");
}

/* A sweep brings no bodies back, except those of edited messages. */
static void test_verified(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x");
	struct webex_message *edited = message(0, 1);

	fill(k, room, 0, 0, 4);
	evict(k, 0);
	edited->updated_ms = T0 + DAY_MS;
	kit_page(k, room, kit_list(message(0, 0), edited, message(0, 2), NULL), T0 - 1, T0 + 3,
		 STORE_PAGE_INNER | STORE_PAGE_VERIFIES);
	assert_text(bodies(k, room), "-x-");
	assert_text(kit_changes(k), "msg! 2025-03-04T09-20-31.508Z_a@x\n"
				    "msg- 2025-03-04T09-20-31.510Z_a@x\n");
}

static void test_just_opened(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x");
	struct store_evict e = {.limit = 0, .recent = 0, .slice = 100, .fresh_ms = 3000};

	fill(k, room, 0, 0, 3);
	now_ms += 2999;
	fill(k, room, 1, 1, 3);
	assert_int_equal(store_evict(k->s, &e), 0);
	assert_text(bodies(k, room), "xxxxxx");
	now_ms++;
	assert_int_equal(store_evict(k->s, &e), 0);
	assert_text(bodies(k, room), "---xxx");
}

/* What was opened just now can go in a moment: until then spaces in use are spared. */
static void test_just_opened_beside_one_in_use(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x"), other = kit_add_room(k, 2, "y");
	struct store_evict e = {.limit = 3, .recent = 3, .slice = 100, .fresh_ms = 3000};

	fill(k, room, 0, 0, 3);
	now_ms += 5000;
	use(k, room);
	fill(k, other, 0, 0, 3);
	assert_int_equal(store_evict(k->s, &e), 0);
	assert_text(bodies(k, room), "xxx");
	assert_text(bodies(k, other), "xxx");
	now_ms += 3000;
	assert_int_equal(store_evict(k->s, &e), 0);
	assert_text(bodies(k, room), "xxx");
	assert_text(bodies(k, other), "---");
}

static void assert_span(struct kit *k, int64_t after, int64_t until, int lo, int hi)
{
	struct store_range range = {.room = 1, .after = after, .until = until};
	struct store_span span = {0};
	struct store_conn *c;
	int r;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	r = store_evicted_span(c, &range, &span);
	store_read_end(c);
	assert_int_equal(r, hi >= 0);
	if (r == 1) {
		assert_int_equal(span.lo - T0, lo);
		assert_int_equal(span.hi - T0, hi);
	}
}

static void test_what_a_range_lacks(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x");

	assert_int_equal(room, 1);
	fill(k, room, 0, 0, 9);
	assert_span(k, 0, 0, 0, -1);
	evict(k, 3);
	assert_span(k, 0, 0, -1, 5);
	assert_span(k, store_cookie_of(T0 + 2), 0, 2, 5);
	assert_span(k, store_cookie_of(T0 + 2), store_cookie_of(T0 + 4), 2, 3);
	assert_span(k, store_cookie_of(T0 + 5), 0, 0, -1);
	assert_int_equal(store_remove_message(k->s, row_of(k, 0, 5), NULL), 0);
	assert_span(k, 0, 0, -1, 4);
}

static void assert_around(struct kit *k, int n, int most, int lo, int hi)
{
	struct store_span span = {-1, INT64_MAX};
	struct store_conn *c;
	int64_t row = row_of(k, 0, n), room = 0;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_evicted_around(c, row, most, &room, &span), 0);
	store_read_end(c);
	assert_int_equal(room, 1);
	assert_int_equal(span.lo - T0, lo);
	assert_int_equal(span.hi - T0, hi);
}

static void test_what_comes_along(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x"), room_of, row;
	struct store_span span;
	struct store_conn *c;

	fill(k, room, 0, 0, 10);
	evict(k, 0);
	row = row_of(k, 0, 4);
	/* Upwards as many as wanted, or as there are and then downwards. */
	assert_around(k, 2, 3, 1, 4);
	assert_around(k, 8, 5, 4, 9);
	assert_around(k, 9, 4, 5, 9);
	assert_around(k, 3, 20, -1, 9);
	/* Not beyond one that has its body. */
	kit_put(k, room, message(0, 6));
	assert_around(k, 5, 3, 2, 5);
	assert_around(k, 4, 9, -1, 5);
	assert_around(k, 7, 9, 6, 9);
	/* It does not extend into time of which more may be unknown. */
	kit_put(k, room, message(0, 20));
	evict(k, 0);
	assert_around(k, 9, 4, 5, 9);
	assert_around(k, 20, 4, 19, 20);
	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_evicted_around(c, 4711, 4, &room_of, &span), -ENOENT);
	/* Nor into what is on its way. */
	span = (struct store_span){T0, T0 + 5};
	assert_int_equal(store_evicted_around(c, row, 20, &room_of, &span), 0);
	assert_int_equal(span.lo - T0, 0);
	assert_int_equal(span.hi - T0, 5);
	store_read_end(c);
}

static int64_t size_of(struct kit *k)
{
	struct stat st;

	kit_close(k);
	assert_int_equal(stat(k->path, &st), 0);
	kit_open(k);
	return st.st_size;
}

/* A walk through a long past does not make the file longer than what stays. */
static void test_room_is_used_again(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x"), first;

	for (int m = 0; m < 4; m++)
		fill(k, room, m, m, 900);
	first = size_of(k);
	for (int m = 4; m < 8; m++) {
		evict(k, 2700);
		fill(k, room, m, m, 900);
	}
	/* The skeletons are new. */
	assert_true(size_of(k) - first < 3600 * 300);
	assert_true(kit_number(k->path, "SELECT count(*) FROM body") == 3600);
	evict(k, 900);
	assert_true(kit_number(k->path, "PRAGMA freelist_count") > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, kit_test_teardown)
		T(test_counts),
		T(test_a_failure_counts_nothing),
		T(test_skeleton_stays),
		T(test_order_of_use),
		T(test_opened_again_is_no_write),
		T(test_slices),
		T(test_spaces_in_use),
		T(test_ones_of_a_bot),
		T(test_refill),
		T(test_verified),
		T(test_just_opened),
		T(test_just_opened_beside_one_in_use),
		T(test_what_a_range_lacks),
		T(test_what_comes_along),
		T(test_room_is_used_again),
	};

	return cmocka_run_group_tests_name("store evict", tests, NULL, NULL);
}
