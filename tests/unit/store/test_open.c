/* SPDX-License-Identifier: MIT */
/* Opening: locks, damage, crashes, full disks, and numbers that never come twice. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kit.h"

/* How many files of the folder begin so; the last of them in *ret_path. */
static int files_like(struct kit *k, const char *prefix, char **ret_path)
{
	GDir *dir = g_dir_open(k->folder, 0, NULL);
	const char *name;
	int n = 0;

	while ((name = g_dir_read_name(dir))) {
		if (!g_str_has_prefix(name, prefix))
			continue;
		n++;
		if (ret_path) {
			g_free(*ret_path);
			*ret_path = g_build_filename(k->folder, name, NULL);
		}
	}
	g_dir_close(dir);
	return n;
}

static void test_private_files(void **state)
{
	struct kit *k = *state;
	GDir *dir = g_dir_open(k->folder, 0, NULL);
	const char *name;
	int n = 0;

	kit_add_room(k, 1, "x");
	while ((name = g_dir_read_name(dir))) {
		char *path = g_build_filename(k->folder, name, NULL);
		struct stat st;

		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
		g_free(path);
		n++;
	}
	/* store.db, -wal, -shm, .lock, rows */
	assert_int_equal(n, 5);
	g_dir_close(dir);
}

/* ---- damage ---- */

static void assert_rebuilt(struct kit *k)
{
	char *aside = NULL;
	struct stat st;

	kit_open(k);
	assert_text(kit_rooms(k, WEBEX_ROOM_GROUP), "");
	kit_add_room(k, 2, "new");
	assert_int_equal(files_like(k, "store.db.aside-", &aside), 1);
	assert_int_equal(stat(aside, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(files_like(k, "store.db.broken", NULL), 0);
	/* Once is enough. */
	kit_reopen(k);
	assert_text(kit_rooms(k, WEBEX_ROOM_GROUP), "new\n");
	assert_int_equal(files_like(k, "store.db.aside-", NULL), 1);
	g_free(aside);
}

static void test_newer_version(void **state)
{
	struct kit *k = *state;
	char *aside = NULL;

	kit_add_room(k, 1, "old");
	kit_close(k);
	kit_sql(k->path, "PRAGMA user_version=99");
	assert_rebuilt(k);
	files_like(k, "store.db.aside-", &aside);
	kit_sql(aside, "SELECT count(*) FROM room");
	g_free(aside);
}

static void test_garbage(void **state)
{
	struct kit *k = *state;
	char garbage[8192];

	kit_add_room(k, 1, "old");
	kit_close(k);
	for (size_t i = 0; i < sizeof(garbage); i++)
		garbage[i] = (char)(i * 7919 >> 3);
	assert_true(g_file_set_contents(k->path, garbage, sizeof(garbage), NULL));
	assert_int_equal(chmod(k->path, 0644), 0);
	assert_rebuilt(k);
}

static void test_cut_short(void **state)
{
	struct kit *k = *state;

	kit_add_room(k, 1, "old");
	kit_close(k);
	assert_int_equal(truncate(k->path, 10000), 0);
	assert_rebuilt(k);
}

static void test_foreign_database(void **state)
{
	struct kit *k = *state;

	kit_close(k);
	assert_int_equal(unlink(k->path), 0);
	kit_sql(k->path, "CREATE TABLE shopping(item); PRAGMA user_version=1");
	assert_rebuilt(k);
}

/* What is elsewhere is neither written to nor followed. */
static void test_links(void **state)
{
	struct kit *k = *state;
	char *own = g_strconcat(k->path, ".own", NULL),
	     *lock = g_strconcat(k->path, ".lock", NULL);
	struct store_config config = {
		.path = k->path, .reserve_path = k->reserve, .holder = "x"};
	char *holder = NULL, *text = NULL;
	struct store *s;

	kit_close(k);
	assert_true(g_file_set_contents(own, "letters", -1, NULL));
	assert_int_equal(unlink(lock), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(i ? link(own, lock) : symlink(own, lock), 0);
		assert_int_equal(store_open(&config, &s, &holder), i ? -EMLINK : -ELOOP);
		assert_int_equal(unlink(lock), 0);
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(unlink(k->path), 0);
		assert_int_equal(i ? link(own, k->path) : symlink(own, k->path), 0);
		kit_open(k);
		kit_add_room(k, 2, "new");
		kit_close(k);
	}
	assert_true(g_file_get_contents(own, &text, NULL, NULL));
	assert_string_equal(text, "letters");
	g_free(text);
	unlink(own);
	g_free(own);
	g_free(lock);
}

static void test_missing_table(void **state)
{
	struct kit *k = *state;

	kit_add_room(k, 1, "old");
	kit_close(k);
	kit_sql(k->path, "DROP TABLE member");
	assert_rebuilt(k);
}

static void test_empty_file(void **state)
{
	struct kit *k = *state;

	kit_close(k);
	assert_int_equal(truncate(k->path, 0), 0);
	kit_open(k);
	kit_add_room(k, 1, "x");
	assert_int_equal(files_like(k, "store.db.aside-", NULL), 0);
}

/* The place of a page in the middle of the bodies. */
static off_t page_of_bodies(const char *path)
{
	const char sql[] = "SELECT (pageno - 1) * 8192 FROM dbstat WHERE name='body' AND "
			   "pagetype='leaf' ORDER BY pageno LIMIT 1 OFFSET 5";
	sqlite3_stmt *st;
	sqlite3 *db;
	off_t place;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	place = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return place;
}

/* Found only when the page is read: an error now, a new store at the next open. */
static void test_broken_inside(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "old");
	GPtrArray *page = g_ptr_array_new();
	char garbage[4096];
	int fd, r = 0;

	for (unsigned i = 0; i < 2000; i++)
		g_ptr_array_add(page, kit_message(i, T0 + i, "a@x", "some words of a message"));
	kit_page(k, room, page, -1, 0, STORE_PAGE_HEAD);
	kit_close(k);
	memset(garbage, 'g', sizeof(garbage));
	fd = open(k->path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, garbage, sizeof(garbage), page_of_bodies(k->path)),
			 sizeof(garbage));
	close(fd);
	kit_open(k);
	for (unsigned i = 0; i < 2000 && r == 0; i++) {
		struct webex_message *m = kit_message(i, T0 + i, "a@x", "other words");

		r = store_apply_message(k->s, room, m, 0, NULL, NULL);
		webex_message_free(m);
	}
	assert_int_equal(r, -EIO);
	assert_int_equal(files_like(k, "store.db.broken", NULL), 1);
	kit_close(k);
	assert_rebuilt(k);
}

static void test_no_such_folder(void **state)
{
	struct kit *k = *state;
	struct store_config config = {.path = "/nonexistent/sparkfs/store.db"};
	struct store *s = NULL;
	char *holder = NULL;

	assert_int_equal(store_open(&config, &s, &holder), -ENOENT);
	assert_null(s);
	assert_non_null(k);
}

/* ---- the lock ---- */

static void open_in_child(struct kit *k, int ready)
{
	struct store_config config = {.path = k->path, .holder = "/mnt/first\n"};
	char *holder = NULL;

	if (store_open(&config, &k->s, &holder) == 0 && write(ready, "x", 1) == 1)
		pause();
	_exit(1);
}

static void test_lock_of_another_process(void **state)
{
	struct kit *k = *state;
	struct store_config config = {.path = k->path, .holder = "/mnt/second"};
	struct store *s = NULL;
	char *holder = NULL, byte;
	int pipes[2];
	pid_t pid;

	kit_close(k);
	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		open_in_child(k, pipes[1]);
	assert_int_equal(read(pipes[0], &byte, 1), 1);
	assert_int_equal(store_open(&config, &s, &holder), -EBUSY);
	assert_null(s);
	assert_string_equal(holder, "/mnt/first");
	g_free(holder);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(pipes[0]);
	close(pipes[1]);
	/* A dead holder holds nothing. */
	kit_open(k);
	holder = NULL;
	assert_int_equal(store_open(&config, &s, &holder), -EBUSY);
	assert_string_equal(holder, "/mnt/test");
	g_free(holder);
}

/* ---- crashes ---- */

/* Writes messages, one page of ten at a time, and tells the last number of each. */
static void write_until_killed(struct kit *k, int out)
{
	int64_t room;
	char *holder = NULL;
	struct store_config config = {.path = k->path, .reserve_path = k->reserve};

	if (store_open(&config, &k->s, &holder) < 0)
		_exit(1);
	room = kit_add_room(k, 1, "x");
	for (unsigned page = 0;; page++) {
		GPtrArray *list = g_ptr_array_new();
		int64_t told[2] = {room, 0};

		for (unsigned i = 0; i < 10; i++)
			g_ptr_array_add(list, kit_message(i, T0 + page * 10 + i, "a@x", "x"));
		kit_page(k, room, list, T0 + (int64_t)page * 10 - 1, 0, STORE_PAGE_FILTERED);
		told[1] = store_new_rowid(k->s);
		if (write(out, told, sizeof(told)) != sizeof(told))
			_exit(1);
	}
}

/* Lets a child write `pages` pages, kills it, and yields what it said last. */
static void crash(struct kit *k, unsigned pages, int64_t *ret_room, int64_t *ret_rowid)
{
	int64_t told[2] = {0};
	int pipes[2];
	pid_t pid;

	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		write_until_killed(k, pipes[1]);
	close(pipes[1]);
	for (unsigned i = 0; i < pages; i++)
		assert_int_equal(read(pipes[0], told, sizeof(told)), sizeof(told));
	assert_int_equal(kill(pid, SIGKILL), 0);
	/* What was said before the signal came. */
	while (read(pipes[0], told, sizeof(told)) == sizeof(told))
		pages++;
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(pipes[0]);
	*ret_room = told[0];
	*ret_rowid = told[1];
}

static void test_kill_keeps_what_was_committed(void **state)
{
	struct kit *k = *state;
	int64_t room, rowid;
	char **stems, *text;

	for (unsigned round = 1; round < 6; round++) {
		struct store_span span;
		struct store_conn *c;

		kit_close(k);
		crash(k, round * 20, &room, &rowid);
		kit_open(k);
		assert_true(store_new_rowid(k->s) > rowid);
		text = kit_stems(k, room);
		stems = g_strsplit(text, "\n", -1);
		/* Whole pages, at least those that were told. */
		assert_int_equal((g_strv_length(stems) - 1) % 10, 0);
		assert_true(g_strv_length(stems) - 1 >= (size_t)round * 200);
		assert_int_equal(store_read_begin(k->s, &c), 0);
		assert_int_equal(store_span_head(c, room, &span), 0);
		assert_int_equal(span.lo, T0 - 1);
		assert_int_equal(span.hi, T0 + (int64_t)g_strv_length(stems) - 2);
		store_read_end(c);
		g_strfreev(stems);
		g_free(text);
	}
	kit_close(k);
	assert_int_equal(kit_number(k->path, "SELECT quick_check='ok' FROM pragma_quick_check"),
			 1);
	kit_open(k);
}

static void test_numbers_outlive_the_database(void **state)
{
	struct kit *k = *state;
	int64_t room, rowid, next;
	char *wal = g_strconcat(k->path, "-wal", NULL);

	/* Beyond the first block, then killed, and the cache is gone. */
	kit_close(k);
	crash(k, 500, &room, &rowid);
	assert_true(rowid > 5000);
	unlink(k->path);
	unlink(wal);
	kit_open(k);
	next = store_new_rowid(k->s);
	assert_true(next > rowid);
	/* Blocks grow, so at most about as many are lost as were used. */
	assert_true(next < 2 * rowid + 2 * 4096);
	/* A clean end wastes none. */
	rowid = next;
	kit_close(k);
	unlink(k->path);
	kit_open(k);
	assert_int_equal(store_new_rowid(k->s), rowid + 1);
	g_free(wal);
}

static void test_numbers_outlive_the_reserve(void **state)
{
	static const char *const damage[] = {
		"",   "x\n", "-5\n", "12", "99999999999999999999\n", "9223372036854775807\n",
		"1\n"};
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x"), last;

	/* The highest row is a tombstone that the next open sweeps. */
	last = kit_put(k, room, kit_message(1, T0, "a@x", "x"));
	assert_int_equal(store_remove_message(k->s, last, NULL), 0);
	for (unsigned i = 0; i < G_N_ELEMENTS(damage); i++) {
		int64_t next;

		kit_close(k);
		assert_true(g_file_set_contents(k->reserve, damage[i], -1, NULL));
		kit_open(k);
		next = kit_put(k, room, kit_message(2 + i, T0 + i, "a@x", "x"));
		assert_true(next > last && next < last + 100);
		last = next;
	}
	kit_close(k);
	unlink(k->reserve);
	kit_open(k);
	assert_true(store_new_rowid(k->s) > last);
}

static void test_reserve_cannot_be_written(void **state)
{
	struct kit *k = *state;
	char *reserve = k->reserve;
	int64_t last = 0;

	kit_close(k);
	k->reserve = g_build_filename(k->folder, "nowhere", "rows", NULL);
	kit_open(k);
	for (unsigned i = 0; i < 10000; i++) {
		int64_t next = store_new_rowid(k->s);

		assert_true(next > last);
		last = next;
	}
	g_free(k->reserve);
	k->reserve = reserve;
}

/* ---- full disks ---- */

static int add_big_page(struct kit *k, int64_t room, unsigned page)
{
	GPtrArray *list = g_ptr_array_new_with_free_func(webex_message_free);
	char *text = g_strnfill(2000, 'x');
	int64_t lo = T0 + (int64_t)page * 100;
	int r;

	for (unsigned i = 0; i < 100; i++)
		g_ptr_array_add(list, kit_message(i, lo + 1 + i, "a@x", text));
	r = store_apply_page(k->s, room, list, lo, lo + 100, STORE_PAGE_INNER, T0, NULL,
			     k->changes);
	g_free(text);
	g_ptr_array_unref(list);
	return r;
}

static void test_full_disk(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x");
	void (*old_handler)(int) = signal(SIGXFSZ, SIG_IGN);
	struct rlimit old, low;
	unsigned page = 0;
	int64_t before;
	char **stems, *text;
	int r = 0;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	low = old;
	low.rlim_cur = 2 << 20;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
	while (r == 0 && page < 1000) {
		g_ptr_array_set_size(k->changes, 0);
		r = add_big_page(k, room, page++);
	}
	assert_int_equal(r, -ENOSPC);
	/* Nothing of the page that failed, and no word of it. */
	assert_int_equal(k->changes->len, 0);
	before = (int64_t)store_generation(k->s);
	assert_int_equal(add_big_page(k, room, page), -ENOSPC);
	assert_int_equal((int64_t)store_generation(k->s), before);
	/* Reading goes on. */
	text = kit_stems(k, room);
	stems = g_strsplit(text, "\n", -1);
	assert_int_equal(g_strv_length(stems) - 1, (page - 1) * 100);
	g_strfreev(stems);
	g_free(text);
	/* Also after a new start on the full disk. */
	kit_reopen(k);
	assert_text(kit_rooms(k, WEBEX_ROOM_GROUP), "x\n");
	/* Room again: writing, too. */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(add_big_page(k, room, page + i), 0);
	kit_close(k);
	assert_int_equal(
		kit_number(k->path, "SELECT integrity_check='ok' FROM pragma_integrity_check"),
		1);
	kit_open(k);
	signal(SIGXFSZ, old_handler);
}

/* ---- memory ---- */

static void test_memory(void **state)
{
	struct kit *k = *state;
	struct store_config config = {0};
	struct store *other = NULL;
	int64_t room = kit_add_room(k, 1, "x"), last;
	char *holder = NULL;

	kit_put(k, room, kit_message(1, T0, "a@x", "x"));
	assert_text(kit_stems(k, room), T0_NAME "_a@x\n");
	/* Another one in the same process is another one. */
	assert_int_equal(store_open(&config, &other, &holder), 0);
	assert_int_equal(store_new_rowid(other), 1);
	store_close(&other);
	last = store_new_rowid(k->s);
	assert_int_equal(files_like(k, "store", NULL), 0);
	kit_reopen(k);
	assert_text(kit_rooms(k, WEBEX_ROOM_GROUP), "");
	assert_int_equal(store_new_rowid(k->s), last + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, kit_test_setup, kit_test_teardown)
		T(test_private_files),
		T(test_newer_version),
		T(test_garbage),
		T(test_cut_short),
		T(test_foreign_database),
		T(test_links),
		T(test_missing_table),
		T(test_empty_file),
		T(test_broken_inside),
		T(test_no_such_folder),
		T(test_lock_of_another_process),
		T(test_kill_keeps_what_was_committed),
		T(test_numbers_outlive_the_database),
		T(test_numbers_outlive_the_reserve),
		T(test_reserve_cannot_be_written),
		T(test_full_disk),
		cmocka_unit_test_setup_teardown(test_memory, kit_test_setup_memory,
						kit_test_teardown),
	};

	return cmocka_run_group_tests_name("store open", tests, NULL, NULL);
}
