/* SPDX-License-Identifier: MIT */
/* The mount is in use while somebody watches. The tree, the pager and what is watched are played. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include <cmocka.h>

#include "inotify/marks.h"
#include "inotify/watchers.h"
#include "pager/pager.h"

#define QUIET 1
#define DIRECTORY 70
#define HIDDEN 4711
#define WAIT_MS 20000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t watched; /* lock; 0: nothing */
static int error;	 /* lock: of a look */
static bool is_there;	 /* lock: the hidden process has not ended */
static int looks;	 /* lock */
static atomic_int awake, used;

struct marks marks_new(void)
{
	return (struct marks){
		.inodes = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL)};
}

void marks_free(struct marks *m)
{
	g_hash_table_destroy(m->inodes);
}

int marks_find(const char *proc, unsigned minor, const atomic_bool *is_over, struct marks *ret)
{
	int r;

	(void)is_over;
	assert_string_equal(proc, "/proc");
	assert_int_equal(minor, 5);
	pthread_mutex_lock(&lock);
	looks++;
	r = error;
	if (watched)
		g_hash_table_add(ret->inodes, g_memdup2(&watched, sizeof(watched)));
	pthread_mutex_unlock(&lock);
	return r;
}

bool marks_is_hidden(const struct marks *m, const char *proc, pid_t tid, pid_t *ret_pid)
{
	bool r;

	(void)m;
	(void)proc;
	pthread_mutex_lock(&lock);
	/* What a look that failed knows of nobody. */
	r = tid == HIDDEN && is_there && !error;
	pthread_mutex_unlock(&lock);
	*ret_pid = tid;
	return r;
}

bool tree_is_quiet(uint64_t ino)
{
	return ino == QUIET;
}

void tree_note_use(struct tree *t, uint64_t ino)
{
	(void)t;
	if (ino == DIRECTORY)
		atomic_fetch_add(&used, 1);
}

void pager_stay_awake(struct pager *p, int delta)
{
	(void)p;
	atomic_fetch_add(&awake, delta);
}

static void set(uint64_t what, int r, bool there)
{
	pthread_mutex_lock(&lock);
	watched = what;
	error = r;
	is_there = there;
	looks = 0;
	pthread_mutex_unlock(&lock);
}

/* The second look that begins from here on has seen all, and the first one is settled. */
static bool is_awake_soon(bool expected)
{
	int n = 0;

	for (int ms = 0; ms < WAIT_MS; ms += 10) {
		pthread_mutex_lock(&lock);
		n = looks;
		pthread_mutex_unlock(&lock);
		if (n >= 2 || (expected && atomic_load(&awake)))
			break;
		usleep(10000);
	}
	return atomic_load(&awake) == 1;
}

static void test_all(void **state)
{
	const struct watchers_config config = {.minor = 5, .pause_ms = 20};
	struct watchers *w = NULL;

	(void)state;
	assert_int_equal(watchers_start(&config, &w), 0);
	assert_false(is_awake_soon(false));
	set(QUIET, 0, false);
	assert_false(is_awake_soon(false));
	assert_int_equal(atomic_load(&used), 0);
	set(DIRECTORY, 0, false);
	assert_true(is_awake_soon(true));
	assert_true(atomic_load(&used) > 0);
	set(0, 0, false);
	assert_false(is_awake_soon(false));
	set(MARKS_ALL, 0, false);
	assert_true(is_awake_soon(true));
	set(0, 0, false);
	assert_false(is_awake_soon(false));
	/* Nothing can be seen. */
	set(0, -ENOENT, false);
	assert_true(is_awake_soon(true));
	/* A process that nobody may look into counts from its first request until it ends. */
	set(0, 0, true);
	assert_false(is_awake_soon(false));
	watchers_note(w, HIDDEN + 1);
	watchers_note(w, 0);
	set(0, 0, true);
	assert_false(is_awake_soon(false));
	watchers_note(w, HIDDEN);
	set(0, 0, true);
	assert_true(is_awake_soon(true));
	set(0, 0, true);
	assert_true(is_awake_soon(false));
	/* A look that fails does not forget it. */
	set(0, -EMFILE, true);
	assert_true(is_awake_soon(false));
	set(0, 0, true);
	assert_true(is_awake_soon(false));
	set(0, 0, false);
	assert_false(is_awake_soon(false));
	/* The end of the mount ends its use, too. */
	set(DIRECTORY, 0, false);
	assert_true(is_awake_soon(true));
	watchers_stop(w);
	watchers_free(&w);
	assert_int_equal(atomic_load(&awake), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_all)};

	return cmocka_run_group_tests_name("watchers", tests, NULL, NULL);
}
