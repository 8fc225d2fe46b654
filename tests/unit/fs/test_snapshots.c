/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "fs/snapshots.h"

#define KIB 1024

static struct share *share;
static struct snapshots *snapshots;

static int setup(void **state)
{
	(void)state;
	share = share_new(1024 * (int64_t)KIB);
	snapshots = snapshots_new(share);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	snapshots_free(&snapshots);
	if (share_held(share))
		return -1;
	share_free(&share);
	return 0;
}

/* A text of a KiB that differs in its number. */
static int open_text(uint64_t ino, pid_t tgid, int number, struct fs_snapshot **ret)
{
	g_autoptr(GString) text = g_string_sized_new(KIB);

	g_string_append_printf(text, "%*d", KIB, number);
	return snapshots_take(snapshots, ino, tgid, text, ret);
}

static void test_one_text_is_kept_once(void **state)
{
	struct fs_snapshot *all[5000];
	char buf[16];

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
		assert_int_equal(open_text(1, (pid_t)(i % 3), 7, &all[i]), 0);
	assert_int_equal(share_held(share), KIB);
	/* Another file with the same text is another. */
	snapshots_drop(snapshots, &all[0]);
	assert_null(all[0]);
	assert_int_equal(open_text(2, 1, 7, &all[0]), 0);
	assert_int_equal(share_held(share), 2 * KIB);
	assert_int_equal(fs_snapshot_read(all[1], buf, 3, KIB - 2), 2);
	assert_memory_equal(buf, " 7", 2);
	assert_int_equal(fs_snapshot_read(all[1], buf, 3, KIB), 0);
	assert_int_equal(fs_snapshot_read(all[1], buf, 3, -1), 0);
	for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
		snapshots_drop(snapshots, &all[i]);
	assert_int_equal(share_held(share), 0);
}

static void test_one_process_leaves_room_for_all_others(void **state)
{
	struct fs_snapshot *hogs[512], *more, *other;

	(void)state;
	for (int i = 0; i < 512; i++)
		assert_int_equal(open_text(1, 5, i, &hogs[i]), 0);
	assert_int_equal(open_text(1, 5, 512, &more), -ENFILE);
	assert_null(more);
	/* What is there already costs nothing more. */
	assert_int_equal(open_text(1, 5, 3, &more), 0);
	assert_int_equal(open_text(1, 6, 512, &other), 0);
	snapshots_drop(snapshots, &more);
	snapshots_drop(snapshots, &other);
	for (int i = 0; i < 512; i++)
		snapshots_drop(snapshots, &hogs[i]);
	assert_int_equal(open_text(1, 5, 512, &more), 0);
	snapshots_drop(snapshots, &more);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_text_is_kept_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_process_leaves_room_for_all_others,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
