/* SPDX-License-Identifier: MIT */
/* What a space leaves behind is given back, some at a time, whatever ends the process meanwhile. */
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kit.h"
#include "store/tidy.h"

#define MANY 8000 /* messages; more than an open deletes at once */
#define PIECES_MAX 1000
#define REST_PAGES 350 /* of the tables, and what may stay free */

static bool has_wal(struct kit *k)
{
	g_autofree char *wal = g_strconcat(k->path, "-wal", NULL);

	return access(wal, F_OK) == 0;
}

static void fill(struct kit *k, int64_t room)
{
	GPtrArray *list = g_ptr_array_new();
	g_autofree char *text = g_strnfill(600, 'x');

	for (unsigned i = 0; i < MANY; i++) {
		struct webex_message *m = kit_message(i, T0 + (int64_t)i * 1000, "a@x", text);

		g_free(m->id);
		m->id = kit_id("MESSAGE", m->created_ms, i, (unsigned)room);
		g_ptr_array_add(list, m);
	}
	kit_page(k, room, list, -1, T0 + MANY * INT64_C(1000), STORE_PAGE_HEAD);
}

/* A large space that stays, then one that goes. */
static int64_t go(struct kit *k)
{
	int64_t stays = kit_add_room(k, 1, "stays"), goes = kit_add_room(k, 2, "goes");

	kit_put(k, stays, kit_message(1, T0, "a@x", "x"));
	fill(k, goes);
	g_ptr_array_set_size(k->changes, 0);
	assert_int_equal(store_remove_room(k->s, goes, k->changes), 0);
	assert_text(kit_changes(k), "room- goes\n");
	return goes;
}

static int tidy_all(struct kit *k)
{
	int pieces = 0, r;

	while ((r = store_tidy(k->s)) == 1 && pieces < PIECES_MAX)
		pieces++;
	assert_int_equal(r, 0);
	return pieces;
}

static void assert_tidy(struct kit *k)
{
	assert_int_equal(kit_number(k->path, "SELECT count(*) FROM message"), 1);
	assert_int_equal(kit_number(k->path, "SELECT count(*) FROM body"), 1);
	assert_int_equal(kit_number(k->path, "SELECT count(*) FROM span"), 0);
	assert_true(kit_number(k->path, "PRAGMA page_count") < REST_PAGES);
	assert_int_equal(kit_number(k->path, "SELECT count(*) FROM pragma_integrity_check"
					     " WHERE integrity_check<>'ok'"),
			 0);
	assert_text(kit_rooms(k, WEBEX_ROOM_GROUP), "stays\n");
}

static void test_in_the_mount_that_it_goes_in(void **state)
{
	struct kit *k = *state;
	struct store_room room = {0};
	int64_t goes = go(k), large = kit_number(k->path, "PRAGMA page_count");
	uint64_t generation = store_generation(k->s);
	struct store_conn *c;
	struct stat st;

	assert_true(large > 2 * REST_PAGES);
	/* In pieces, and a reader in between sees what it saw. */
	assert_int_equal(store_tidy(k->s), 1);
	assert_true(kit_number(k->path, "SELECT count(*) FROM message") > MANY / 2);
	assert_true(tidy_all(k) > 10);
	assert_tidy(k);
	assert_int_equal(store_generation(k->s), generation);
	/* The space still has a name, for what has it open. */
	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_room_get(c, goes, &room), 0);
	assert_true(room.gone);
	assert_string_equal(room.name, "goes");
	store_room_clear(&room);
	store_read_end(c);
	/* The file is shorter without a close. */
	assert_int_equal(stat(k->path, &st), 0);
	assert_true(st.st_size < REST_PAGES * INT64_C(8192));
	kit_reopen(k);
	assert_int_equal(kit_number(k->path, "SELECT count(*) FROM room"), 1);
	assert_int_equal(tidy_all(k), 0);
}

static void test_an_open_does_not_wait_for_all(void **state)
{
	struct kit *k = *state;
	int64_t left;

	go(k);
	kit_reopen(k);
	left = kit_number(k->path, "SELECT count(*) FROM message");
	assert_true(left > MANY / 2 && left < MANY);
	assert_true(tidy_all(k) > 10);
	assert_tidy(k);
	assert_int_equal(kit_number(k->path, "SELECT count(*) FROM room"), 1);
}

/* Single messages, as a server forgets them that keeps a year. Those of this mount stay. */
static void test_many_tombstones(void **state)
{
	struct kit *k = *state;
	int64_t stays = kit_add_room(k, 1, "stays"), room = kit_add_room(k, 2, "other");
	g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(int64_t));
	int64_t first;

	kit_put(k, stays, kit_message(1, T0, "a@x", "x"));
	fill(k, room);
	first = kit_number(k->path, "SELECT min(rowid) FROM message WHERE room="
				    "(SELECT max(rowid) FROM room)");
	for (int64_t row = first; row < first + MANY; row++)
		g_array_append_val(rows, row);
	assert_int_equal(store_remove_messages(k->s, rows, T0, NULL), 0);
	assert_int_equal(tidy_all(k), 0);
	assert_int_equal(kit_number(k->path, "SELECT count(*) FROM message"), MANY + 1);
	kit_reopen(k);
	tidy_all(k);
	assert_int_equal(kit_number(k->path, "SELECT count(*) FROM message"), 1);
	assert_true(kit_number(k->path, "PRAGMA page_count") < REST_PAGES);
}

/* The child opens the store, does some pieces and dies in the next one, or before it. */
static void tidy_and_die(struct kit *k, int pieces)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		struct store_config config = {.path = k->path, .reserve_path = k->reserve};
		char *holder = NULL;
		struct store *s;

		if (store_open(&config, &s, &holder) < 0)
			_exit(1);
		while (pieces-- > 0 && store_tidy(s) == 1)
			;
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void test_killed_in_the_middle(void **state)
{
	struct kit *k = *state;
	go(k);
	kit_close(k);
	for (int pieces = 0; pieces < 12; pieces += 3)
		tidy_and_die(k, pieces);
	kit_open(k);
	tidy_all(k);
	assert_tidy(k);
}

static void make_old(struct kit *k)
{
	kit_close(k);
	kit_sql(k->path, "PRAGMA journal_mode=DELETE; PRAGMA auto_vacuum=NONE; VACUUM");
	assert_int_equal(kit_number(k->path, "PRAGMA auto_vacuum"), 0);
}

static void test_an_older_file(void **state)
{
	struct kit *k = *state;
	g_autofree char *copy = g_strconcat(k->path, ".copy", NULL);
	struct stat st;

	go(k);
	make_old(k);
	/* A crash left half of a copy. */
	assert_true(g_file_set_contents(copy, "half", -1, NULL));
	kit_open(k);
	assert_int_equal(kit_number(k->path, "PRAGMA auto_vacuum"), 2);
	assert_int_equal(stat(k->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(access(copy, F_OK) < 0);
	tidy_all(k);
	assert_tidy(k);
	assert_true(has_wal(k));
}

/* Nothing can be written beside the file. It works as it is. */
static void test_an_older_file_that_cannot_be_copied(void **state)
{
	struct kit *k = *state;
	g_autofree char *copy = g_strconcat(k->path, ".copy", NULL);

	go(k);
	make_old(k);
	assert_int_equal(mkdir(copy, 0700), 0);
	kit_open(k);
	assert_int_equal(kit_number(k->path, "PRAGMA auto_vacuum"), 0);
	tidy_all(k);
	assert_int_equal(kit_number(k->path, "SELECT count(*) FROM message"), 1);
	assert_int_equal(rmdir(copy), 0);
	kit_reopen(k);
	assert_int_equal(kit_number(k->path, "PRAGMA auto_vacuum"), 2);
}

static void test_in_memory(void **state)
{
	struct kit *k = *state;

	go(k);
	assert_true(tidy_all(k) > 10);
	assert_text(kit_rooms(k, WEBEX_ROOM_GROUP), "stays\n");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, kit_test_setup, kit_test_teardown)
	const struct CMUnitTest tests[] = {
		T(test_in_the_mount_that_it_goes_in),
		T(test_an_open_does_not_wait_for_all),
		T(test_many_tombstones),
		T(test_killed_in_the_middle),
		T(test_an_older_file),
		T(test_an_older_file_that_cannot_be_copied),
		cmocka_unit_test_setup_teardown(test_in_memory, kit_test_setup_memory,
						kit_test_teardown),
	};

	return cmocka_run_group_tests_name("store tidy", tests, NULL, NULL);
}
