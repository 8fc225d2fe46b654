/* SPDX-License-Identifier: MIT */
/*
 * One writer and many readers at once, on disk and in memory: nobody is ever told that the store
 * is busy, and every snapshot is of one moment.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "kit.h"

#define READERS 8
#define PAGES 150
#define PAGE_ITEMS 10

struct stress {
	struct store *s;
	atomic_int_fast64_t room; /* 0: the writer is to make it */
	atomic_bool done;
	atomic_int failures, snapshots;
};

static bool count_brief(void *arg, const struct store_brief *brief)
{
	*(int *)arg += brief->stem[0] == '2';
	return true;
}

static bool count_message(void *arg, const struct store_message *m)
{
	*(int *)arg += m->m.text[0] == 'x';
	return true;
}

/* All that one snapshot says is of the same moment. */
static bool read_once(struct stress *t)
{
	int64_t pages, room = atomic_load(&t->room);
	struct store_span span = {0};
	int briefs = 0, whole = 0;
	struct store_conn *c;
	bool good;

	if (store_read_begin(t->s, &c) < 0)
		return false;
	pages = store_meta_get_int(c, "pages", 0);
	good = store_message_list(
		       c, &(struct store_range){.room = room, .after = 0, .since_ms = -1},
		       count_brief, &briefs) == 0 &&
	       store_message_each(
		       c, &(struct store_range){.room = room, .after = 0, .since_ms = -1},
		       count_message, &whole) == 0;
	good = good && briefs == whole && briefs % PAGE_ITEMS == 0;
	/* meta is written after its page, in a transaction of its own. */
	good = good && (briefs == pages * PAGE_ITEMS || briefs == (pages + 1) * PAGE_ITEMS);
	if (briefs)
		good = good && store_span_head(c, room, &span) == 0 &&
		       span.hi == T0 + briefs - 1;
	store_read_end(c);
	return good;
}

static void *reader(void *arg)
{
	struct stress *t = arg;

	while (!atomic_load(&t->done)) {
		if (!atomic_load(&t->room))
			continue;
		if (!read_once(t))
			atomic_fetch_add(&t->failures, 1);
		atomic_fetch_add(&t->snapshots, 1);
		if (store_new_rowid(t->s) <= 0)
			atomic_fetch_add(&t->failures, 1);
		store_generation(t->s);
	}
	return NULL;
}

static void add_room(struct stress *t)
{
	struct webex_room *room = kit_room(1, "x", WEBEX_ROOM_GROUP);
	int64_t rowid = 0;

	if (store_apply_room(t->s, room, 0, &rowid, NULL) < 0)
		atomic_fetch_add(&t->failures, 1);
	atomic_store(&t->room, rowid);
	webex_room_free(room);
}

static void *writer(void *arg)
{
	struct stress *t = arg;

	if (!atomic_load(&t->room))
		add_room(t);
	for (unsigned page = 0; page < PAGES; page++) {
		GPtrArray *list = g_ptr_array_new_with_free_func(webex_message_free);
		GPtrArray *changes = store_changes_new();
		int64_t lo = T0 + (int64_t)page * PAGE_ITEMS - 1;

		for (unsigned i = 0; i < PAGE_ITEMS; i++)
			g_ptr_array_add(list, kit_message(i, lo + 1 + i, "a@x", "x"));
		if (store_apply_page(t->s, atomic_load(&t->room), list, lo, 0, STORE_PAGE_HEAD,
				     T0, NULL, changes) < 0 ||
		    store_meta_set_int(t->s, "pages", page + 1) < 0 || changes->len < 1 ||
		    changes->len > PAGE_ITEMS)
			atomic_fetch_add(&t->failures, 1);
		g_ptr_array_unref(list);
		g_ptr_array_unref(changes);
	}
	atomic_store(&t->done, true);
	return NULL;
}

static void test_readers_and_writer(void **state)
{
	struct kit *k = *state;
	struct stress t = {.s = k->s};
	pthread_t threads[READERS], writing;

	assert_int_equal(pthread_create(&writing, NULL, writer, &t), 0);
	for (unsigned i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, reader, &t), 0);
	assert_int_equal(pthread_join(writing, NULL), 0);
	for (unsigned i = 0; i < READERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(atomic_load(&t.failures), 0);
	assert_true(atomic_load(&t.snapshots) > 0);
	assert_int_equal(store_generation(k->s), 1 + 2 * PAGES);
}

/* ---- numbers ---- */

#define NUMBERS 20000

struct numbers {
	struct store *s;
	int64_t *taken;
};

static void *take_numbers(void *arg)
{
	struct numbers *n = arg;

	for (unsigned i = 0; i < NUMBERS; i++)
		n->taken[i] = store_new_rowid(n->s);
	return NULL;
}

static void test_numbers_differ(void **state)
{
	struct kit *k = *state;
	struct numbers n[4];
	pthread_t threads[4];
	GHashTable *all = g_hash_table_new(g_int64_hash, g_int64_equal);

	for (unsigned i = 0; i < 4; i++) {
		n[i].s = k->s;
		n[i].taken = g_new0(int64_t, NUMBERS);
		assert_int_equal(pthread_create(&threads[i], NULL, take_numbers, &n[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		for (unsigned j = 0; j < NUMBERS; j++)
			assert_true(g_hash_table_add(all, &n[i].taken[j]));
	}
	g_hash_table_destroy(all);
	for (unsigned i = 0; i < 4; i++)
		g_free(n[i].taken);
}

/* ---- snapshots ---- */

/* A reader's snapshot on disk does not hold up the writer, and does not move. */
static void test_snapshot_stands_still(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x");
	struct stress t = {.s = k->s, .room = room};
	struct store_conn *c;
	pthread_t thread;
	int before = 0, after = 0;

	/* Who writes first is the writer; the thread of this test is it no longer. */
	kit_reopen(k);
	t.s = k->s;
	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(
		store_message_list(
			c, &(struct store_range){.room = room, .after = 0, .since_ms = -1},
			count_brief, &before),
		0);
	assert_int_equal(pthread_create(&thread, NULL, writer, &t), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(
		store_message_list(
			c, &(struct store_range){.room = room, .after = 0, .since_ms = -1},
			count_brief, &after),
		0);
	assert_int_equal(before, 0);
	assert_int_equal(after, 0);
	store_read_end(c);
	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(
		store_message_list(
			c, &(struct store_range){.room = room, .after = 0, .since_ms = -1},
			count_brief, &after),
		0);
	assert_int_equal(after, PAGES * PAGE_ITEMS);
	store_read_end(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name, before) cmocka_unit_test_setup_teardown(name, before, kit_test_teardown)
		T(test_readers_and_writer, kit_test_setup),
		T(test_readers_and_writer, kit_test_setup_memory),
		T(test_numbers_differ, kit_test_setup),
		T(test_snapshot_stands_still, kit_test_setup),
	};

	return cmocka_run_group_tests_name("store threads", tests, NULL, NULL);
}
