/* SPDX-License-Identifier: MIT */
/* Sizes of texts, and the form that they are of. */
#include <string.h>

#include "kit.h"
#include "store/sizes.h"
#include "webex/render.h"

#define OLD_ROWS "SELECT count(*) FROM message WHERE form=0"

/* Four messages of one space. */
static int64_t fill(struct kit *k)
{
	int64_t room = kit_add_room(k, 1, "room");

	for (unsigned n = 1; n <= 4; n++)
		kit_put(k, room, kit_message(n, T0 + n, "a@x", "some text"));
	g_ptr_array_set_size(k->changes, 0);
	return room;
}

/* As another form, shorter by ten bytes, would have left them. */
static void age(struct kit *k)
{
	kit_close(k);
	kit_sql(k->path,
		"UPDATE message SET form=0, txt_size=txt_size-10, log_size=log_size-10;"
		"DELETE FROM meta WHERE key='sizes.form'");
	kit_open(k);
}

static bool add_size(void *arg, const struct store_brief *b)
{
	g_string_append_printf(arg, "%d ", (int)b->txt_size);
	return true;
}

static char *sizes(struct kit *k, int64_t room)
{
	GString *out = g_string_new(NULL);
	struct store_range range = {.room = room};
	struct store_conn *c;
	int64_t size = 0;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_message_list(c, &range, add_size, out), 0);
	if (kit_log_size(c, room, &size) == 0)
		g_string_append_printf(out, "log %d", (int)size);
	else
		g_string_append(out, "log unknown");
	store_read_end(c);
	return g_string_free(out, FALSE);
}

/* "some text\n"; in a transcript "2025-03-04 09:20 +0000 a@x: some text\n". */
#define KNOWN "10 10 10 10 log 152"

static void test_a_size_of_an_older_form_is_not_known(void **state)
{
	struct kit *k = *state;
	int64_t room = fill(k);

	assert_text(sizes(k, room), KNOWN);
	age(k);
	assert_text(sizes(k, room), "-1 -1 -1 -1 log unknown");
}

static void test_sizes_are_found_slice_by_slice(void **state)
{
	struct kit *k = *state;
	int64_t room = fill(k);
	uint64_t generation;

	age(k);
	generation = store_generation(k->s);
	assert_int_equal(store_renew_sizes(k->s, 2), 1);
	assert_text(sizes(k, room), "10 10 -1 -1 log unknown");
	assert_int_equal(store_renew_sizes(k->s, 2), 1);
	/* A size that nobody was told is no change. */
	assert_int_equal(store_generation(k->s), generation);
	assert_text(sizes(k, room), KNOWN);
	assert_int_equal(store_renew_sizes(k->s, 2), 0);
	assert_text(kit_changes(k), "");
	/* The next mount does not look again. */
	kit_sql(k->path, "UPDATE message SET form=0");
	kit_reopen(k);
	assert_int_equal(store_renew_sizes(k->s, 2), 0);
}

static void test_a_new_store_has_none_to_be_found(void **state)
{
	struct kit *k = *state;

	fill(k);
	assert_int_equal(store_renew_sizes(k->s, 2), 0);
	assert_int_equal(
		kit_number(k->path, "SELECT count(*) FROM message WHERE form<>" G_STRINGIFY(
					    WEBEX_TEXT_FORM)),
		0);
}

static void test_what_is_dropped_takes_its_size_along(void **state)
{
	struct kit *k = *state;
	int64_t room = fill(k);
	struct store_evict all = {.limit = 0, .slice = 10};

	age(k);
	assert_int_equal(store_evict(k->s, &all), 0);
	assert_int_equal(store_bodies_count(k->s), 0);
	assert_text(sizes(k, room), KNOWN);
}

static GPtrArray *all_of_them(void)
{
	GPtrArray *page = g_ptr_array_new_with_free_func((GDestroyNotify)webex_message_free);

	for (unsigned n = 1; n <= 4; n++)
		g_ptr_array_add(page, kit_message(n, T0 + n, "a@x", "some text"));
	return page;
}

/* Dropped by a program that knew another form. */
static int64_t drop_then_age(struct kit *k)
{
	int64_t room = fill(k);
	struct store_evict all = {.limit = 0, .slice = 10};

	assert_int_equal(store_evict(k->s, &all), 0);
	age(k);
	while (store_renew_sizes(k->s, 2) == 1)
		;
	assert_text(sizes(k, room), "-1 -1 -1 -1 log unknown");
	return room;
}

static void test_a_dropped_text_has_a_size_when_it_is_back(void **state)
{
	struct kit *k = *state;
	int64_t room = drop_then_age(k);
	g_autoptr(GPtrArray) page = all_of_them();

	assert_int_equal(store_apply_page(k->s, room, page, T0, T0 + 4, STORE_PAGE_INNER, T0,
					  NULL, k->changes),
			 0);
	assert_text(sizes(k, room), KNOWN);
	assert_int_equal(store_bodies_count(k->s), 4);
	assert_text(kit_changes(k), "");
}

/* A page that is looked at anyway tells the sizes, too, and leaves the bodies where they are. */
static void test_a_sweep_finds_sizes(void **state)
{
	struct kit *k = *state;
	int64_t room = drop_then_age(k);
	g_autoptr(GPtrArray) page = all_of_them();

	assert_int_equal(store_apply_page(k->s, room, page, T0, T0 + 4,
					  STORE_PAGE_INNER | STORE_PAGE_VERIFIES, T0, NULL,
					  k->changes),
			 0);
	assert_text(sizes(k, room), KNOWN);
	assert_int_equal(store_bodies_count(k->s), 0);
	assert_text(kit_changes(k), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, kit_test_setup, kit_test_teardown)
		T(test_a_size_of_an_older_form_is_not_known),
		T(test_sizes_are_found_slice_by_slice),
		T(test_a_new_store_has_none_to_be_found),
		T(test_what_is_dropped_takes_its_size_along),
		T(test_a_dropped_text_has_a_size_when_it_is_back),
		T(test_a_sweep_finds_sizes),
	};

	return cmocka_run_group_tests_name("store sizes", tests, NULL, NULL);
}
