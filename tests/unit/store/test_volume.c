/* SPDX-License-Identifier: MIT */
/*
 * A large account. What takes how much of the processor is printed with KIT_TIMES=1, for 100,000
 * messages; the test itself is smaller and looks at what comes out.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "kit.h"

#define PAGE_ITEMS 1000

static bool is_timed(void)
{
	return g_getenv("KIT_TIMES") != NULL;
}

/* Of the processor: others use it, too. */
static int64_t spent_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * G_USEC_PER_SEC + t.tv_nsec / 1000;
}

static void print_time(const char *what, int64_t start, int times)
{
	if (is_timed())
		printf("%-36s %8.3f ms\n", what, (double)(spent_us() - start) / 1000 / times);
}

/* A page of messages by seven people, one a second. */
static GPtrArray *make_page(unsigned page)
{
	GPtrArray *list = g_ptr_array_new();

	for (unsigned i = 0; i < PAGE_ITEMS; i++) {
		unsigned n = page * PAGE_ITEMS + i;
		char email[32], text[256];

		g_snprintf(email, sizeof(email), "person%u@example.com", n % 7);
		g_snprintf(text, sizeof(text), "Message number %u, of the usual length: %.*s",
			   n, (int)(n % 120),
			   "words and words and words and words and words and "
			   "words and words and words and words and words and ");
		g_ptr_array_add(list, kit_message(n, T0 + (int64_t)n * 1000, email, text));
	}
	return list;
}

static void fill(struct kit *k, int64_t room, unsigned pages)
{
	int64_t spent = 0;

	/* As history comes: newest first. */
	for (unsigned page = pages; page-- > 0;) {
		int64_t lo = T0 + (int64_t)page * PAGE_ITEMS * 1000 - 1;
		GPtrArray *list = make_page(page);
		int64_t start = spent_us();

		assert_int_equal(store_apply_page(k->s, room, list, lo, lo + PAGE_ITEMS * 1000,
						  STORE_PAGE_INNER, T0, NULL, k->changes),
				 0);
		spent += spent_us() - start;
		g_ptr_array_set_free_func(list, webex_message_free);
		g_ptr_array_unref(list);
		g_ptr_array_set_size(k->changes, 0);
	}
	print_time("a page of 1,000 messages", spent_us() - spent, (int)pages);
}

static bool count_brief(void *arg, const struct store_brief *brief)
{
	*(int *)arg += brief->txt_size > 0;
	return true;
}

static bool count_message(void *arg, const struct store_message *m)
{
	*(int *)arg += m->m.text != NULL;
	return true;
}

static void time_reads(struct kit *k, int64_t room, unsigned pages)
{
	struct store_conn *c;
	int64_t from, start, row;
	int n = 0;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	start = spent_us();
	for (int i = 0; i < 100; i++)
		from = store_message_recent(c, room, -1, PAGE_ITEMS);
	print_time("where the newest 1,000 begin", start, 100);
	start = spent_us();
	for (int i = 0; i < 100; i++) {
		n = 0;
		assert_int_equal(store_message_list(c,
						    &(struct store_range){.room = room,
									  .after = from,
									  .since_ms = -1},
						    count_brief, &n),
				 0);
	}
	print_time("a list of 1,000", start, 100);
	assert_int_equal(n, PAGE_ITEMS);
	start = spent_us();
	n = 0;
	assert_int_equal(
		store_message_each(
			c, &(struct store_range){.room = room, .after = from, .since_ms = -1},
			count_message, &n),
		0);
	print_time("1,000 whole messages", start, 1);
	assert_int_equal(n, PAGE_ITEMS);
	start = spent_us();
	n = 0;
	assert_int_equal(
		store_message_list(
			c, &(struct store_range){.room = room, .after = 0, .since_ms = -1},
			count_brief, &n),
		0);
	print_time("a list of all", start, 1);
	assert_int_equal(n, pages * PAGE_ITEMS);
	start = spent_us();
	for (int i = 0; i < 1000; i++)
		store_message_last_by(c, room, 4711, &row);
	print_time("my newest message of none", start, 1000);
	store_read_end(c);
	start = spent_us();
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(store_read_begin(k->s, &c), 0);
		store_message_by_stem(c, room, T0_NAME "_x", strlen(T0_NAME "_x"), &row);
		store_read_end(c);
	}
	print_time("a look-up with its snapshot", start, 1000);
}

static void test_a_long_room(void **state)
{
	struct kit *k = *state;
	unsigned pages = is_timed() ? 100 : 8;
	int64_t room = kit_add_room(k, 1, "x"), start;

	fill(k, room, pages);
	time_reads(k, room, pages);
	start = spent_us();
	kit_page(k, room, make_page(pages - 1),
		 T0 + (int64_t)(pages - 1) * PAGE_ITEMS * 1000 - 1, 0, STORE_PAGE_HEAD);
	print_time("a page that was known (and making)", start, 1);
	assert_int_equal(k->changes->len, 0);
	start = spent_us();
	assert_int_equal(store_remove_room(k->s, room, k->changes), 0);
	print_time("to leave the room", start, 1);
	start = spent_us();
	kit_reopen(k);
	print_time("to sweep it at the next open", start, 1);
}

static GPtrArray *make_rooms(unsigned n, int64_t activity)
{
	GPtrArray *rooms = g_ptr_array_new_with_free_func(webex_room_free);

	for (unsigned i = 0; i < n; i++) {
		char title[64];
		struct webex_room *room;

		g_snprintf(title, sizeof(title), "Room number %u", i % 4000);
		room = kit_room(i, title, WEBEX_ROOM_GROUP);
		room->last_activity_ms += activity;
		g_ptr_array_add(rooms, room);
	}
	return rooms;
}

static bool count_room(void *arg, const struct store_room *room)
{
	*(int *)arg += room->name != NULL;
	return true;
}

static void test_many_rooms(void **state)
{
	struct kit *k = *state;
	GPtrArray *rooms = make_rooms(5000, 0), *later = make_rooms(5000, 7);
	GArray *missing = g_array_new(FALSE, FALSE, sizeof(int64_t));
	struct store_conn *c;
	int64_t start = spent_us();
	int n = 0;

	assert_int_equal(store_apply_rooms(k->s, rooms, missing, T0, k->changes), 0);
	print_time("5,000 rooms", start, 1);
	assert_int_equal(k->changes->len, 5000);
	start = spent_us();
	assert_int_equal(store_apply_rooms(k->s, rooms, missing, T0, k->changes), 0);
	print_time("the same 5,000 again", start, 1);
	assert_int_equal(k->changes->len, 5000);
	assert_int_equal(store_apply_rooms(k->s, later, missing, T0, k->changes), 0);
	assert_int_equal(k->changes->len + missing->len, 10000);
	g_array_unref(missing);
	assert_int_equal(store_read_begin(k->s, &c), 0);
	start = spent_us();
	assert_int_equal(store_room_list(c, WEBEX_ROOM_GROUP, 0, count_room, &n), 0);
	print_time("a list of them", start, 1);
	assert_int_equal(n, 5000);
	assert_int_equal(store_room_count(k->s, WEBEX_ROOM_GROUP), 5000);
	store_read_end(c);
	g_ptr_array_unref(rooms);
	g_ptr_array_unref(later);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, kit_test_setup, kit_test_teardown)
		T(test_a_long_room),
		T(test_many_rooms),
	};

	return cmocka_run_group_tests_name("store volume", tests, NULL, NULL);
}
