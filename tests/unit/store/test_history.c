/* SPDX-License-Identifier: MIT */
/* The months of a room, the nodes they get, and how many messages there are. */
#include "kit.h"

#include <errno.h>

#include "base/timefmt.h"

static struct kit k;

static int setup(void **state)
{
	(void)state;
	kit_setup_memory(&k);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	kit_teardown(&k);
	return 0;
}

static int64_t iso(const char *text)
{
	int64_t ms;

	assert_int_equal(0, time_parse_iso(text, &ms));
	return ms;
}

static int64_t add_room(const char *created, const char *activity)
{
	struct webex_room *r = kit_room(1, "One", WEBEX_ROOM_GROUP);
	int64_t row;

	r->created_ms = created ? iso(created) : -1;
	r->last_activity_ms = activity ? iso(activity) : -1;
	assert_int_equal(0, store_apply_room(k.s, r, 0, &row, NULL));
	webex_room_free(r);
	return row;
}

static int64_t put(int64_t room, unsigned n, const char *created)
{
	return kit_put(&k, room, kit_message(n, iso(created), "a@example.com", "x"));
}

/* "2024-02 2025-01", "" for none. */
static const char *months(int64_t room)
{
	static char text[2 * TIME_MONTH_SIZE];
	char first[TIME_MONTH_SIZE], last[TIME_MONTH_SIZE];
	struct store_months m;
	struct store_conn *c;

	assert_int_equal(0, store_read_begin(k.s, &c));
	assert_int_equal(0, store_room_months(c, room, &m));
	store_read_end(c);
	if (m.first > m.last)
		return "";
	assert_int_equal(m.last, time_month(m.latest_ms));
	time_format_month(m.first, first);
	time_format_month(m.last, last);
	g_snprintf(text, sizeof(text), "%s %s", first, last);
	return text;
}

static void test_from_creation_to_activity(void **state)
{
	int64_t room = add_room("2024-02-29T23:59:59.999Z", "2025-01-01T00:00:00.000Z");

	(void)state;
	assert_string_equal("2024-02 2025-01", months(room));
	/* What is known may be older and newer than what the room says. */
	put(room, 1, "2023-12-31T23:59:59.999Z");
	assert_string_equal("2023-12 2025-01", months(room));
	put(room, 2, "2025-02-01T00:00:00.000Z");
	assert_string_equal("2023-12 2025-02", months(room));
}

static void test_nothing_happened_since(void **state)
{
	(void)state;
	assert_string_equal("2024-02 2024-02",
			    months(add_room("2024-02-29T23:59:59.999Z", NULL)));
}

/* Better empty months than some left out. */
static void test_without_creation(void **state)
{
	int64_t room = add_room(NULL, "2025-03-01T00:00:00.000Z");
	int64_t old;

	(void)state;
	assert_string_equal("2014-11 2025-03", months(room));
	old = put(room, 1, "2025-01-15T00:00:00.000Z");
	assert_string_equal("2014-11 2025-03", months(room));
	/* The beginning is known: nothing is below the oldest. */
	kit_page(&k, room,
		 kit_list(kit_message(1, iso("2025-01-15T00:00:00.000Z"), "a@example.com", "x"),
			  NULL),
		 -1, 0, STORE_PAGE_HEAD);
	assert_string_equal("2025-01 2025-03", months(room));
	assert_int_equal(0, store_remove_message(k.s, old, NULL));
	kit_page(&k, room, kit_list(NULL, NULL), -1, iso("2025-03-01T00:00:00.000Z"),
		 STORE_PAGE_INNER);
	assert_string_equal("2025-03 2025-03", months(room));
}

static void test_nothing_is_known(void **state)
{
	int64_t room = add_room(NULL, NULL);
	struct store_months m;
	struct store_conn *c;

	(void)state;
	assert_string_equal("", months(room));
	assert_int_equal(0, store_remove_room(k.s, room, NULL));
	assert_int_equal(0, store_read_begin(k.s, &c));
	assert_int_equal(-ENOENT, store_room_months(c, room, &m));
	assert_int_equal(-ENOENT, store_room_months(c, 999, &m));
	store_read_end(c);
}

static bool add_key(void *arg, int64_t rowid, const char *key)
{
	assert_true(rowid > 0);
	g_string_append_printf(arg, "%s ", key);
	return true;
}

static bool add_one_key(void *arg, int64_t rowid, const char *key)
{
	add_key(arg, rowid, key);
	return false;
}

static void test_many_nodes(void **state)
{
	g_autoptr(GPtrArray) keys = g_ptr_array_new();
	g_autoptr(GString) out = g_string_new(NULL);
	int64_t before = kit_node(&k, 65, "7/2024-02"), after;
	struct store_conn *c;

	(void)state;
	(void)kit_node(&k, 48, "7/2024-03");
	g_ptr_array_add(keys, (char *)"7/2024-01");
	g_ptr_array_add(keys, (char *)"7/2024-02");
	g_ptr_array_add(keys, (char *)"70/2024-01");
	assert_int_equal(0, store_nodes_make(k.s, 65, keys));
	assert_int_equal(0, store_nodes_make(k.s, 65, keys));
	assert_int_equal(0, store_read_begin(k.s, &c));
	assert_int_equal(0, store_node_find(c, 65, "7/2024-02", &after));
	assert_int_equal(before, after);
	assert_int_equal(0, store_node_list(c, 65, "7/", add_key, out));
	assert_string_equal("7/2024-02 7/2024-01 ", out->str);
	g_string_truncate(out, 0);
	assert_int_equal(0, store_node_list(c, 65, "7/", add_one_key, out));
	assert_string_equal("7/2024-02 ", out->str);
	g_string_truncate(out, 0);
	assert_int_equal(0, store_node_list(c, 65, "8/", add_key, out));
	assert_string_equal("", out->str);
	store_read_end(c);
}

static void test_count(void **state)
{
	int64_t room = add_room("2024-01-01T00:00:00.000Z", NULL), gone;
	struct store_conn *c;

	(void)state;
	put(room, 1, "2024-01-01T00:00:00.000Z");
	put(room, 2, "2024-01-02T00:00:00.000Z");
	gone = put(room, 3, "2024-01-02T00:00:00.001Z");
	put(room, 4, "2024-01-03T00:00:00.000Z");
	assert_int_equal(0, store_remove_message(k.s, gone, NULL));
	assert_int_equal(0, store_read_begin(k.s, &c));
	assert_int_equal(3, store_message_count(c, room, -1, 100));
	assert_int_equal(2, store_message_count(c, room, -1, 2));
	assert_int_equal(2, store_message_count(c, room, iso("2024-01-02T00:00:00.000Z"), 100));
	assert_int_equal(0, store_message_count(c, 999, -1, 100));
	store_read_end(c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(from_creation_to_activity),
		TEST(nothing_happened_since),
		TEST(without_creation),
		TEST(nothing_is_known),
		TEST(many_nodes),
		TEST(count),
	};

	return cmocka_run_group_tests_name("store history", tests, NULL, NULL);
}
