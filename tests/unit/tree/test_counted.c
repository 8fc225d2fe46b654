/* SPDX-License-Identifier: MIT */
/* Numbers of names that have no row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <unistd.h>

#include "tree/counted.h"
#include "tree/pending.h"

struct kit {
	struct store *store;
	struct counted *counted;
	struct clock clock;
	int64_t now_ms;
};

static int64_t now(void *arg)
{
	return ((struct kit *)arg)->now_ms;
}

static int setup(void **state)
{
	struct kit *k = g_new0(struct kit, 1);
	char *holder = NULL;

	k->clock = (struct clock){.mono_ms = now, .wall_ms = now, .arg = k};
	k->now_ms = 100000;
	assert_int_equal(0, store_open(&(struct store_config){0}, &k->store, &holder));
	k->counted = counted_new(k->store, &k->clock);
	*state = k;
	return 0;
}

static int teardown(void **state)
{
	struct kit *k = *state;

	counted_free(&k->counted);
	store_close(&k->store);
	g_free(k);
	return 0;
}

static int64_t hold(struct kit *k, const char *key)
{
	int64_t row = 0;

	assert_int_equal(0, counted_hold(k->counted, TREE_ADDRESS, key, &row));
	return row;
}

static void assert_key(struct kit *k, int64_t row, const char *wanted)
{
	char *key = NULL;

	assert_int_equal(wanted ? 0 : -ESTALE, counted_key(k->counted, row, &key));
	if (wanted)
		assert_string_equal(wanted, key);
	g_free(key);
}

static void test_one_number_a_name(void **state)
{
	struct kit *k = *state;
	int64_t a = hold(k, "a@x"), b = hold(k, "b@x"), other = 0;

	assert_int_equal(a, hold(k, "a@x"));
	assert_int_not_equal(a, b);
	assert_int_equal(0, counted_hold(k->counted, TREE_PEOPLE, "a@x", &other));
	assert_int_not_equal(a, other);
	assert_key(k, a, "a@x");
	assert_key(k, b, "b@x");
	/* A row of the store is none of these. */
	assert_key(k, store_new_rowid(k->store), NULL);
}

static void test_it_is_there_as_long_as_it_is_counted(void **state)
{
	struct kit *k = *state;
	int64_t a = hold(k, "a@x");

	counted_add(k->counted, a);
	counted_add(k->counted, a);
	counted_drop(k->counted, a, 2);
	k->now_ms += 1000000;
	hold(k, "b@x");
	assert_key(k, a, "a@x");
	counted_drop(k->counted, a, 1);
	/* Somebody looks again at once, and finds the same. */
	k->now_ms += 9000;
	assert_int_equal(a, hold(k, "a@x"));
	counted_drop(k->counted, a, 1);
	k->now_ms += 9999;
	hold(k, "c@x");
	assert_key(k, a, "a@x");
	k->now_ms += 1;
	hold(k, "d@x");
	assert_key(k, a, NULL);
	assert_false(counted_is_known(k->counted, TREE_ADDRESS, "a@x"));
	/* A number never comes again. */
	assert_true(hold(k, "a@x") > a);
}

static void test_more_than_was_counted(void **state)
{
	struct kit *k = *state;
	int64_t a = hold(k, "a@x");

	counted_drop(k->counted, a, 5);
	counted_drop(k->counted, a, 5);
	assert_int_equal(a, hold(k, "a@x"));
	counted_drop(k->counted, 4711, 1);
	counted_add(k->counted, 4711);
	assert_key(k, 4711, NULL);
}

static void test_not_more_than_so_many(void **state)
{
	struct kit *k = *state;
	int64_t first = 0, row;
	char key[16];

	for (int i = 0; i < COUNTED_MAX; i++) {
		g_snprintf(key, sizeof(key), "%d@x", i);
		row = hold(k, key);
		first = first ? first : row;
	}
	assert_int_equal(-ENFILE, counted_hold(k->counted, TREE_ADDRESS, "b@x", &row));
	/* What is there can be had, and what nobody holds makes room. */
	assert_int_equal(first, hold(k, "0@x"));
	counted_drop(k->counted, first, 1);
	assert_int_equal(-ENFILE, counted_hold(k->counted, TREE_ADDRESS, "b@x", &row));
	counted_drop(k->counted, first, 1);
	hold(k, "b@x");
	assert_key(k, first, NULL);
}

/* ---- names that the kernel knows ---- */

static int64_t look_up(struct kit *k, const char *name)
{
	char *key = g_utf8_strdown(name, -1);
	int64_t row = hold(k, key);

	counted_name(k->counted, row, TREE_DIRECT, name);
	g_free(key);
	return row;
}

static char *take_name(struct kit *k)
{
	uint64_t dir = 0;
	char *name = NULL;

	if (counted_take_name(k->counted, &dir, &name))
		assert_int_equal(TREE_DIRECT, dir);
	return name;
}

static void assert_taken(struct kit *k, const char *wanted)
{
	char *name = take_name(k);

	if (wanted)
		assert_string_equal(wanted, name);
	else
		assert_null(name);
	g_free(name);
}

static void test_what_was_used_longest_ago_is_dropped(void **state)
{
	struct kit *k = *state;
	int64_t a = look_up(k, "a@x"), c;
	char key[16];

	look_up(k, "b@x");
	c = look_up(k, "c@x");
	/* The same file by another name. */
	assert_int_equal(c, look_up(k, "C@X"));
	for (int i = 4; i < COUNTED_NAMES_MAX; i++) {
		g_snprintf(key, sizeof(key), "%d@x", i);
		look_up(k, key);
	}
	assert_taken(k, NULL);
	/* A name that it has, a look at what is in it, a name more. */
	look_up(k, "4@x");
	assert_key(k, a, "a@x");
	assert_taken(k, NULL);
	look_up(k, "new@x");
	assert_taken(k, "b@x");
	assert_taken(k, NULL);
	/* The kernel has forgotten one by itself. */
	counted_drop(k->counted, look_up(k, "5@x"), 2);
	look_up(k, "newer@x");
	assert_taken(k, NULL);
	look_up(k, "newest@x");
	assert_taken(k, "c@x");
	look_up(k, "last@x");
	assert_taken(k, "C@X");
}

/* In the place of a kernel that forgets what it is told to drop. */
static void test_more_names_than_numbers(void **state)
{
	struct kit *k = *state;
	GHashTable *rows = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	char key[16], *name;

	for (int i = 0; i < COUNTED_MAX + 5000; i++) {
		g_snprintf(key, sizeof(key), "%d@x", i);
		g_hash_table_insert(rows, g_strdup(key), (gpointer)(uintptr_t)look_up(k, key));
		while ((name = take_name(k))) {
			counted_drop(k->counted,
				     (int64_t)(uintptr_t)g_hash_table_lookup(rows, name), 1);
			g_hash_table_remove(rows, name);
			g_free(name);
		}
	}
	assert_int_equal(COUNTED_NAMES_MAX, g_hash_table_size(rows));
	g_hash_table_unref(rows);
}

/* A file that is being written in such a directory holds its number. */
static void test_a_file_holds_its_directory(void **state)
{
	struct kit *k = *state;
	struct pendings *pendings = pendings_new(&k->clock, k->counted);
	char dir[] = "/tmp/counted-XXXXXX";
	struct pending *p = NULL;
	struct draft *draft = NULL;
	int64_t a = hold(k, "a@x");

	assert_non_null(mkdtemp(dir));
	assert_int_equal(0, draft_new(LETTER_FILE, dir, &draft));
	assert_int_equal(0, pending_add(pendings, 9, 9, tree_ino(TREE_ADDRESS, a), ".f.swp",
					draft, true, 0600, &p));
	counted_drop(k->counted, a, 1);
	k->now_ms += 1000000;
	hold(k, "b@x");
	assert_key(k, a, "a@x");
	pending_remove(pendings, p);
	pending_closed(pendings, p);
	pending_unref(pendings, &p);
	k->now_ms += 1000000;
	hold(k, "c@x");
	assert_key(k, a, NULL);
	pendings_free(&pendings);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_one_number_a_name),
		T(test_it_is_there_as_long_as_it_is_counted),
		T(test_more_than_was_counted),
		T(test_what_was_used_longest_ago_is_dropped),
		T(test_more_names_than_numbers),
		T(test_not_more_than_so_many),
		T(test_a_file_holds_its_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
