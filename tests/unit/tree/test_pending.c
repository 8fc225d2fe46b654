/* SPDX-License-Identifier: MIT */
/* Files that wait for their bytes or their name: the machine of pending.h, with a clock of its own. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "tree/counted.h"
#include "tree/pending.h"

#define DIR_INO 1281
#define AGE_MS 600000

struct kit {
	struct clock clock;
	int64_t now_ms;
	char dir[32];
	struct pendings *pendings;
	struct counted *counted;
	int64_t next_row;
};

static int64_t mono(void *arg)
{
	return ((struct kit *)arg)->now_ms;
}

static int setup(void **state)
{
	struct kit *k = g_new0(struct kit, 1);

	k->now_ms = 1000;
	k->clock = (struct clock){.mono_ms = mono, .wall_ms = mono, .arg = k};
	g_strlcpy(k->dir, "/tmp/pending-XXXXXX", sizeof(k->dir));
	assert_non_null(mkdtemp(k->dir));
	k->counted = counted_new(NULL, &k->clock);
	k->pendings = pendings_new(&k->clock, k->counted);
	k->next_row = 7;
	*state = k;
	return 0;
}

static int teardown(void **state)
{
	struct kit *k = *state;

	pendings_free(&k->pendings);
	counted_free(&k->counted);
	assert_int_equal(rmdir(k->dir), 0);
	g_free(k);
	return 0;
}

/* Open, and without bytes. */
static struct pending *make(struct kit *k, const char *name, bool is_scratch)
{
	struct draft *draft = NULL;
	struct pending *p = NULL;

	assert_int_equal(draft_new(LETTER_FILE, k->dir, &draft), 0);
	assert_int_equal(pending_add(k->pendings, k->next_row, k->next_row, DIR_INO, name,
				     draft, is_scratch, 0644, &p),
			 0);
	k->next_row++;
	return p;
}

static void fill(struct pending *p)
{
	assert_int_equal(draft_write(p->draft, "x", 1, 0, false), 1);
}

static bool is_there(struct kit *k, const char *name)
{
	struct pending *p = pending_by_name(k->pendings, DIR_INO, name);
	bool there = p != NULL;

	pending_unref(k->pendings, &p);
	return there;
}

static guint listed(struct kit *k)
{
	GArray *all = pending_local(k->pendings, DIR_INO);
	guint n = all->len;

	g_array_unref(all);
	return n;
}

static guint old(struct kit *k, int64_t age_ms, bool is_kept, int64_t *ret_next_ms)
{
	GPtrArray *all = pending_take_old(k->pendings, age_ms, ret_next_ms);
	guint n = all->len;

	for (guint i = 0; i < n; i++) {
		struct pending *p = all->pdata[i];

		pending_let_go(k->pendings, p, is_kept);
		pending_unref(k->pendings, &p);
	}
	g_ptr_array_unref(all);
	return n;
}

static void what_has_bytes_goes_at_its_last_close(void **state)
{
	struct kit *k = *state;
	struct pending *p = make(k, "a", false);

	fill(p);
	assert_int_equal(pending_opened(k->pendings, p, false), 0);
	assert_int_equal(pending_closed(k->pendings, p), PENDING_OPEN);
	assert_true(is_there(k, "a"));
	assert_int_equal(pending_closed(k->pendings, p), PENDING_LEFT);
	assert_false(is_there(k, "a"));
	assert_int_equal(pending_opened(k->pendings, p, true), -ESTALE);
	pending_unref(k->pendings, &p);
}

static void what_is_empty_waits_and_can_be_filled(void **state)
{
	struct kit *k = *state;
	struct pending *p = make(k, "a", false);
	int64_t next_ms;

	assert_int_equal(listed(k), 0);
	assert_int_equal(pending_next_ms(k->pendings, AGE_MS), -1);
	assert_int_equal(pending_closed(k->pendings, p), PENDING_WAITS);
	assert_int_equal(listed(k), 1);
	k->now_ms += AGE_MS - 1;
	/* Reading does not begin the time anew, writing does. */
	assert_int_equal(pending_opened(k->pendings, p, false), 0);
	assert_int_equal(pending_closed(k->pendings, p), PENDING_WAITS);
	assert_int_equal(pending_next_ms(k->pendings, AGE_MS), 1);
	assert_int_equal(pending_opened(k->pendings, p, true), 0);
	k->now_ms += 2 * AGE_MS;
	assert_int_equal(old(k, AGE_MS, true, &next_ms), 0);
	assert_int_equal(pending_closed(k->pendings, p), PENDING_WAITS);
	assert_int_equal(pending_next_ms(k->pendings, AGE_MS), AGE_MS);
	assert_int_equal(pending_opened(k->pendings, p, true), 0);
	fill(p);
	assert_int_equal(pending_closed(k->pendings, p), PENDING_LEFT);
	assert_false(is_there(k, "a"));
	pending_unref(k->pendings, &p);
}

static void what_waited_long_enough_goes(void **state)
{
	struct kit *k = *state;
	struct pending *a = make(k, "a", false), *b = make(k, "b~", true),
		       *c = make(k, "c", false);
	int64_t next_ms;

	pending_closed(k->pendings, a);
	k->now_ms += 100;
	pending_closed(k->pendings, b);
	k->now_ms += AGE_MS - 50;
	assert_int_equal(old(k, AGE_MS, false, &next_ms), 1);
	assert_int_equal(next_ms, 50);
	/* It could not be kept: it waits once more. */
	assert_true(is_there(k, "a"));
	assert_int_equal(pending_next_ms(k->pendings, AGE_MS), 50);
	k->now_ms += AGE_MS;
	assert_int_equal(old(k, AGE_MS, true, &next_ms), 2);
	assert_int_equal(next_ms, -1);
	assert_false(is_there(k, "a") || is_there(k, "b~"));
	/* At unmount all that is not under way. */
	assert_true(is_there(k, "c"));
	assert_int_equal(old(k, -1, true, &next_ms), 1);
	pending_unref(k->pendings, &a);
	pending_unref(k->pendings, &b);
	pending_unref(k->pendings, &c);
}

/* Between the look and the end of what is kept, somebody opens it. */
static void who_opens_it_in_time_keeps_it(void **state)
{
	struct kit *k = *state;
	struct pending *p = make(k, "a", false), *taken;
	int64_t next_ms;
	GPtrArray *all;

	pending_closed(k->pendings, p);
	k->now_ms += AGE_MS;
	all = pending_take_old(k->pendings, AGE_MS, &next_ms);
	assert_int_equal(all->len, 1);
	taken = all->pdata[0];
	g_ptr_array_unref(all);
	assert_int_equal(pending_opened(k->pendings, p, true), 0);
	assert_false(pending_let_go(k->pendings, taken, true));
	pending_unref(k->pendings, &taken);
	assert_true(is_there(k, "a") && pending_is_listed(k->pendings, p));
	fill(p);
	assert_int_equal(pending_closed(k->pendings, p), PENDING_LEFT);
	pending_unref(k->pendings, &p);
}

static void an_empty_scratch_file_gets_a_real_name(void **state)
{
	struct kit *k = *state;
	struct pending *p = make(k, "a~", true), *there = make(k, "a", false), *last;
	char *name;

	pending_closed(k->pendings, there);
	pending_closed(k->pendings, p);
	/* Both are only here, and listed. */
	assert_int_equal(listed(k), 2);
	pending_name(k->pendings, p, "a");
	assert_false(p->is_scratch);
	assert_false(pending_is_listed(k->pendings, there));
	assert_int_equal(listed(k), 1);
	assert_true(pending_waits(k->pendings, p));
	assert_int_equal(pending_get_fate(k->pendings, p, &name), PENDING_IS_FILE);
	assert_string_equal(name, "a");
	g_free(name);
	/* rm: the programs that have it open send nothing. */
	assert_int_equal(pending_opened(k->pendings, p, true), 0);
	pending_remove(k->pendings, p);
	assert_true(pending_is_unlinked(k->pendings, p));
	assert_int_equal(pending_closed(k->pendings, p), PENDING_OPEN);
	/* What waits under a name that another file got goes. */
	last = make(k, "a", false);
	pending_closed(k->pendings, last);
	pending_replaced(k->pendings, DIR_INO, "a", there);
	assert_false(is_there(k, "a"));
	pending_unref(k->pendings, &last);
	pending_unref(k->pendings, &p);
	pending_unref(k->pendings, &there);
}

/* A file has its number in the store; a text has none but that of its message. */
static void who_has_it_open_goes_on_when_it_became_a_text(void **state)
{
	struct kit *k = *state;
	struct pending *file = make(k, ".f.swp", true), *text = make(k, ".t.swp", true), *found;

	fill(file);
	fill(text);
	pending_sent(k->pendings, file, "f");
	pending_sent(k->pendings, text, NULL);
	assert_null(pending_nameless(k->pendings, file->row));
	found = pending_nameless(k->pendings, text->row);
	assert_ptr_equal(found, text);
	assert_false(pending_is_unlinked(k->pendings, text));
	pending_unref(k->pendings, &found);
	pending_closed(k->pendings, text);
	assert_null(pending_nameless(k->pendings, text->row));
	pending_closed(k->pendings, file);
	pending_unref(k->pendings, &file);
	pending_unref(k->pendings, &text);
	/* rm came before it was known that its rename had arrived: nothing more of it is sent. */
	file = make(k, ".f.swp", true);
	pending_remove(k->pendings, file);
	pending_sent(k->pendings, file, "f");
	assert_true(pending_is_unlinked(k->pendings, file));
	pending_closed(k->pendings, file);
	pending_unref(k->pendings, &file);
}

/* Which process wrote what may get another's name. */
static void what_is_made_beside(void **state)
{
	struct kit *k = *state;
	struct pending *swap = make(k, ".a.swp", true), *p = make(k, "a.tmp", true);

	pending_set_maker(k->pendings, swap, 100);
	pending_set_maker(k->pendings, p, 100);
	fill(swap);
	assert_false(pending_is_made_beside(k->pendings, DIR_INO, 100));
	fill(p);
	assert_true(pending_is_made_beside(k->pendings, DIR_INO, 100));
	assert_false(pending_is_made_beside(k->pendings, DIR_INO, 101));
	assert_false(pending_is_made_beside(k->pendings, DIR_INO, 0));
	assert_false(pending_is_made_beside(k->pendings, DIR_INO + 1, 100));
	pending_closed(k->pendings, p);
	assert_true(pending_is_made_beside(k->pendings, DIR_INO, 100));
	/* It got its name. */
	pending_sent(k->pendings, p, "a");
	assert_false(pending_is_made_beside(k->pendings, DIR_INO, 100));
	pending_closed(k->pendings, swap);
	pending_unref(k->pendings, &swap);
	pending_unref(k->pendings, &p);
}

#define pending_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		pending_test(what_has_bytes_goes_at_its_last_close),
		pending_test(what_is_empty_waits_and_can_be_filled),
		pending_test(what_waited_long_enough_goes),
		pending_test(who_opens_it_in_time_keeps_it),
		pending_test(who_has_it_open_goes_on_when_it_became_a_text),
		pending_test(an_empty_scratch_file_gets_a_real_name),
		pending_test(what_is_made_beside),
	};

	return cmocka_run_group_tests_name("pending", tests, NULL, NULL);
}
