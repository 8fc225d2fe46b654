/* SPDX-License-Identifier: MIT */
/*
 * Attachments that are being replaced: hidden for as long as something may come in their place, and told of
 * when nothing does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>

#include <cmocka.h>

#include "tree/internal.h"

struct world {
	struct tree tree;
	atomic_int changed, added; /* told changes by type */
};

static _Atomic int64_t skew;

static int64_t now(void *arg)
{
	(void)arg;
	return clock_mono(clock_system()) + atomic_load(&skew);
}

static const struct clock fake_clock = {.mono_ms = now, .wall_ms = now};

static void on_changes(void *arg, GPtrArray *changes)
{
	struct world *w = arg;

	for (guint i = 0; i < changes->len; i++) {
		const struct store_change *c = changes->pdata[i];

		assert_int_equal(7, c->room);
		assert_int_equal(5, c->rowid);
		atomic_fetch_add(c->type == STORE_CONTENT_ADDED ? &w->added : &w->changed, 1);
	}
}

static int setup(void **state)
{
	struct world *w = g_new0(struct world, 1);

	/* Timers are the machine's: what is to be over in ten seconds is over in ten milliseconds. */
	atomic_store(&skew, 10 - REPLACED_HIDE_MS);
	w->tree.config.clock = &fake_clock;
	w->tree.config.on_changes = on_changes;
	w->tree.config.arg = w;
	assert_int_equal(0, work_queue_start("test", &w->tree.config.queue));
	w->tree.counted = counted_new(NULL, &fake_clock);
	w->tree.pendings = pendings_new(&fake_clock, w->tree.counted);
	w->tree.replaced = replaced_new(&w->tree);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	work_queue_stop(&w->tree.config.queue);
	replaced_free(&w->tree.replaced);
	pendings_free(&w->tree.pendings);
	counted_free(&w->tree.counted);
	g_free(w);
	return 0;
}

static void wait_for(atomic_int *n, int wanted)
{
	for (int i = 0; i < 5000 && atomic_load(n) < wanted; i++)
		g_usleep(1000);
	assert_int_equal(wanted, atomic_load(n));
}

static void nothing_comes(void **state)
{
	struct world *w = *state;

	replaced_hide(w->tree.replaced, 5, 7, tree_ino(TREE_SPACE, 7), "a.pdf");
	assert_int_equal(1, w->changed);
	assert_true(replaced_is_hidden(w->tree.replaced, 5));
	assert_false(replaced_is_hidden(w->tree.replaced, 6));
	atomic_store(&skew, 10);
	wait_for(&w->added, 1);
	assert_false(replaced_is_hidden(w->tree.replaced, 5));
}

static void hidden_again(void **state)
{
	struct world *w = *state;

	replaced_hide(w->tree.replaced, 5, 7, tree_ino(TREE_SPACE, 7), "a.pdf");
	replaced_show(w->tree.replaced, tree_ino(TREE_SPACE, 8), "a.pdf");
	replaced_show(w->tree.replaced, tree_ino(TREE_SPACE, 7), "b.pdf");
	assert_true(replaced_is_hidden(w->tree.replaced, 5));
	replaced_show(w->tree.replaced, tree_ino(TREE_SPACE, 7), "a.pdf");
	assert_false(replaced_is_hidden(w->tree.replaced, 5));
	wait_for(&w->added, 1);
	replaced_hide(w->tree.replaced, 5, 7, tree_ino(TREE_SPACE, 7), "a.pdf");
	assert_true(replaced_is_hidden(w->tree.replaced, 5));
}

/* However long it takes to write. */
static void something_is_written(void **state)
{
	struct world *w = *state;
	struct pending *p;
	struct draft *draft;

	assert_int_equal(0, draft_new(LETTER_TEXT, "/tmp", &draft));
	assert_int_equal(0, pending_add(w->tree.pendings, 9, 9, tree_ino(TREE_SPACE, 7),
					"a.pdf", draft, false, 0644, &p));
	replaced_hide(w->tree.replaced, 5, 7, tree_ino(TREE_SPACE, 7), "a.pdf");
	atomic_store(&skew, 10);
	g_usleep(60000);
	assert_true(replaced_is_hidden(w->tree.replaced, 5));
	assert_int_equal(0, w->added);
	assert_int_equal(pending_closed(w->tree.pendings, p), PENDING_LEFT);
	pending_unref(w->tree.pendings, &p);
	replaced_show(w->tree.replaced, tree_ino(TREE_SPACE, 7), "a.pdf");
	wait_for(&w->added, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_comes, setup, teardown),
		cmocka_unit_test_setup_teardown(hidden_again, setup, teardown),
		cmocka_unit_test_setup_teardown(something_is_written, setup, teardown),
	};

	return cmocka_run_group_tests_name("replaced", tests, NULL, NULL);
}
