/* SPDX-License-Identifier: MIT */
/* Attachments: their rows, their names, and what a listing calls them. */
#include <errno.h>
#include <string.h>

#include "kit.h"
#include "store/sizes.h"

#define URL "https://h/v1/contents/"

/* A message of T0 + ms that is nothing but a file; its row. */
static int64_t put_file(struct kit *k, int64_t room, unsigned n, int64_t ms,
			const char *content)
{
	struct webex_message *m = kit_message(n, T0 + ms, "a@x", NULL);
	g_autofree char *url = g_strconcat(URL, content, NULL);

	g_clear_pointer(&m->text, g_free);
	m->files = kit_strings(url, NULL);
	return kit_put(k, room, m);
}

static void unnamed(struct kit *k, const struct store_range *range, int64_t now, GArray *rows)
{
	struct store_conn *c;

	g_array_set_size(rows, 0);
	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_content_unnamed(c, range, now, rows, 100), 0);
	store_read_end(c);
}

static int64_t row_of(struct kit *k, int64_t room, int64_t ms)
{
	struct store_range range = {.room = room,
				    .after = store_cookie_of(T0 + ms) - 1,
				    .until = store_cookie_of(T0 + ms + 1)};
	g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(int64_t));

	unnamed(k, &range, 0, rows);
	assert_int_equal(rows->len, 1);
	return g_array_index(rows, int64_t, 0);
}

static void name(struct kit *k, int64_t row, const char *text)
{
	assert_int_equal(store_name_content(k->s, row, text, 5, 0, k->changes), 0);
}

static bool add_name(void *arg, const struct store_content *content, const char *shown)
{
	g_string_append_printf(arg, "%s\n", shown);
	assert_true(content->rowid > 0);
	return true;
}

static char *listing(struct kit *k, const struct store_range *range)
{
	GString *out = g_string_new(NULL);
	struct store_conn *c;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_content_list(c, range, 0, add_name, out), 0);
	store_read_end(c);
	return g_string_free(out, FALSE);
}

static int64_t found(struct kit *k, const struct store_range *range, const char *text)
{
	struct store_content content = {0};
	struct store_conn *c;
	int r;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	r = store_content_find(c, range, text, &content);
	store_content_clear(&content);
	store_read_end(c);
	return r < 0 ? r : content.rowid;
}

static void test_every_file_has_a_row(void **state)
{
	g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(int64_t));
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x");
	struct store_range all = {.room = room};

	kit_page(k, room,
		 kit_list(kit_message(1, T0 + 1, "a@x", "no file"),
			  kit_message(2, T0 + 2, "a@x", "no file"), NULL),
		 -1, T0 + 2, STORE_PAGE_HEAD);
	put_file(k, room, 3, 3, "A");
	put_file(k, room, 4, 4, "B");
	unnamed(k, &all, 0, rows);
	/* Newest first. */
	assert_int_equal(rows->len, 2);
	assert_true(g_array_index(rows, int64_t, 0) > g_array_index(rows, int64_t, 1));
	/* The same message again is no other file. */
	put_file(k, room, 4, 4, "B?allow=unscannable");
	unnamed(k, &all, 0, rows);
	assert_int_equal(rows->len, 2);
	assert_text(listing(k, &all), "");
	kit_reopen(k);
	unnamed(k, &all, 0, rows);
	assert_int_equal(rows->len, 2);
}

static int64_t message_of(struct kit *k, int64_t row)
{
	struct store_content content = {0};
	struct store_conn *c;
	int64_t message;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_content_get(c, row, &content), 0);
	store_read_end(c);
	message = content.message;
	store_content_clear(&content);
	return message;
}

static void test_newest_is_plain(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x"), a, b, c;
	struct store_range all = {.room = room};
	struct store_range early = {.room = room, .until = store_cookie_of(T0 + 15)};

	put_file(k, room, 1, 0, "A");
	put_file(k, room, 2, 10, "B");
	put_file(k, room, 3, 20, "C");
	a = row_of(k, room, 0);
	b = row_of(k, room, 10);
	c = row_of(k, room, 20);
	g_ptr_array_set_size(k->changes, 0);
	name(k, a, "r.pdf");
	/* A message that is nothing but the file names it in its text. */
	assert_text(kit_changes(k), "content+ r.pdf\nmsg! " T0_NAME "_a@x\n");
	name(k, b, "R.pdf");
	name(k, c, "r.pdf");
	assert_text(listing(k, &all), "r~" T0_NAME ".pdf\n"
				      "R~2025-03-04T09-20-31.517Z.pdf\nr.pdf\n");
	/* Among those of that time another one was the newest. */
	assert_text(listing(k, &early), "r~" T0_NAME ".pdf\nR.pdf\n");
	assert_int_equal(found(k, &all, "r.pdf"), c);
	assert_int_equal(found(k, &all, "R.pdf"), -ENOENT);
	assert_int_equal(found(k, &early, "R.pdf"), b);
	assert_int_equal(found(k, &early, "r.pdf"), -ENOENT);
	assert_int_equal(found(k, &all, "r~" T0_NAME ".pdf"), a);
	assert_int_equal(found(k, &all, "R~2025-03-04T09-20-31.517Z.pdf"), b);
	assert_int_equal(found(k, &all, "R~2025-03-04T09-20-31.518Z.pdf"), -ENOENT);
	/* It is removed, and the next one gets the name. */
	assert_int_equal(store_remove_message(k->s, message_of(k, c), k->changes), 0);
	assert_text(listing(k, &all), "r~" T0_NAME ".pdf\nR.pdf\n");
	assert_int_equal(found(k, &all, "R.pdf"), b);
}

static void test_names_differ(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x");
	struct store_range all = {.room = room};
	g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(int64_t));
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	/* Three of one millisecond, and one that is called like the version of another. */
	for (unsigned i = 1; i <= 3; i++) {
		g_autofree char *content = g_strdup_printf("C%u", i);

		put_file(k, room, i, 0, content);
	}
	unnamed(k, &all, 0, rows);
	assert_int_equal(rows->len, 3);
	for (guint i = 0; i < 3; i++)
		name(k, g_array_index(rows, int64_t, i), "r.pdf");
	put_file(k, room, 5, 50, "D");
	name(k, row_of(k, room, 50), "s.pdf");
	put_file(k, room, 6, 60, "E");
	name(k, row_of(k, room, 60), "s~2025-03-04T09-20-31.557Z.pdf");
	put_file(k, room, 7, 70, "F");
	name(k, row_of(k, room, 70), "s.pdf");
	text = listing(k, &all);
	lines = g_strsplit(text, "\n", -1);
	for (int i = 0; lines[i] && lines[i][0]; i++) {
		assert_true(g_hash_table_add(seen, lines[i]));
		assert_true(found(k, &all, lines[i]) > 0);
	}
	assert_int_equal(g_hash_table_size(seen), 6);
}

/* The query of a content's URL may be another one the next time. */
static void test_twins_keep_their_names(void **state)
{
	struct kit *k = *state;
	const char *const contents[2][3] = {{"C1", "C2", "C3"},
					    {"C1?allow=dlpEvaluating", "C2#x", "C3?a/b"}};
	g_auto(GStrv) texts = g_new0(char *, 3);

	for (unsigned n = 0; n < 2; n++) {
		struct store_range all = {.room = kit_add_room(k, n + 1, n ? "y" : "x")};
		g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(int64_t));

		for (unsigned i = 0; i < 3; i++)
			put_file(k, all.room, 3 * n + i + 1, 0, contents[n][i]);
		unnamed(k, &all, 0, rows);
		assert_int_equal(rows->len, 3);
		for (guint i = 0; i < 3; i++)
			name(k, g_array_index(rows, int64_t, i), "r.pdf");
		texts[n] = listing(k, &all);
	}
	assert_non_null(strstr(texts[0], "r~" T0_NAME "~"));
	assert_string_equal(texts[0], texts[1]);
}

static void test_hostile_and_missing_names(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x");
	struct store_range all = {.room = room};

	put_file(k, room, 1, 0, "QUJD?allow=dlpEvaluating");
	name(k, row_of(k, room, 0), NULL);
	put_file(k, room, 2, 10, "B");
	name(k, row_of(k, room, 10), "../../etc/passwd");
	assert_text(listing(k, &all), "QUJD\n_..\xE2\x88\x95..\xE2\x88\x95"
				      "etc\xE2\x88\x95passwd\n");
}

static void test_what_could_not_be_told_is_asked_again(void **state)
{
	g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(int64_t));
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x"), row;
	struct store_range all = {.room = room};

	put_file(k, room, 1, 0, "A");
	row = row_of(k, room, 0);
	assert_int_equal(store_name_content(k->s, row, NULL, -1, T0 + 100, k->changes), 0);
	assert_text(listing(k, &all), "A\n");
	unnamed(k, &all, T0 + 99, rows);
	assert_int_equal(rows->len, 0);
	unnamed(k, &all, T0 + 100, rows);
	assert_int_equal(rows->len, 1);
	name(k, row, "r.pdf");
	assert_text(listing(k, &all), "r.pdf\n");
	unnamed(k, &all, INT64_MAX, rows);
	assert_int_equal(rows->len, 0);
}

static void test_an_upload_is_its_message_s_file(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x"), message = put_file(k, room, 1, 0, "A");
	int64_t listed = row_of(k, room, 0), own = store_new_rowid(k->s);
	struct store_range all = {.room = room};
	struct store_content in = {
		.rowid = own,
		.room = room,
		.message = message,
		.url = (char *)(uintptr_t)URL "A",
		.name = (char *)(uintptr_t) "r.pdf",
		.size = 7,
		.is_proven = true,
	};

	/* Listed, and named, before the answer to the upload came. */
	name(k, listed, "r.pdf");
	g_ptr_array_set_size(k->changes, 0);
	assert_int_equal(store_apply_content(k->s, &in, NULL, k->changes), 0);
	assert_text(kit_changes(k), "content- r.pdf\ncontent+ r.pdf\n");
	assert_text(listing(k, &all), "r.pdf\n");
	assert_int_equal(found(k, &all, "r.pdf"), own);
	/* What a header says does not change what is known. */
	assert_int_equal(store_name_content(k->s, own, "r.pdf", 99, 0, k->changes), 0);
	put_file(k, room, 1, 0, "A");
	assert_text(listing(k, &all), "r.pdf\n");
}

/* A program that has it open goes on with the same number. */
static void test_a_file_that_is_sent_again_leaves_a_version(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x"), own = store_new_rowid(k->s);
	struct store_range all = {.room = room};
	struct store_content in = {.rowid = own, .room = room, .is_proven = true};

	for (int i = 0; i < 2; i++) {
		in.message = put_file(k, room, (unsigned)i + 1, i * 1000, i ? "B" : "A");
		in.url = (char *)(uintptr_t)(i ? URL "B" : URL "A");
		in.name = (char *)(uintptr_t) "log";
		in.size = i;
		assert_int_equal(store_apply_content(k->s, &in, NULL, k->changes), 0);
		/* Said twice it is the same. */
		assert_int_equal(store_apply_content(k->s, &in, NULL, k->changes), 0);
	}
	assert_text(listing(k, &all), "log\nlog~2025-03-04T09-20-31.507Z\n");
	assert_int_equal(found(k, &all, "log"), own);
	/* Nor is a second one made when the first is listed. */
	put_file(k, room, 1, 0, "A");
	put_file(k, room, 2, 1000, "B");
	assert_text(listing(k, &all), "log\nlog~2025-03-04T09-20-31.507Z\n");
}

static char *text_of(struct kit *k, int64_t message, int64_t *ret_size)
{
	struct store_message m = {0};
	struct store_conn *c;
	char *text;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_message_get(c, message, &m), 0);
	text = m.m.file_names ? g_strjoinv(",", m.m.file_names) : g_strdup("none");
	*ret_size = m.txt_size;
	store_message_clear(&m);
	store_read_end(c);
	return text;
}

static void test_a_text_names_its_files(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x"), message = put_file(k, room, 1, 0, "A"), size,
		row;
	struct webex_message *edited;

	assert_text(text_of(k, message, &size), "none");
	assert_int_equal(size, strlen("[a file]\n"));
	g_ptr_array_set_size(k->changes, 0);
	row = row_of(k, room, 0);
	name(k, row, "report.pdf");
	assert_text(kit_changes(k), "content+ report.pdf\nmsg! " T0_NAME "_a@x\n");
	assert_text(text_of(k, message, &size), "report.pdf");
	assert_int_equal(size, strlen("[file: report.pdf]\n"));
	/* Once. */
	name(k, row, "report.pdf");
	assert_text(kit_changes(k), "content+ report.pdf\n");
	/* It goes on doing so when the server tells of the message again. */
	edited = kit_message(1, T0, "a@x", NULL);
	g_clear_pointer(&edited->text, g_free);
	edited->files = kit_strings(URL "A", NULL);
	edited->updated_ms = T0 + 5;
	assert_int_equal(kit_put(k, room, edited), message);
	assert_text(text_of(k, message, &size), "report.pdf");
	assert_int_equal(size, strlen("[file: report.pdf]\n"));
	kit_reopen(k);
	assert_text(text_of(k, message, &size), "report.pdf");
}

/* The row of a message that has a text and a file of this name. */
static int64_t put_named(struct kit *k, int64_t room)
{
	struct webex_message *m = kit_message(1, T0, "a@x", "see");
	int64_t message;

	m->files = kit_strings(URL "A", NULL);
	message = kit_put(k, room, m);
	name(k, row_of(k, room, 0), "report.pdf");
	return message;
}

/* As a program left it that named files only in messages without a text. */
static void age(struct kit *k)
{
	kit_close(k);
	kit_sql(k->path, "UPDATE message SET form=0, flags=flags&~32;"
			 "DELETE FROM meta WHERE key='sizes.form'");
	kit_open(k);
	g_ptr_array_set_size(k->changes, 0);
}

static void test_an_older_store_names_files_beside_a_text(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x"), message = put_named(k, room), size;
	struct store_evict all = {.limit = 0, .slice = 10};
	struct webex_message *back;

	assert_text(text_of(k, message, &size), "report.pdf");
	age(k);
	assert_text(text_of(k, message, &size), "none");
	while (store_renew_sizes(k->s, 2) == 1)
		;
	assert_text(text_of(k, message, &size), "report.pdf");
	assert_int_equal(size, strlen("see\n"));
	/* A body that was dropped by such a program comes back. */
	assert_int_equal(store_evict(k->s, &all), 0);
	age(k);
	back = kit_message(1, T0, "a@x", "see");
	back->files = kit_strings(URL "A", NULL);
	assert_int_equal(kit_put(k, room, back), message);
	assert_text(text_of(k, message, &size), "report.pdf");
	assert_text(kit_changes(k), "");
}

/* ---- the name in an archive ---- */

static bool add_lasting(void *arg, const struct store_content *content)
{
	g_autofree char *lasting = store_content_lasting(content);

	g_string_append_printf(arg, "%s\n", lasting);
	return true;
}

static char *saved(struct kit *k, const struct store_range *range)
{
	GString *out = g_string_new(NULL);
	struct store_conn *c;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	assert_int_equal(store_content_each(c, range, 0, add_lasting, out), 0);
	store_read_end(c);
	return g_string_free(out, FALSE);
}

static int64_t found_lasting(struct kit *k, const struct store_range *range, const char *text)
{
	struct store_content content = {0};
	struct store_conn *c;
	int r;

	assert_int_equal(store_read_begin(k->s, &c), 0);
	r = store_content_find_lasting(c, range, text, &content);
	store_content_clear(&content);
	store_read_end(c);
	return r < 0 ? r : content.rowid;
}

/* Nothing beside an attachment is in its lasting name: not a twin of its millisecond that comes, goes or
 * gets its name, and no newer version. */
static void test_lasting_names(void **state)
{
	struct kit *k = *state;
	int64_t room = kit_add_room(k, 1, "x"), a, b;
	struct store_range all = {.room = room};
	g_autofree char *alone = NULL, *both = NULL, *rest = NULL, *name_a = NULL;

	put_file(k, room, 1, 0, "A");
	a = row_of(k, room, 0);
	name(k, a, "r.pdf");
	alone = saved(k, &all);
	assert_true(g_str_has_prefix(alone, "r~" T0_NAME "~"));
	put_file(k, room, 2, 0, "B");
	b = row_of(k, room, 0);
	/* Without a name it has none here either. */
	assert_text(saved(k, &all), alone);
	name(k, b, "r.pdf");
	both = saved(k, &all);
	assert_true(g_str_has_prefix(both, alone));
	assert_int_equal(strlen(both), 2 * strlen(alone));
	rest = g_strdup(both + strlen(alone));
	assert_string_not_equal(rest, alone);
	name_a = g_strchomp(g_strdup(alone));
	assert_int_equal(found_lasting(k, &all, name_a), a);
	assert_int_equal(found_lasting(k, &all, g_strchomp(rest)), b);
	assert_int_equal(found_lasting(k, &all, "r.pdf"), -ENOENT);
	assert_int_equal(found_lasting(k, &all, "r~" T0_NAME ".pdf"), -ENOENT);
	assert_int_equal(store_remove_message(k->s, message_of(k, b), k->changes), 0);
	assert_text(saved(k, &all), alone);
	assert_int_equal(found_lasting(k, &all, rest), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, kit_test_setup, kit_test_teardown)
		T(test_every_file_has_a_row),
		T(test_newest_is_plain),
		T(test_lasting_names),
		T(test_names_differ),
		T(test_twins_keep_their_names),
		T(test_hostile_and_missing_names),
		T(test_what_could_not_be_told_is_asked_again),
		T(test_an_upload_is_its_message_s_file),
		T(test_a_file_that_is_sent_again_leaves_a_version),
		T(test_a_text_names_its_files),
		T(test_an_older_store_names_files_beside_a_text),
	};

	return cmocka_run_group_tests_name("store contents", tests, NULL, NULL);
}
