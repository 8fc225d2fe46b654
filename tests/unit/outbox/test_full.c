/* SPDX-License-Identifier: MIT */
/* A disk without room: nothing is sent that is not safe, nothing is lost that was. Needs a
 * mount of its own; skips without. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "outbox_kit.h"

#define DISK "size=128k,mode=0700"

static bool has_mounts;

static int unshare_mounts(void **state)
{
	(void)state;
	has_mounts = (unshare(CLONE_NEWNS) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) &&
		     mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
	return 0;
}

static int setup(void **state)
{
	char *dir = kit_new_dir();

	*state = NULL;
	if (has_mounts && mount("none", dir, "tmpfs", 0, DISK) == 0) {
		*state = g_new0(struct kit, 1);
		kit_setup_in(*state, dir);
		return 0;
	}
	rmdir(dir);
	g_free(dir);
	return 0;
}

static int teardown(void **state)
{
	struct kit *k = *state;
	char *dir;

	if (!k)
		return 0;
	dir = g_strdup(k->dir);
	kit_teardown(k);
	assert_int_equal(umount2(dir, MNT_DETACH), 0);
	rmdir(dir);
	g_free(dir);
	g_free(k);
	return 0;
}

static char *ballast(const struct kit *k)
{
	return g_build_filename(k->dir, "ballast", NULL);
}

/* Leaves no block. */
static void fill_disk(const struct kit *k)
{
	char *path = ballast(k), block[4096] = "x";
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	while (write(fd, block, sizeof(block)) > 0)
		continue;
	assert_int_equal(errno, ENOSPC);
	close(fd);
	g_free(path);
}

static void empty_disk(const struct kit *k)
{
	char *path = ballast(k);

	assert_int_equal(unlink(path), 0);
	g_free(path);
}

static void what_is_not_safe_is_not_sent(void **state)
{
	struct kit *k = *state;
	struct outcome end;
	struct draft *draft;
	char *files;

	if (!k)
		skip();
	struct outbox_letter *file = kit_file(k, "a.txt", "bytes", &draft);
	fill_disk(k);
	kit_send(k, kit_text(k, 1, "hello"), &end);
	kit_expect_end(&end, -ENOSPC);
	kit_send(k, file, &end);
	kit_expect_end(&end, -ENOSPC);
	assert_int_equal(outbox_keep(k->o, kit_text(k, 1, "hello"), "why"), -ENOSPC);
	assert_int_equal(fake_count(FAKE_POST), 0);
	assert_int_equal(outbox_count(k->o), 0);
	files = kit_files(k, "outbox");
	assert_string_equal(files, "");
	g_free(files);
	/* The draft still has its name: a crash now would keep the bytes. */
	files = kit_files(k, "spool");
	assert_true(g_str_has_prefix(files, DRAFT_SPOOL_PREFIX));
	g_free(files);
	draft_unref(&draft);
	empty_disk(k);
	kit_send(k, kit_text(k, 1, "hello"), &end);
	fake_answer(fake_expect(FAKE_POST), kit_message(k, "hello", kit_now()));
	kit_expect_end(&end, 0);
}

static void a_refusal_that_cannot_be_written_keeps_the_letter(void **state)
{
	struct kit *k = *state;
	struct outbox_item *item;
	struct fake_call *call;
	struct outcome end;

	if (!k)
		skip();
	kit_send(k, kit_text(k, 1, "hello"), &end);
	call = fake_expect(FAKE_POST);
	fill_disk(k);
	fake_fail(call, -EACCES, 403, false);
	kit_expect_end(&end, -EACCES);
	item = kit_only_item(k);
	kit_expect_item(k, item, "hello", "sending", "Harbour");
	outbox_item_free(item);
	kit_reopen_outbox(k);
	item = kit_only_item(k);
	kit_expect_item(k, item, "hello", "sending", "Harbour");
	outbox_item_free(item);
	empty_disk(k);
	kit_reopen_outbox(k);
	item = kit_only_item(k);
	kit_expect_item(k, item, "hello", "in-doubt", "Harbour");
	outbox_item_free(item);
}

static void a_full_disk_does_not_stop_a_delivery(void **state)
{
	struct kit *k = *state;
	struct fake_call *call;
	struct outcome end;
	char *files;

	if (!k)
		skip();
	kit_send(k, kit_text(k, 1, "hello"), &end);
	call = fake_expect(FAKE_POST);
	fill_disk(k);
	fake_answer(call, kit_message(k, "hello", kit_now()));
	kit_expect_end(&end, 0);
	files = kit_files(k, "outbox");
	assert_string_equal(files, "");
	g_free(files);
}

#define full_test(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		full_test(what_is_not_safe_is_not_sent),
		full_test(a_refusal_that_cannot_be_written_keeps_the_letter),
		full_test(a_full_disk_does_not_stop_a_delivery),
	};

	return cmocka_run_group_tests(tests, unshare_mounts, NULL);
}
