/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tree/ino.h"
#include "tree/transcript.h"

#define T0 INT64_C(1760000000000)

struct world {
	struct store *store;
	struct transcripts *t;
	int64_t room;
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

static int setup(void **state)
{
	struct webex_room r = {.id = (char *)"ROOM1",
			       .title = (char *)"One",
			       .created_ms = T0,
			       .last_activity_ms = T0};
	struct store_config config = {.holder = "test"};
	struct world *w = g_new0(struct world, 1);

	assert_int_equal(0, store_open(&config, &w->store, NULL));
	assert_int_equal(0, store_apply_room(w->store, &r, 0, &w->room, NULL));
	put(w, "M1", "first", 0);
	w->t = transcripts_new();
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	transcripts_free(&w->t);
	store_close(&w->store);
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

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

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
	};

	return cmocka_run_group_tests_name("transcript", tests, NULL, NULL);
}
