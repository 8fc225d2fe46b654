/* SPDX-License-Identifier: MIT */
/* The table of unsent/ (entries.h) beside a list that is searched from its begin to its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glib.h>

#include "outbox/entries.h"

#define NUMBERS 40
#define SIZES 4
#define GONE_MS 10000

struct plain {
	bool is_listed, is_doubt;
	int size;
	unsigned version; /* of its name */
	int64_t gone_ms;  /* -1: it is not gone */
	unsigned gone_version;
};

static char *name_of(int64_t n, unsigned version)
{
	return g_strdup_printf("letter %d %u", (int)n, version);
}

static void put(struct outbox_entries *t, struct plain *p, int64_t n, GRand *dice)
{
	struct outbox_entry *e = g_new0(struct outbox_entry, 1);

	p->is_listed = true;
	p->is_doubt = g_rand_boolean(dice);
	p->size = g_rand_int_range(dice, 0, SIZES);
	p->version++;
	e->item.n = n;
	e->item.name = name_of(n, p->version);
	e->item.size = p->size;
	e->key = g_strdup(e->item.name);
	e->is_doubt = p->is_doubt;
	entries_put(t, e);
}

static void act(struct outbox_entries *t, struct plain *p, int64_t n, int64_t now, GRand *dice)
{
	struct outbox_entry *e = entries_find(t, n);

	switch (g_rand_int_range(dice, 0, 5)) {
	case 0:
	case 1:
		/* A letter that is gone never comes back. */
		if (p->gone_ms < 0)
			put(t, p, n, dice);
		break;
	case 2:
		if (e)
			entries_drop(t, e);
		p->is_listed = false;
		break;
	case 3:
		if (!e)
			break;
		entries_set_gone(t, e, now);
		p->is_listed = false;
		p->gone_ms = now;
		p->gone_version = p->version;
		break;
	case 4:
		if (entries_forget(t, n))
			assert_true(p->gone_ms >= 0);
		p->gone_ms = -1;
		break;
	default:
		break;
	}
}

static bool note_number(void *arg, const struct outbox_entry *e)
{
	GArray *numbers = arg;

	g_array_append_val(numbers, e->item.n);
	return numbers->len < NUMBERS / 2;
}

static void note_size(void *arg, const struct outbox_entry *e)
{
	g_array_append_val((GArray *)arg, e->item.n);
}

static void compare_lists(struct outbox_entries *t, const struct plain *all, int64_t from)
{
	g_autoptr(GArray) numbers = g_array_new(FALSE, FALSE, sizeof(int64_t));
	g_autoptr(GArray) same = g_array_new(FALSE, FALSE, sizeof(int64_t));
	int size = (int)from % SIZES;
	guint i = 0, j = 0;

	entries_each(t, from, note_number, numbers);
	entries_of_size(t, size, note_size, same);
	for (int64_t n = 1; n < NUMBERS; n++) {
		if (all[n].is_listed && n >= from && i < NUMBERS / 2)
			assert_int_equal(g_array_index(numbers, int64_t, i++), n);
		if (all[n].is_listed && all[n].size == size)
			assert_int_equal(g_array_index(same, int64_t, j++), n);
	}
	assert_int_equal(i, numbers->len);
	assert_int_equal(j, same->len);
}

static void compare(struct outbox_entries *t, const struct plain *all, int64_t now)
{
	int count = 0, doubts = 0;

	for (int64_t n = 1; n < NUMBERS; n++) {
		const struct plain *p = &all[n];
		g_autofree char *name = name_of(n, p->version);
		g_autofree char *gone = name_of(n, p->gone_version);
		bool is_gone = p->gone_ms >= 0 && now - p->gone_ms <= GONE_MS;

		count += p->is_listed;
		doubts += p->is_listed && p->is_doubt;
		assert_true(!entries_find(t, n) == !p->is_listed);
		assert_ptr_equal(entries_named(t, name), entries_find(t, n));
		assert_int_equal(entries_gone_named(t, gone, now), is_gone ? n : 0);
	}
	assert_int_equal(entries_count(t), count);
	assert_int_equal(entries_count_doubts(t), doubts);
}

static void test_it_is_like_a_plain_list(void **state)
{
	struct plain all[NUMBERS] = {0};
	struct outbox_entries *t = entries_new();
	GRand *dice = g_rand_new_with_seed(7);
	int64_t now = 1;

	(void)state;
	for (int64_t n = 0; n < NUMBERS; n++)
		all[n].gone_ms = -1;
	for (int i = 0; i < 4000; i++) {
		int64_t n = g_rand_int_range(dice, 1, NUMBERS);

		act(t, &all[n], n, now, dice);
		now += g_rand_int_range(dice, 0, 1000);
		compare(t, all, now);
		compare_lists(t, all, n);
		/* What is older is forgotten for good. */
		for (n = 1; n < NUMBERS; n++)
			if (all[n].gone_ms >= 0 && now - all[n].gone_ms > GONE_MS)
				all[n].gone_ms = -1;
	}
	put(t, &all[0], NUMBERS, dice);
	entries_set_gone(t, entries_find(t, NUMBERS), now);
	put(t, &all[0], NUMBERS + 1, dice);
	g_rand_free(dice);
	entries_free(&t);
	assert_null(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_is_like_a_plain_list),
	};

	return cmocka_run_group_tests_name("outbox entries", tests, NULL, NULL);
}
