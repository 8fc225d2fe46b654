/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <glib/gstdio.h>

#include "tree/ino.h"
#include "tree/transcript.h"
#include "tree/transcript_parts.h"

#define T0 INT64_C(1760000000000)

struct world {
	struct store *store;
	struct transcripts *t;
	int64_t room;
	char *folder; /* NULL: the store is in memory */
};

static int64_t put(struct world *w, const char *id, const char *text, int64_t at)
{
	struct webex_message m = {
		.id = (char *)id,
		.room_id = (char *)"ROOM1",
		.text = (char *)text,
		.person_id = (char *)"P1",
		.person_email = (char *)"a@example.com",
		.created_ms = T0 + at,
		.updated_ms = -1,
	};
	int64_t row;

	assert_int_equal(0, store_apply_message(w->store, w->room, &m, 0, &row, NULL));
	return row;
}

static int setup_at(void **state, char *folder)
{
	g_autofree char *path = folder ? g_strconcat(folder, "/store.db", NULL) : NULL;
	g_autofree char *rows = folder ? g_strconcat(folder, "/rows", NULL) : NULL;
	struct webex_room r = {.id = (char *)"ROOM1",
			       .title = (char *)"One",
			       .created_ms = T0,
			       .last_activity_ms = T0};
	struct store_config config = {.path = path, .reserve_path = rows, .holder = "test"};
	struct world *w = g_new0(struct world, 1);

	w->folder = folder;
	assert_int_equal(0, store_open(&config, &w->store, NULL));
	assert_int_equal(0, store_apply_room(w->store, &r, 0, &w->room, NULL));
	put(w, "M1", "first", 0);
	w->t = transcripts_new();
	*state = w;
	return 0;
}

static int setup(void **state)
{
	return setup_at(state, NULL);
}

static int setup_file(void **state)
{
	return setup_at(state, g_dir_make_tmp("transcript-XXXXXX", NULL));
}

static void remove_folder(char *folder)
{
	GDir *dir = g_dir_open(folder, 0, NULL);
	const char *name;

	while ((name = g_dir_read_name(dir))) {
		g_autofree char *path = g_strconcat(folder, "/", name, NULL);

		g_unlink(path);
	}
	g_dir_close(dir);
	g_rmdir(folder);
	g_free(folder);
}

static int teardown(void **state)
{
	struct world *w = *state;

	transcripts_free(&w->t);
	store_close(&w->store);
	if (w->folder)
		remove_folder(w->folder);
	g_free(w);
	return 0;
}

/* The space's own. */
#define INO(w) tree_ino(TREE_TRANSCRIPT, (w)->room)

static struct store_range all_of(const struct world *w)
{
	return (struct store_range){.room = w->room, .since_ms = -1};
}

static int64_t size(struct world *w)
{
	struct store_range range = all_of(w);
	struct store_conn *conn;
	int64_t n;

	assert_int_equal(0, store_read_begin(w->store, &conn));
	assert_int_equal(
		0, transcript_size(w->t, conn, INO(w), &range, store_generation(w->store), &n));
	store_read_end(conn);
	return n;
}

static void hold(struct world *w)
{
	struct store_range range = all_of(w);
	struct store_conn *conn;

	assert_int_equal(0, store_read_begin(w->store, &conn));
	assert_int_equal(
		0, transcript_hold(w->t, conn, INO(w), &range, store_generation(w->store)));
	store_read_end(conn);
}

static char *text(struct world *w)
{
	static char buf[4096];

	buf[transcript_read(w->t, INO(w), buf, sizeof(buf) - 1, 0)] = '\0';
	return buf;
}

static bool append(struct world *w, int64_t row, enum store_change_type type)
{
	struct store_message m = {0};
	struct store_conn *conn;
	GArray *grown = g_array_new(FALSE, FALSE, sizeof(uint64_t));
	bool grew;

	assert_int_equal(0, store_read_begin(w->store, &conn));
	assert_int_equal(0, store_message_get(conn, row, &m));
	transcript_append(w->t, type, &m, T0 + 99000, grown);
	grew = grown->len > 0;
	g_array_unref(grown);
	store_message_clear(&m);
	store_read_end(conn);
	return grew;
}

/* The size that stat says is the number of bytes that an open gets. */
static void test_size(void **state)
{
	struct world *w = *state;
	int64_t before = size(w);

	hold(w);
	assert_int_equal(before, strlen(text(w)));
	assert_non_null(strstr(text(w), "first"));
	transcript_release(w->t, INO(w));
	put(w, "M2", "second", 1000);
	assert_true(size(w) > before);
}

static void test_grows_while_open(void **state)
{
	struct world *w = *state;
	char *before;
	int64_t row;

	/* Not open: nothing to append to. */
	row = put(w, "M2", "second", 1000);
	assert_false(append(w, row, STORE_MESSAGE_ADDED));
	hold(w);
	before = g_strdup(text(w));
	row = put(w, "M3", "third", 2000);
	assert_true(append(w, row, STORE_MESSAGE_ADDED));
	assert_true(g_str_has_prefix(text(w), before));
	assert_non_null(strstr(text(w), "third"));
	assert_int_equal(size(w), strlen(text(w)));
	/* An edit and a deletion append; nothing that was read changes. */
	g_free(before);
	before = g_strdup(text(w));
	assert_true(append(w, row, STORE_MESSAGE_CHANGED));
	assert_true(append(w, row, STORE_MESSAGE_GONE));
	assert_true(g_str_has_prefix(text(w), before));
	assert_non_null(strstr(text(w) + strlen(before), "edited"));
	assert_non_null(strstr(text(w) + strlen(before), "deleted"));
	g_free(before);
	/* A second reader sees the same text; the last close ends it. */
	hold(w);
	transcript_release(w->t, INO(w));
	assert_non_null(strstr(text(w), "deleted"));
	transcript_release(w->t, INO(w));
	hold(w);
	assert_null(strstr(text(w), "deleted"));
	transcript_release(w->t, INO(w));
}

/* The server shows a message after a newer one. */
static void test_what_comes_late(void **state)
{
	struct world *w = *state;
	g_autofree char *before = NULL;
	size_t length;
	int64_t row;

	hold(w);
	before = g_strdup(text(w));
	row = put(w, "M0", "ancient", -5000);
	assert_true(append(w, row, STORE_MESSAGE_ADDED));
	assert_true(g_str_has_prefix(text(w), before));
	assert_non_null(strstr(text(w) + strlen(before), "* came late: the message of"));
	assert_non_null(strstr(text(w) + strlen(before), "ancient"));
	/* Told twice, it is there once; what is newer comes as ever. */
	assert_false(append(w, row, STORE_MESSAGE_ADDED));
	length = strlen(text(w));
	assert_true(append(w, put(w, "M9", "newest", 9000), STORE_MESSAGE_ADDED));
	assert_null(strstr(text(w) + length, "late"));
	/* It was taken for gone, and is there again. */
	assert_true(append(w, row, STORE_MESSAGE_GONE));
	length = strlen(text(w));
	assert_true(append(w, row, STORE_MESSAGE_ADDED));
	assert_non_null(strstr(text(w) + length, "ancient"));
	transcript_release(w->t, INO(w));
	/* An open after the last close has it in its place, where nothing is late. */
	hold(w);
	assert_null(strstr(text(w), "late"));
	assert_false(append(w, row, STORE_MESSAGE_ADDED));
	assert_true(strstr(text(w), "ancient") < strstr(text(w), "first"));
	transcript_release(w->t, INO(w));
}

/* A reader whose snapshot is older than the last change. */
static void test_told_twice_and_not_at_all(void **state)
{
	struct world *w = *state;
	uint64_t generation = store_generation(w->store);
	struct store_range range = all_of(w);
	struct store_conn *conn;
	int64_t row, n;

	/* Made of an old snapshot, it is not what the next one gets. */
	assert_int_equal(0, store_read_begin(w->store, &conn));
	assert_int_equal(0, transcript_size(w->t, conn, INO(w), &range, generation, &n));
	store_read_end(conn);
	row = put(w, "M2", "second", 1000);
	hold(w);
	assert_non_null(strstr(text(w), "second"));
	/* It is in the text, and is told only now. */
	assert_false(append(w, row, STORE_MESSAGE_ADDED));
	transcript_release(w->t, INO(w));
}

/* Each message grows those of the open transcripts that it is in: the space's and its month's. */
static void test_a_part_of_a_room(void **state)
{
	struct world *w = *state;
	struct store_range part = {
		.room = w->room,
		.after = store_cookie_of(T0 + 1000) - 1,
		.until = store_cookie_of(T0 + 3000),
	};
	uint64_t ino = tree_ino(TREE_MONTH_TRANSCRIPT, 77);
	GArray *grown = g_array_new(FALSE, FALSE, sizeof(uint64_t));
	struct store_conn *conn;
	struct store_message m = {0};
	int64_t in = put(w, "M2", "second", 1000), above = put(w, "M3", "third", 3000);
	char buf[4096];

	assert_int_equal(0, store_read_begin(w->store, &conn));
	assert_int_equal(0, transcript_hold(w->t, conn, ino, &part, 0));
	assert_true(transcript_is_open_of(w->t, w->room));
	assert_false(transcript_is_open_of(w->t, 999));
	buf[transcript_read(w->t, ino, buf, sizeof(buf) - 1, 0)] = '\0';
	assert_non_null(strstr(buf, "second"));
	assert_null(strstr(buf, "first"));
	assert_null(strstr(buf, "third"));
	assert_int_equal(0, store_message_get(conn, above, &m));
	transcript_append(w->t, STORE_MESSAGE_CHANGED, &m, T0, grown);
	assert_int_equal(0, grown->len);
	store_message_clear(&m);
	hold(w);
	assert_int_equal(0, store_message_get(conn, in, &m));
	store_read_end(conn);
	transcript_append(w->t, STORE_MESSAGE_CHANGED, &m, T0, grown);
	store_message_clear(&m);
	assert_int_equal(2, grown->len);
	assert_int_equal(INO(w) + ino,
			 g_array_index(grown, uint64_t, 0) + g_array_index(grown, uint64_t, 1));
	transcript_release(w->t, INO(w));
	transcript_release(w->t, ino);
	assert_false(transcript_is_open_of(w->t, w->room));
	g_array_unref(grown);
}

static void test_reads_past_the_end(void **state)
{
	struct world *w = *state;
	char c;

	hold(w);
	assert_int_equal(0, transcript_read(w->t, INO(w), &c, 1, 1 << 20));
	assert_int_equal(0, transcript_read(w->t, INO(w), &c, 1, -1));
	assert_int_equal(0, transcript_read(w->t, 999, &c, 1, 0));
	transcript_release(w->t, INO(w));
}

/* The kept text is that of a version, whatever else changed; and not one that has grown. */
static void test_kept_while_unchanged(void **state)
{
	struct world *w = *state;
	struct store_range range = all_of(w);
	struct store_conn *conn;
	int64_t row, before = 0, n = 0;

	assert_int_equal(0, store_read_begin(w->store, &conn));
	assert_int_equal(0, transcript_size(w->t, conn, INO(w), &range, 7, &before));
	assert_int_equal(0, transcript_hold(w->t, conn, INO(w), &range, 7));
	store_read_end(conn);
	transcript_release(w->t, INO(w));
	row = put(w, "M2", "second", 1000);
	assert_int_equal(0, store_read_begin(w->store, &conn));
	assert_int_equal(0, transcript_size(w->t, conn, INO(w), &range, 7, &n));
	assert_int_equal(before, n);
	assert_int_equal(0, transcript_hold(w->t, conn, INO(w), &range, 7));
	assert_null(strstr(text(w), "second"));
	store_read_end(conn);
	assert_true(append(w, row, STORE_MESSAGE_ADDED));
	transcript_release(w->t, INO(w));
	assert_int_equal(0, store_read_begin(w->store, &conn));
	assert_int_equal(0, transcript_hold(w->t, conn, INO(w), &range, 7));
	transcript_release(w->t, INO(w));
	assert_int_equal(0, transcript_size(w->t, conn, INO(w), &range, 8, &n));
	assert_true(n > before);
	assert_int_equal(0, transcript_hold(w->t, conn, INO(w), &range, 8));
	assert_int_equal(n, strlen(text(w)));
	store_read_end(conn);
	transcript_release(w->t, INO(w));
}

/* ---- long texts, which are made by parts ---- */

#define MANY 2000

/* Messages of many lengths, so that parts begin and end anywhere. */
static void put_many(struct world *w)
{
	static struct webex_message m[MANY];
	static char id[MANY][16], body[MANY][64];
	g_autoptr(GPtrArray) list = g_ptr_array_new();

	for (int i = 0; i < MANY; i++) {
		g_snprintf(id[i], sizeof(id[i]), "N%d", i);
		g_snprintf(body[i], sizeof(body[i]), "number %d%.*s", i, i % 37,
			   "\nand so on and so on and so on and so on");
		m[i] = (struct webex_message){.id = id[i],
					      .room_id = (char *)"ROOM1",
					      .text = body[i],
					      .person_id = (char *)"P1",
					      .person_email = (char *)"a@example.com",
					      .created_ms = T0 + 1000 + i * 1000,
					      .updated_ms = -1};
		g_ptr_array_insert(list, 0, &m[i]);
	}
	assert_int_equal(0, store_apply_page(w->store, w->room, list, T0, 0, STORE_PAGE_HEAD,
					     T0, NULL, NULL));
}

static char *all_bytes(struct world *w, size_t step)
{
	GString *out = g_string_new(NULL);
	ssize_t n;

	do {
		gsize at = out->len;

		g_string_set_size(out, at + step);
		n = transcript_read(w->t, INO(w), out->str + at, step, (int64_t)at);
		assert_true(n >= 0);
		g_string_set_size(out, at + (gsize)n);
	} while (n > 0);
	return g_string_free(out, FALSE);
}

/* The text as it is if it is made at once. */
static char *whole_text(struct world *w)
{
	char *all;

	transcript_parts_min = INT64_MAX;
	hold(w);
	all = all_bytes(w, 1 << 20);
	transcript_release(w->t, INO(w));
	transcripts_free(&w->t);
	w->t = transcripts_new();
	transcript_parts_min = 1;
	return all;
}

/* Gives the text as it is opened. */
static char *hold_many(struct world *w, int64_t quiet_ms)
{
	char *want;

	parts_quiet_ms = quiet_ms;
	put_many(w);
	want = whole_text(w);
	hold(w);
	return want;
}

/* Who reads the end and the beginning makes these messages, and no other. */
static void test_parts_make_what_is_read(void **state)
{
	struct world *w = *state;
	g_autofree char *want = NULL, *got = NULL;
	int64_t length, before = parts_rendered();
	char buf[200];

	want = hold_many(w, 600000);
	length = (int64_t)strlen(want);
	assert_int_equal(length, size(w));
	assert_int_equal(MANY + 1, parts_rendered() - before);
	before = parts_rendered();
	assert_int_equal(100, transcript_read(w->t, INO(w), buf, 200, length - 100));
	assert_memory_equal(buf, want + length - 100, 100);
	assert_int_equal(100, transcript_read(w->t, INO(w), buf, 100, 0));
	assert_memory_equal(buf, want, 100);
	assert_in_range(parts_rendered() - before, 2, 12);
	got = all_bytes(w, 4099);
	assert_string_equal(want, got);
	assert_int_equal(0, transcript_read(w->t, INO(w), buf, 1, length));
	transcript_release(w->t, INO(w));
	before = parts_rendered();
	hold(w);
	assert_int_equal(1, transcript_read(w->t, INO(w), buf, 1, length - 1));
	assert_int_equal(1, parts_rendered() - before);
}

static void remove_by_id(struct world *w, const char *id)
{
	struct store_conn *conn;
	int64_t row;

	assert_int_equal(0, store_read_begin(w->store, &conn));
	assert_int_equal(0, store_message_by_id(conn, id, &row));
	store_read_end(conn);
	assert_int_equal(0, store_remove_message(w->store, row, NULL));
}

/* An edit, a deletion, a late message, and all bodies dropped: what is open stays as it was. */
static void change_much(struct world *w, const char *want)
{
	struct store_evict evict = {.slice = 10 * MANY};
	g_autofree char *got = NULL;
	int64_t row = put(w, "N5", "something else, and longer than it was before", 6000);

	assert_true(append(w, row, STORE_MESSAGE_CHANGED));
	row = put(w, "L1", "late", 1500);
	assert_true(append(w, row, STORE_MESSAGE_ADDED));
	remove_by_id(w, "N9");
	assert_true(store_evict(w->store, &evict) >= 0);
	got = all_bytes(w, 3001);
	assert_true(g_str_has_prefix(got, want));
	assert_non_null(strstr(got + strlen(want), "edited"));
	assert_non_null(strstr(got + strlen(want), "came late"));
	assert_int_equal(strlen(got), size(w));
}

static void test_parts_stay_as_opened(void **state)
{
	struct world *w = *state;
	g_autofree char *want = hold_many(w, 600000);

	change_much(w, want);
	transcript_release(w->t, INO(w));
}

/* Nobody reads: the whole is made, and the snapshot given back. */
static void test_parts_become_whole(void **state)
{
	struct world *w = *state;
	g_autofree char *want = NULL;
	gint64 until = g_get_monotonic_time() + 30 * G_USEC_PER_SEC;
	int64_t goal = parts_rendered() + 2 * (MANY + 1);

	want = hold_many(w, 0);
	while (parts_rendered() < goal && g_get_monotonic_time() < until)
		g_usleep(1000);
	assert_int_equal(goal, parts_rendered());
	change_much(w, want);
	transcript_release(w->t, INO(w));
}

struct reader {
	struct world *w;
	const char *want;
	size_t step;
};

static void *read_all(void *arg)
{
	const struct reader *r = arg;
	size_t length = strlen(r->want);
	char *buf = g_malloc(r->step);
	bool is_right = true;

	for (size_t at = 0; at < length && is_right; at += r->step) {
		size_t n = MIN(r->step, length - at);

		is_right = transcript_read(r->w->t, INO(r->w), buf, n, (int64_t)at) ==
				   (ssize_t)n &&
			   !memcmp(buf, r->want + at, n);
	}
	g_free(buf);
	return GINT_TO_POINTER(is_right);
}

/* While the keeper makes the whole. */
static void test_parts_for_many_readers(void **state)
{
	struct world *w = *state;
	g_autofree char *want = hold_many(w, 1);
	struct reader r[4];
	GThread *threads[4];

	for (int i = 0; i < 4; i++) {
		r[i] = (struct reader){w, want, 700 + 301 * (size_t)i};
		threads[i] = g_thread_new("reader", read_all, &r[i]);
	}
	for (int i = 0; i < 4; i++)
		assert_true(GPOINTER_TO_INT(g_thread_join(threads[i])));
	/* It is stopped wherever it is. */
	for (int i = 0; i < 20; i++) {
		transcript_release(w->t, INO(w));
		hold(w);
	}
	transcripts_free(&w->t);
}

/* Beyond these texts are made as a whole, which is as good. */
static void test_parts_have_few_threads(void **state)
{
	struct world *w = *state;
	struct store_range range = all_of(w);
	g_autofree char *want = hold_many(w, 600000);
	int64_t before = parts_rendered(), length = (int64_t)strlen(want);
	char c = 0;

	for (int i = 0; i < 17; i++) {
		struct store_conn *conn;
		uint64_t ino = tree_ino(TREE_MONTH_TRANSCRIPT, 1000 + i);

		assert_int_equal(0, store_read_begin(w->store, &conn));
		assert_int_equal(0, transcript_hold(w->t, conn, ino, &range, 0));
		store_read_end(conn);
		assert_int_equal(1, transcript_read(w->t, ino, &c, 1, length - 1));
		assert_int_equal('\n', c);
	}
	assert_int_equal(15 + 2 * (MANY + 1), parts_rendered() - before);
	transcripts_free(&w->t);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

#define TEST_FILE(name) cmocka_unit_test_setup_teardown(test_##name, setup_file, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(size),
		TEST(grows_while_open),
		TEST(what_comes_late),
		TEST(told_twice_and_not_at_all),
		TEST(a_part_of_a_room),
		TEST(kept_while_unchanged),
		TEST(reads_past_the_end),
		TEST_FILE(parts_make_what_is_read),
		TEST_FILE(parts_stay_as_opened),
		TEST_FILE(parts_become_whole),
		TEST_FILE(parts_for_many_readers),
		TEST_FILE(parts_have_few_threads),
		/* The same by parts, and where the store, in memory, has no lasting snapshot. */
		TEST_FILE(size),
		TEST_FILE(grows_while_open),
		TEST_FILE(what_comes_late),
		TEST_FILE(told_twice_and_not_at_all),
		TEST_FILE(a_part_of_a_room),
		TEST_FILE(kept_while_unchanged),
		TEST_FILE(reads_past_the_end),
		TEST(grows_while_open),
	};

	return cmocka_run_group_tests_name("transcript", tests, NULL, NULL);
}
