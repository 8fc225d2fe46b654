/* SPDX-License-Identifier: MIT */
/* The notifier, in front of a kernel that holds some of its threads back. libfuse is played. */
#define FUSE_USE_VERSION 314
#include <errno.h>
#include <fuse_lowlevel.h>
#include <glib.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "fs/notify.h"
#include "tree/ino.h"

#define DEADLINE_MS 20000

/* ---- the kernel ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static GHashTable *stuck; /* lock; of inodes, as pointers */
static GHashTable *told;  /* lock; how often, of inodes */
static int inside;	  /* lock: threads that are held back */
static off_t last_from;	  /* lock */
static int dropped;	  /* lock: names that it was told to drop */

static int enter(uint64_t ino)
{
	gpointer key = (gpointer)(uintptr_t)ino;

	pthread_mutex_lock(&lock);
	inside++;
	pthread_cond_broadcast(&changed);
	while (g_hash_table_contains(stuck, key))
		pthread_cond_wait(&changed, &lock);
	inside--;
	g_hash_table_insert(
		told, key,
		GINT_TO_POINTER(GPOINTER_TO_INT(g_hash_table_lookup(told, key)) + 1));
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	return 0;
}

int fuse_lowlevel_notify_inval_inode(struct fuse_session *se, fuse_ino_t ino, off_t off,
				     off_t len)
{
	(void)se;
	(void)len;
	pthread_mutex_lock(&lock);
	last_from = off;
	pthread_mutex_unlock(&lock);
	return enter(ino);
}

int fuse_lowlevel_notify_inval_entry(struct fuse_session *se, fuse_ino_t parent,
				     const char *name, size_t namelen)
{
	(void)se;
	assert_int_equal(strlen(name), namelen);
	pthread_mutex_lock(&lock);
	dropped++;
	pthread_mutex_unlock(&lock);
	return enter(parent);
}

#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 16)
int fuse_lowlevel_notify_expire_entry(struct fuse_session *se, fuse_ino_t parent,
				      const char *name, size_t namelen)
#else
int fuse_lowlevel_notify_expire_entry(struct fuse_session *se, fuse_ino_t parent,
				      const char *name, size_t namelen,
				      enum fuse_expire_flags flags G_GNUC_UNUSED)
#endif
{
	(void)se;
	assert_int_equal(strlen(name), namelen);
	return enter(parent);
}

static void hold_back(uint64_t ino)
{
	pthread_mutex_lock(&lock);
	g_hash_table_add(stuck, (gpointer)(uintptr_t)ino);
	pthread_mutex_unlock(&lock);
}

static void let_go(uint64_t ino)
{
	pthread_mutex_lock(&lock);
	g_hash_table_remove(stuck, (gpointer)(uintptr_t)ino);
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static bool wait_locked(void)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += DEADLINE_MS / 1000;
	return pthread_cond_timedwait(&changed, &lock, &until) == 0;
}

static void wait_told(uint64_t ino, int times)
{
	gpointer key = (gpointer)(uintptr_t)ino;

	pthread_mutex_lock(&lock);
	while (GPOINTER_TO_INT(g_hash_table_lookup(told, key)) < times)
		assert_true(wait_locked());
	assert_int_equal(GPOINTER_TO_INT(g_hash_table_lookup(told, key)), times);
	pthread_mutex_unlock(&lock);
}

static void wait_inside(int n)
{
	pthread_mutex_lock(&lock);
	while (inside != n)
		assert_true(wait_locked());
	pthread_mutex_unlock(&lock);
}

/* ---- waiters ---- */

struct waiter {
	int calls; /* lock */
};

static void called(void *arg)
{
	struct waiter *w = arg;

	pthread_mutex_lock(&lock);
	w->calls++;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

/* How long it took. */
static int64_t wait_called(struct waiter *w)
{
	int64_t start = clock_mono(clock_system());

	pthread_mutex_lock(&lock);
	while (!w->calls)
		assert_true(wait_locked());
	assert_int_equal(w->calls, 1);
	pthread_mutex_unlock(&lock);
	return clock_mono(clock_system()) - start;
}

static bool is_called(struct waiter *w)
{
	bool is;

	pthread_mutex_lock(&lock);
	is = w->calls > 0;
	pthread_mutex_unlock(&lock);
	return is;
}

/* ---- ---- */

static int set_up(void **state)
{
	struct notifier *n = NULL;

	stuck = g_hash_table_new(NULL, NULL);
	told = g_hash_table_new(NULL, NULL);
	inside = 0;
	assert_int_equal(notifier_start(NULL, &n), 0);
	*state = n;
	return 0;
}

static int tear_down(void **state)
{
	struct notifier *n = *state;

	pthread_mutex_lock(&lock);
	g_hash_table_remove_all(stuck);
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	notifier_free(&n);
	assert_null(n);
	g_hash_table_unref(stuck);
	g_hash_table_unref(told);
	return 0;
}

#define TXT(row) tree_ino(TREE_MESSAGE_TXT, row)

static void test_those_held_back_delay_nobody_else(void **state)
{
	struct notifier *n = *state;
	struct waiter w = {0};

	/* More than there are threads at first. */
	for (int i = 1; i <= 6; i++) {
		hold_back(TXT(i));
		notify_inode(n, TXT(i));
		hold_back(tree_ino(TREE_SPACE, i));
		notify_name(n, tree_ino(TREE_SPACE, i), "x");
	}
	wait_inside(12);
	for (int i = 100; i < 200; i++)
		notify_inode(n, TXT(i));
	notify_name(n, tree_ino(TREE_SPACES, 0), "Ops");
	for (int i = 100; i < 200; i++)
		wait_told(TXT(i), 1);
	wait_told(tree_ino(TREE_SPACES, 0), 1);
	assert_true(notify_is_told(n, TXT(100)));
	assert_false(notify_is_told(n, TXT(1)));
	/* What was there before is not waited for. */
	notify_then(n, notify_now(n), called, &w);
	assert_true(wait_called(&w) < NOTIFY_BOUND_MS);
	let_go(TXT(1));
	wait_told(TXT(1), 1);
}

static void test_a_target_takes_one_thread_and_merges(void **state)
{
	struct notifier *n = *state;

	hold_back(TXT(1));
	notify_inode(n, TXT(1));
	wait_inside(1);
	for (int i = 0; i < 100; i++) {
		notify_inode(n, TXT(1));
		notify_name(n, TXT(2), "a");
	}
	wait_inside(1);
	let_go(TXT(1));
	wait_told(TXT(1), 2);
	wait_inside(0);
}

static void test_a_wait_ends_with_what_it_waits_for(void **state)
{
	struct waiter first = {0}, second = {0};
	struct notifier *n = *state;
	uint64_t since = notify_now(n);

	hold_back(TXT(1));
	notify_inode(n, TXT(1));
	wait_inside(1);
	notify_then(n, since, called, &first);
	notify_inode(n, TXT(1));
	notify_then(n, since, called, &second);
	assert_false(is_called(&first));
	let_go(TXT(1));
	wait_called(&first);
	wait_called(&second);
	wait_told(TXT(1), 2);
}

/* A waiter that notes the order in which the waiters went on. */
struct ordered {
	GString *order; /* lock */
	char name;
};

static void note_order(void *arg)
{
	struct ordered *o = arg;

	pthread_mutex_lock(&lock);
	g_string_append_c(o->order, o->name);
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static void test_who_waits_first_goes_on_first(void **state)
{
	struct notifier *n = *state;
	struct ordered all[5];
	GString *order = g_string_new(NULL);

	hold_back(TXT(1));
	notify_inode(n, TXT(1));
	wait_inside(1);
	for (int i = 0; i < 5; i++) {
		/* For what is being told; from the third on for what is due behind it. */
		if (i == 2)
			notify_inode(n, TXT(1));
		all[i] = (struct ordered){.order = order, .name = (char)('a' + i)};
		notify_then(n, 0, note_order, &all[i]);
	}
	let_go(TXT(1));
	pthread_mutex_lock(&lock);
	while (order->len < 5)
		assert_true(wait_locked());
	pthread_mutex_unlock(&lock);
	assert_string_equal(order->str, "abcde");
	g_string_free(order, TRUE);
}

static void test_a_wait_has_an_end(void **state)
{
	struct waiter own = {0}, all = {0}, later = {0};
	struct notifier *n = *state;

	hold_back(TXT(1));
	notify_inode(n, TXT(1));
	notify_then(n, 0, called, &own);
	notify_then(n, 0, called, &all);
	wait_called(&own);
	wait_called(&all);
	assert_false(notify_is_told(n, TXT(1)));
	/* It was waited for long enough, also if more is notified. */
	notify_inode(n, TXT(1));
	notify_then(n, 0, called, &later);
	assert_true(wait_called(&later) < NOTIFY_BOUND_MS);
	let_go(TXT(1));
	wait_told(TXT(1), 2);
}

static void test_a_name_is_dropped(void **state)
{
	struct notifier *n = *state;

	dropped = 0;
	/* The kernel may keep it if somebody is in the directory. */
	notify_name(n, TREE_DIRECT, "a@x");
	wait_told(TREE_DIRECT, 1);
	assert_int_equal(dropped, 0);
	hold_back(TREE_DIRECT);
	notify_name(n, TREE_DIRECT, "b@x");
	wait_inside(1);
	notify_name(n, TREE_DIRECT, "c@x");
	notify_drop(n, TREE_DIRECT, "c@x");
	notify_name(n, TREE_DIRECT, "c@x");
	let_go(TREE_DIRECT);
	wait_told(TREE_DIRECT, 3);
	assert_int_equal(dropped, 1);
}

static void test_names_wait_for_answers(void **state)
{
	uint64_t dir = tree_ino(TREE_SPACE, 1);
	struct notifier *n = *state;
	struct waiter w = {0};

	notify_hold(n, dir);
	notify_hold(n, dir);
	notify_name(n, dir, "a");
	notify_name(n, dir, "b");
	notify_name(n, dir, "a");
	notify_inode(n, dir);
	wait_told(dir, 1);
	notify_then(n, 0, called, &w);
	wait_called(&w);
	notify_release(n, dir);
	wait_told(dir, 1);
	notify_release(n, dir);
	wait_told(dir, 3);
}

static void test_pages_of_an_attachment_are_left_alone(void **state)
{
	static const struct {
		void (*fn)(struct notifier *n, uint64_t ino);
		enum tree_kind kind;
		off_t from;
	} rows[] = {
		{notify_inode, TREE_ATTACHMENT, -1}, {notify_inode, TREE_MESSAGE_TXT, 0},
		{notify_inode, TREE_SPACE, 0},	     {notify_written, TREE_ATTACHMENT, 0},
		{notify_attributes, TREE_SPACE, -1},
	};
	struct notifier *n = *state;

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		uint64_t ino = tree_ino(rows[i].kind, (int64_t)i + 1);

		rows[i].fn(n, ino);
		wait_told(ino, 1);
		assert_int_equal(last_from, rows[i].from);
	}
}

static void test_the_end_frees_who_waits(void **state)
{
	struct waiter w = {0}, after = {0};
	struct notifier *n = *state;

	hold_back(TXT(1));
	notify_inode(n, TXT(1));
	wait_inside(1);
	notify_inode(n, TXT(1));
	notify_then(n, 0, called, &w);
	notify_hold(n, TXT(2));
	notify_name(n, TXT(2), "x");
	let_go(TXT(1));
	notifier_end(n);
	assert_true(is_called(&w));
	/* The cache thread may still have something to say. */
	notify_inode(n, TXT(3));
	notify_name(n, TXT(3), "x");
	notify_release(n, TXT(2));
	notify_then(n, 0, called, &after);
	assert_true(is_called(&after));
	assert_false(g_hash_table_contains(told, (gpointer)(uintptr_t)TXT(3)));
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_those_held_back_delay_nobody_else),
		CASE(test_a_target_takes_one_thread_and_merges),
		CASE(test_a_wait_ends_with_what_it_waits_for),
		CASE(test_who_waits_first_goes_on_first),
		CASE(test_a_wait_has_an_end),
		CASE(test_a_name_is_dropped),
		CASE(test_names_wait_for_answers),
		CASE(test_pages_of_an_attachment_are_left_alone),
		CASE(test_the_end_frees_who_waits),
	};

	log_set_sink(LOG_SINK_NONE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
