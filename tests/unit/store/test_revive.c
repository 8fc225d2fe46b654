/* SPDX-License-Identifier: MIT */
/* A message that was taken for gone by mistake, and is told of again. */
#include <errno.h>
#include <string.h>

#include "kit.h"

static int64_t now_ms = T0 + 1000000;

static int64_t fake_now(void *arg)
{
	(void)arg;
	return now_ms;
}

static const struct clock fake_clock = {.mono_ms = fake_now, .wall_ms = fake_now};

static int setup(void **state)
{
	struct kit *k = g_new0(struct kit, 1);

	kit_setup(k);
	k->clock = &fake_clock;
	kit_reopen(k);
	*state = k;
	return 0;
}

static struct webex_message *with_file(void)
{
	struct webex_message *m = kit_message(1, T0, "a@x.org", "one");

	m->files = kit_strings("https://webexapis.com/v1/contents/1", NULL);
	return m;
}

static void assert_there(struct kit *k, int64_t room, bool is)
{
	g_autofree char *stem = kit_stems(k, room);

	assert_int_equal(stem[0] != 0, is);
	assert_int_equal(store_bodies_count(k->s), is + 1);
	assert_int_equal(kit_number(k->path, "SELECT sum(bodies) FROM month"), is + 1);
	assert_int_equal(kit_number(k->path, "SELECT count(*) FROM content WHERE gone=0"), is);
}

static void page(struct kit *k, int64_t room)
{
	kit_page(k, room, kit_list(with_file(), NULL), -1, 0, STORE_PAGE_HEAD);
}

static void test_by_a_page(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x"), other = kit_add_room(k, 2, "y"), row;

	kit_put(k, other, kit_message(7, T0, "a@x.org", "elsewhere"));
	page(k, room);
	assert_there(k, room, true);
	row = kit_number(k->path, "SELECT rowid FROM message WHERE deleted=0 ORDER BY room");
	assert_int_equal(store_remove_message(k->s, row, NULL), 0);
	now_ms += 59999;
	g_ptr_array_set_size(k->changes, 0);
	page(k, room);
	assert_there(k, room, false);
	assert_text(kit_changes(k), "");
	now_ms += 1;
	page(k, room);
	assert_there(k, room, true);
	/* No news, and the same row. */
	assert_int_equal(k->changes->len, 1);
	assert_int_equal(((struct store_change *)k->changes->pdata[0])->rowid, row);
	assert_false(((struct store_change *)k->changes->pdata[0])->is_news);
	page(k, room);
	assert_int_equal(k->changes->len, 1);
}

/* By its own GET; as one of which only the row was left. */
static void test_by_itself(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x"), other = kit_add_room(k, 2, "y"), row;
	struct store_evict all = {.limit = 1, .slice = 100};

	kit_put(k, other, kit_message(7, T0, "a@x.org", "elsewhere"));
	row = kit_put(k, room, with_file());
	now_ms += INT64_C(100) * 3600 * 1000;
	while (store_evict(k->s, &all) == 1)
		;
	assert_int_equal(store_remove_message(k->s, row, NULL), 0);
	now_ms += 60000;
	assert_int_equal(kit_put(k, room, with_file()), row);
	assert_int_equal(kit_number(k->path, "SELECT sum(bodies+evicted) FROM month"), 2);
	assert_int_equal(kit_number(k->path, "SELECT count(*) FROM month WHERE evicted<0"), 0);
	assert_int_equal(kit_number(k->path, "SELECT sum(bodies) FROM month"),
			 kit_number(k->path, "SELECT count(*) FROM body"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_by_a_page, setup, kit_test_teardown),
		cmocka_unit_test_setup_teardown(test_by_itself, setup, kit_test_teardown),
	};

	return cmocka_run_group_tests_name("store revive", tests, NULL, NULL);
}
