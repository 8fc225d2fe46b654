/* SPDX-License-Identifier: MIT */
/*
 * kill -9 before every single change that the outbox makes to its files. A child works on them
 * and kills itself before the n-th change, for rising n until it lives; each time the next run
 * must find the letter, once, and never say "unsent" of one that the server has.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "outbox_kit.h"

#define STEPS_MAX 100

static int steps_left = -1; /* atomic; < 0: off */
static int report_fd = -1;

static void step(void)
{
	if (__atomic_load_n(&steps_left, __ATOMIC_ACQUIRE) < 0)
		return;
	if (__atomic_sub_fetch(&steps_left, 1, __ATOMIC_ACQ_REL) == 0) {
		kill(getpid(), SIGKILL);
		for (;;)
			pause();
	}
}

/* The calls that change files, in place of the C library's. */
ssize_t write(int fd, const void *buf, size_t len)
{
	step();
	return syscall(SYS_write, fd, buf, len);
}

int fdatasync(int fd)
{
	step();
	return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
	step();
	return (int)syscall(SYS_fsync, fd);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	step();
	return (int)syscall(SYS_renameat, from_dir, from, to_dir, to);
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	step();
	return (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
}

int unlinkat(int dir, const char *name, int flags)
{
	step();
	return (int)syscall(SYS_unlinkat, dir, name, flags);
}

int unlink(const char *name)
{
	step();
	return (int)syscall(SYS_unlinkat, AT_FDCWD, name, 0);
}

/* ---- the child ---- */

enum scenario {
	SEND_TEXT,
	SEND_FILE,
	REFUSE_TEXT,
	REFUSE_FILE,
	SEND_AGAIN,
	REFUSE_AGAIN,
	KEEP_FILE
};

/* Reports to the parent what became of the letter: 'p' it may be on the wire, 'a' the server
 * has it, 'd' its writer was told. */
static void report(char what)
{
	if (syscall(SYS_write, report_fd, &what, 1) != 1)
		_exit(3);
}

static void report_post(void)
{
	report('p');
}

static bool is_refused(enum scenario s)
{
	return s == REFUSE_TEXT || s == REFUSE_FILE || s == REFUSE_AGAIN;
}

/* They are replies, and must still be that. */
static struct outbox_letter *as_reply(struct outbox_letter *l)
{
	l->to.parent_id = g_strdup("PARENT");
	l->to.thread = g_strdup("THREAD");
	return l;
}

static struct outbox_letter *make_letter(struct kit *k, enum scenario s,
					 struct draft **ret_draft)
{
	struct outbox_letter *l = NULL;
	struct outbox_item *item;

	switch (s) {
	case SEND_TEXT:
	case REFUSE_TEXT:
		return as_reply(kit_text(k, 1, "bytes"));
	case SEND_FILE:
	case REFUSE_FILE:
	case KEEP_FILE:
		return as_reply(kit_file(k, "a.txt", "bytes", ret_draft));
	case SEND_AGAIN:
	case REFUSE_AGAIN:
		l = as_reply(kit_text(k, 1, "bytes"));
		assert_int_equal(outbox_keep(k->o, l, "why"), 0);
		item = kit_only_item(k);
		assert_int_equal(outbox_take(k->o, item->n, &l), 0);
		outbox_item_free(item);
		break;
	}
	return l;
}

static void run_child(enum scenario s, char *dir, int steps)
{
	struct draft *draft = NULL;
	struct outbox_letter *l;
	struct fake_call *call;
	struct outcome end;
	struct kit k;

	kit_setup_in(&k, dir);
	fake_set_on_post(report_post);
	l = make_letter(&k, s, &draft);
	__atomic_store_n(&steps_left, steps, __ATOMIC_RELEASE);
	if (s == KEEP_FILE) {
		assert_int_equal(outbox_keep(k.o, l, "why"), 0);
	} else {
		kit_send(&k, l, &end);
		call = fake_expect(FAKE_POST);
		if (is_refused(s)) {
			fake_fail(call, -EACCES, 403, false);
		} else {
			struct webex_message *m = kit_message(&k, "bytes", kit_now());

			m->parent_id = g_strdup("PARENT");
			report('a');
			fake_answer(call, m);
		}
		kit_expect_end(&end, is_refused(s) ? -EACCES : 0);
	}
	report('d');
	__atomic_store_n(&steps_left, -1, __ATOMIC_RELEASE);
	/* As it is: without closing anything. */
	_exit(0);
}

/* ---- the parent ---- */

struct seen {
	bool posted, applied, told, lived;
};

static bool is_killed(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status))
		assert_int_equal(WEXITSTATUS(status), 0);
	else
		assert_int_equal(WTERMSIG(status), SIGKILL);
	return !WIFEXITED(status);
}

static struct seen watch_child(enum scenario s, const char *dir, int steps)
{
	struct seen seen = {0};
	int ends[2];
	char what;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		report_fd = ends[1];
		run_child(s, g_strdup(dir), steps);
	}
	close(ends[1]);
	while (read(ends[0], &what, 1) == 1) {
		seen.posted |= what == 'p';
		seen.applied |= what == 'a';
		seen.told |= what == 'd';
	}
	close(ends[0]);
	seen.lived = !is_killed(pid);
	return seen;
}

static bool item_says(struct kit *k, const struct outbox_item *item, const char *what)
{
	char *why = NULL;
	bool says;

	assert_int_equal(outbox_why(k->o, item->n, &why), 0);
	says = strstr(why, what) != NULL;
	g_free(why);
	return says;
}

static void expect_letter(struct kit *k, enum scenario s, const struct seen *seen)
{
	GPtrArray *items = outbox_list(k->o, 0, G_MAXUINT);
	const struct outbox_item *item;
	char bytes[16] = "";
	int fd;

	assert_uint_in_range(items->len, 0, 1);
	if (items->len == 0) {
		/* Delivered; or a text that the daemon took with it before it was written,
		 * of which nobody was told. */
		assert_true(seen->applied || ((s == SEND_TEXT || s == REFUSE_TEXT) &&
					      !seen->posted && !seen->told));
		g_ptr_array_unref(items);
		return;
	}
	item = g_ptr_array_index(items, 0);
	assert_int_equal(outbox_open_body(k->o, item->n, &fd), 0);
	assert_int_equal(read(fd, bytes, sizeof(bytes) - 1), 5);
	assert_string_equal(bytes, "bytes");
	close(fd);
	assert_false(seen->applied && seen->told);
	/* Of what was killed while it was written nothing is known but the bytes. */
	if (seen->posted || seen->told)
		assert_true(item_says(k, item, "\"parentId\": \"PARENT\"") &&
			    item_says(k, item, "\"thread\": \"THREAD\""));
	if (seen->posted && !is_refused(s))
		assert_true(item_says(k, item, "\"in-doubt\""));
	if (is_refused(s) && seen->told)
		assert_true(item_says(k, item, "\"unsent\""));
	g_ptr_array_unref(items);
}

static void expect_nothing_else(struct kit *k)
{
	char *spool = kit_files(k, "spool");
	char *files = kit_files(k, "outbox");
	char **names = g_strsplit(files, "\n", -1);

	assert_string_equal(spool, "");
	assert_int_equal(g_strv_length(names), outbox_count(k->o) ? 3 : 0);
	g_strfreev(names);
	g_free(files);
	g_free(spool);
}

static void kill_at_each_step(enum scenario s)
{
	bool lived = false;
	int steps = 0;

	while (!lived) {
		char *dir = kit_new_dir();
		struct seen seen;
		struct kit k;

		assert_true(++steps < STEPS_MAX);
		seen = watch_child(s, dir, steps);
		kit_setup_in(&k, dir);
		expect_letter(&k, s, &seen);
		expect_nothing_else(&k);
		/* And once more: what was found is settled. */
		kit_reopen_outbox(&k);
		expect_letter(&k, s, &seen);
		kit_teardown(&k);
		lived = seen.lived;
	}
	/* A body, a .json, and their removal at the least. */
	assert_true(steps > 4);
}

static void a_text_is_delivered(void **state)
{
	(void)state;
	kill_at_each_step(SEND_TEXT);
}

static void a_file_is_delivered(void **state)
{
	(void)state;
	kill_at_each_step(SEND_FILE);
}

static void a_text_is_refused(void **state)
{
	(void)state;
	kill_at_each_step(REFUSE_TEXT);
}

static void a_file_is_refused(void **state)
{
	(void)state;
	kill_at_each_step(REFUSE_FILE);
}

static void a_letter_is_sent_again(void **state)
{
	(void)state;
	kill_at_each_step(SEND_AGAIN);
}

static void a_letter_is_sent_again_in_vain(void **state)
{
	(void)state;
	kill_at_each_step(REFUSE_AGAIN);
}

static void a_file_is_kept(void **state)
{
	(void)state;
	kill_at_each_step(KEEP_FILE);
}

/* ---- what other daemons left ---- */

/* A kept text, a text that was sent again and is on the wire, a file with a damaged note, and a draft. */
static void leave(char *dir)
{
	struct outbox_letter *l;
	struct outbox_item *item;
	struct draft *draft;
	struct outcome end;
	struct kit k;
	char *path;

	kit_setup_in(&k, dir);
	assert_int_equal(outbox_keep(k.o, kit_text(&k, 1, "again"), "why"), 0);
	item = kit_only_item(&k);
	assert_int_equal(outbox_take(k.o, item->n, &l), 0);
	kit_send(&k, l, &end);
	fake_expect(FAKE_POST);
	assert_int_equal(outbox_keep(k.o, kit_text(&k, 1, "kept"), "why"), 0);
	assert_int_equal(outbox_keep(k.o, kit_file(&k, "a.txt", "file", &draft), "why"), 0);
	path = g_strdup_printf("%s/outbox/9.body", dir);
	assert_true(g_file_set_contents(path, "torn", -1, NULL));
	g_free(path);
	path = g_strdup_printf("%s/outbox/9.json.damaged", dir);
	assert_true(g_file_set_contents(path, "{", -1, NULL));
	g_free(path);
	path = g_strdup_printf("%s/" DRAFT_SPOOL_PREFIX "0123456789abcdef", k.spool);
	assert_true(g_file_set_contents(path, "draft", -1, NULL));
	/* As it is: without closing anything. */
	_exit(0);
}

static void gather(char *dir, const char *there, int steps)
{
	struct kit k;

	kit_setup_in(&k, dir);
	k.left = (const char *const[]){there, NULL};
	__atomic_store_n(&steps_left, steps, __ATOMIC_RELEASE);
	kit_reopen_outbox(&k);
	__atomic_store_n(&steps_left, -1, __ATOMIC_RELEASE);
	_exit(0);
}

static gint compare_strings(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The bodies of all letters, in the order of the alphabet. Owned. */
static char *bodies_of(const struct kit *k)
{
	GPtrArray *items = outbox_list(k->o, 0, G_MAXUINT);
	GPtrArray *bodies = g_ptr_array_new_with_free_func(g_free);
	char *all;

	for (guint i = 0; i < items->len; i++) {
		const struct outbox_item *item = g_ptr_array_index(items, i);
		char bytes[16] = "";
		int fd;

		assert_int_equal(outbox_open_body(k->o, item->n, &fd), 0);
		assert_true(read(fd, bytes, sizeof(bytes) - 1) > 0);
		close(fd);
		g_ptr_array_add(bodies, g_strdup(bytes));
	}
	g_ptr_array_sort(bodies, compare_strings);
	g_ptr_array_add(bodies, NULL);
	all = g_strjoinv(" ", (char **)bodies->pdata);
	g_ptr_array_unref(bodies);
	g_ptr_array_unref(items);
	return all;
}

static void expect_gathered(const char *dir, const char *there, bool was_killed)
{
	char *files, *bodies, *spool = g_build_filename(there, "spool", NULL);
	struct kit k;

	kit_setup_in(&k, g_strdup(dir));
	k.left = (const char *const[]){there, NULL};
	kit_reopen_outbox(&k);
	bodies = bodies_of(&k);
	/* A kill between the two copies of a text that is sent again leaves both listed. */
	if (!was_killed || strcmp(bodies, "again again draft file kept torn") != 0)
		assert_string_equal(bodies, "again draft file kept torn");
	files = kit_files(&k, "outbox");
	assert_non_null(strstr(files, ".json.damaged"));
	g_free(files);
	g_free(bodies);
	kit_teardown(&k);
	/* An empty folder can be removed. */
	assert_int_equal(rmdir(spool), 0);
	g_free(spool);
	spool = g_build_filename(there, "outbox", NULL);
	assert_int_equal(rmdir(spool), 0);
	g_free(spool);
}

/* A folder like that one. Owned. */
static char *copy_of(const char *from)
{
	char *to = kit_new_dir();
	char *command = g_strdup_printf("cp -a '%s/.' '%s'", from, to);

	assert_int_equal(system(command), 0);
	g_free(command);
	return to;
}

static void what_others_left_is_gathered(void **state)
{
	char *left = kit_new_dir();
	bool was_killed = true;
	int steps = 0;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		leave(left);
	assert_false(is_killed(pid));
	while (was_killed) {
		char *dir = kit_new_dir(), *there = copy_of(left);

		assert_true(++steps < STEPS_MAX);
		pid = fork();
		if (pid == 0)
			gather(dir, there, steps);
		was_killed = is_killed(pid);
		expect_gathered(dir, there, was_killed);
		rmdir(there);
		g_free(there);
		g_free(dir);
	}
	assert_true(steps > 12);
	kit_remove_tree(left);
	g_free(left);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_is_delivered),
		cmocka_unit_test(a_file_is_delivered),
		cmocka_unit_test(a_text_is_refused),
		cmocka_unit_test(a_file_is_refused),
		cmocka_unit_test(a_letter_is_sent_again),
		cmocka_unit_test(a_letter_is_sent_again_in_vain),
		cmocka_unit_test(a_file_is_kept),
		cmocka_unit_test(what_others_left_is_gathered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
