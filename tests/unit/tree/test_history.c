/* SPDX-License-Identifier: MIT */
/* history/: which months there are, what is in one, and what the kernel is told. */
#include <errno.h>
#include <string.h>

#include "base/names.h"
#include "base/timefmt.h"
#include "history_kit.h"

static bool take_name(void *arg, const char *name, const struct tree_entry *e, int64_t cookie)
{
	GString *out = arg;

	(void)e;
	(void)cookie;
	g_string_append_printf(out, "%s ", name);
	return true;
}

static bool take_cookie(void *arg, const char *name, const struct tree_entry *e, int64_t cookie)
{
	(void)e;
	g_hash_table_insert(arg, g_strdup(name), g_memdup2(&cookie, sizeof(cookie)));
	return true;
}

static char *names(struct world *w, uint64_t ino, const struct tree_dir *dir)
{
	struct tree_dir plain = {.ino = ino};
	GString *out = g_string_new(NULL);

	assert_int_equal(0, tree_readdir(&w->ctx, dir ? dir : &plain, 0, take_name, out));
	return g_string_free(out, FALSE);
}

/* ---- months ---- */

static void test_months(void **state)
{
	struct world *w = *state;
	struct tree_entry e;
	struct tree_dir dir;
	char *text;

	/* Without polls the list of spaces says whether there is a new one; what is known will do. */
	assert_int_equal(TREE_WAIT, tree_opendir(&w->ctx, kit_history(w), &dir));
	assert_int_equal(NEED_ROOMS, w->ctx.missing.kind);
	assert_true(w->ctx.missing_soft);
	w->ctx.waited[w->ctx.n_waited++] = (struct tree_waited){.need = w->ctx.missing};
	/* Their numbers are made first; that is no request. */
	assert_int_equal(TREE_WAIT, tree_opendir(&w->ctx, kit_history(w), &dir));
	assert_int_equal(NEED_MONTHS, w->ctx.missing.kind);
	assert_int_equal(w->room, w->ctx.missing.row);
	assert_false(w->ctx.missing_soft);
	assert_int_equal(TREE_WAIT, tree_lookup(&w->ctx, kit_history(w), "2024-02", &e));
	assert_int_equal(NEED_MONTHS, w->ctx.missing.kind);
	kit_make_months(w);
	w->ctx.waited[w->ctx.n_waited++] = (struct tree_waited){.need = {.kind = NEED_ROOMS}};
	assert_int_equal(0, tree_opendir(&w->ctx, kit_history(w), &dir));
	text = names(w, kit_history(w), NULL);
	assert_string_equal("2024-06 2024-05 2024-04 2024-03 2024-02 2024-01 2023-12 2023-11 ",
			    text);
	g_free(text);
	text = names(w, tree_ino(TREE_TRANSCRIPTS, w->room), NULL);
	assert_non_null(strstr(text, "2024-01.log 2023-12.log 2023-11.log "));
	g_free(text);
	for (const char *const *name =
		     (const char *const[]){"2023-10", "2024-07", "2024-13", "x", NULL};
	     *name; name++) {
		assert_int_equal(0, tree_lookup(&w->ctx, kit_history(w), *name, &e));
		assert_int_equal(0, e.ino);
	}
}

/* A new month moves no other one, so a listing in pieces has each once. */
static void test_cookies(void **state)
{
	struct world *w = *state;
	struct tree_dir dir = {.ino = kit_history(w)};
	GHashTable *before = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	GHashTable *after = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	GHashTableIter iter;
	gpointer name, cookie;
	GString *rest = g_string_new(NULL);

	kit_make_months(w);
	assert_int_equal(0, tree_readdir(&w->ctx, &dir, 0, take_cookie, before));
	kit_begin_writing(w);
	kit_set_room(w, "2023-11-30T23:59:59.999Z", "2024-07-10T00:00:00Z", NULL);
	kit_read_again(w);
	kit_make_months(w);
	assert_int_equal(0, tree_readdir(&w->ctx, &dir, 0, take_cookie, after));
	assert_int_equal(g_hash_table_size(before) + 1, g_hash_table_size(after));
	g_hash_table_iter_init(&iter, before);
	while (g_hash_table_iter_next(&iter, &name, &cookie))
		assert_int_equal(*(int64_t *)cookie,
				 *(int64_t *)g_hash_table_lookup(after, name));
	assert_int_equal(0, tree_readdir(&w->ctx, &dir,
					 *(int64_t *)g_hash_table_lookup(before, "2024-01"),
					 take_name, rest));
	assert_string_equal("2023-12 2023-11 ", rest->str);
	g_string_free(rest, TRUE);
	g_hash_table_unref(before);
	g_hash_table_unref(after);
}

static void test_times(void **state)
{
	struct world *w = *state;
	struct tree_attr attr;
	int64_t end;

	kit_make_months(w);
	assert_int_equal(0, tree_getattr(&w->ctx, kit_month(w, "2024-02"), &attr));
	end = kit_iso("2024-02-29T23:59:59.999Z");
	assert_int_equal(end / 1000, attr.st.st_mtim.tv_sec);
	assert_int_equal(end % 1000 * 1000000, attr.st.st_mtim.tv_nsec);
	assert_int_equal(S_IFDIR | 0777, attr.st.st_mode);
	assert_int_equal(1, attr.st.st_nlink);
	/* The newest one's is that of the space. */
	assert_int_equal(0, tree_getattr(&w->ctx, kit_month(w, "2024-06"), &attr));
	assert_int_equal(kit_iso("2024-06-10T00:00:00Z") / 1000, attr.st.st_mtim.tv_sec);
	/* A number of another kind of node is no month. */
	assert_int_equal(-ENOENT, tree_getattr(&w->ctx, tree_ino(TREE_MONTH, 999999), &attr));
	assert_int_equal(-ENOENT, tree_getattr(&w->ctx, tree_ino(TREE_MONTH, w->room), &attr));
}

/* ---- names ---- */

static void test_a_month_s_names(void **state)
{
	struct world *w = *state;
	struct tree_entry e;
	struct tree_dir dir;
	char *stem = name_message_stem(kit_iso("2024-04-01T00:00:00Z"), "bob@example.com", NULL,
				       NULL);
	char *first = g_strconcat(stem, ".txt", NULL), *twin = g_strconcat(stem, ".md", NULL);
	char *text;

	kit_begin_writing(w);
	kit_page(w, "M0", "2024-03-31T23:59:59.999Z", "2024-03-30T00:00:00Z",
		 "2024-03-31T23:59:59.999Z", STORE_PAGE_INNER);
	kit_page(w, "M1", "2024-04-01T00:00:00Z", "2024-03-31T23:59:59.999Z",
		 "2024-04-15T00:00:00Z", STORE_PAGE_INNER);
	kit_page(w, "M2", "2024-04-30T23:59:59.999Z", "2024-04-15T00:00:00Z",
		 "2024-04-30T23:59:59.999Z", STORE_PAGE_INNER);
	kit_page(w, "M3", "2024-05-01T00:00:00Z", "2024-04-30T23:59:59.999Z",
		 "2024-05-01T00:00:00Z", STORE_PAGE_INNER);
	kit_read_again(w);
	kit_make_months(w);
	assert_int_equal(0, tree_opendir(&w->ctx, kit_month(w, "2024-04"), &dir));
	text = names(w, dir.ino, &dir);
	assert_string_equal("transcript.log files 2024-04-01T00-00-00.000Z_bob@example.com.txt "
			    "2024-04-30T23-59-59.999Z_bob@example.com.txt ",
			    text);
	g_free(text);
	/* The same node as in the space. */
	assert_int_equal(0, tree_lookup(&w->ctx, dir.ino, first, &e));
	assert_int_equal(TREE_MESSAGE_TXT, tree_ino_kind(e.ino));
	assert_int_equal(0, tree_lookup(&w->ctx, dir.ino, twin, &e));
	assert_int_equal(TREE_MESSAGE_MD, tree_ino_kind(e.ino));
	/* The name of a message of another month does not exist in this one. */
	assert_int_equal(0, tree_lookup(&w->ctx, kit_month(w, "2024-05"), first, &e));
	assert_int_equal(0, e.ino);
	assert_int_equal(0, tree_lookup(&w->ctx, kit_month(w, "2023-12"), first, &e));
	assert_int_equal(0, e.ino);
	/* Known not to be there. */
	assert_int_equal(0, tree_lookup(&w->ctx, dir.ino,
					"2024-04-02T00-00-00.000Z_bob@example.com.txt", &e));
	assert_int_equal(0, e.ino);
	/* Unknown: its millisecond. */
	assert_int_equal(TREE_WAIT,
			 tree_lookup(&w->ctx, kit_month(w, "2024-05"),
				     "2024-05-02T00-00-00.000Z_bob@example.com.txt", &e));
	assert_int_equal(NEED_SPAN, w->ctx.missing.kind);
	assert_int_equal(kit_iso("2024-05-01T23:59:59.999Z"), w->ctx.missing.lo_ms);
	assert_int_equal(kit_iso("2024-05-02T00:00:00Z"), w->ctx.missing.hi_ms);
	g_free(stem);
	g_free(first);
	g_free(twin);
}

/* ---- an archive's month ---- */

struct piece {
	GString *names;
	int64_t cookie;
};

static bool take_one(void *arg, const char *name, const struct tree_entry *e, int64_t cookie)
{
	struct piece *p = arg;

	(void)e;
	if (p->cookie)
		return false;
	g_string_append_printf(p->names, "%s ", name);
	p->cookie = cookie;
	return true;
}

/* A listing that the kernel takes in pieces has all that it has in one piece, whenever its messages
 * were written. */
static void test_an_archive_in_pieces(void **state)
{
	struct world *w = *state;
	struct tree_dir dir = {.range = {.room = w->room}};
	GString *pieces = g_string_new(NULL);
	struct piece p = {.names = pieces};
	int64_t cookie = 0;
	char *whole;

	kit_make_months(w);
	dir.ino = tree_ino(TREE_ARCHIVE_MONTH, tree_ino_row(kit_month(w, "2024-04")));
	kit_begin_writing(w);
	kit_page(w, "M0", "2000-01-02T00:00:00Z", "2000-01-01T00:00:00Z",
		 "2000-01-02T00:00:00Z", STORE_PAGE_INNER);
	kit_page(w, "M1", "2024-04-01T00:00:00Z", "2024-03-31T23:59:59.999Z",
		 "2024-04-01T00:00:00Z", STORE_PAGE_INNER);
	kit_page(w, "M2", "2130-01-01T00:00:00Z", "2129-12-31T00:00:00Z",
		 "2130-01-01T00:00:00Z", STORE_PAGE_INNER);
	kit_read_again(w);
	whole = names(w, dir.ino, &dir);
	do {
		p.cookie = 0;
		assert_int_equal(0, tree_readdir(&w->ctx, &dir, cookie, take_one, &p));
		assert_true(!p.cookie || p.cookie > cookie);
		cookie = p.cookie;
	} while (cookie);
	assert_string_equal(whole, pieces->str);
	assert_string_equal("transcript.log "
			    "2000-01-02T00-00-00.000Z_bob@example.com.txt "
			    "2000-01-02T00-00-00.000Z_bob@example.com.json "
			    "2024-04-01T00-00-00.000Z_bob@example.com.txt "
			    "2024-04-01T00-00-00.000Z_bob@example.com.json "
			    "2130-01-01T00-00-00.000Z_bob@example.com.txt "
			    "2130-01-01T00-00-00.000Z_bob@example.com.json ",
			    whole);
	g_string_free(pieces, TRUE);
	g_free(whole);
}

static void test_its_transcript(void **state)
{
	struct world *w = *state;
	uint64_t ino;
	char *target = NULL, buf[4096];
	struct tree_attr attr;
	struct tree_entry e;
	enum tree_read_from from;
	struct pending *pending;
	size_t n;

	kit_begin_writing(w);
	kit_page(w, "M0", "2024-03-31T23:59:59.999Z", "2024-03-30T00:00:00Z",
		 "2024-03-31T23:59:59.999Z", STORE_PAGE_INNER);
	kit_page(w, "M1", "2024-04-01T00:00:00Z", "2024-03-31T23:59:59.999Z",
		 "2024-04-30T23:59:59.999Z", STORE_PAGE_INNER);
	kit_read_again(w);
	kit_make_months(w);
	assert_int_equal(0,
			 tree_lookup(&w->ctx, kit_month(w, "2024-04"), "transcript.log", &e));
	assert_int_equal(0, tree_readlink(&w->ctx, e.ino, &target));
	assert_string_equal("../../transcripts/2024-04.log", target);
	assert_int_equal(strlen(target), e.attr.st.st_size);
	g_free(target);
	assert_int_equal(0, tree_lookup(&w->ctx, tree_ino(TREE_TRANSCRIPTS, w->room),
					"2024-04.log", &e));
	ino = e.ino;
	assert_int_equal(TREE_MONTH_TRANSCRIPT, tree_ino_kind(ino));
	assert_int_equal(0, tree_getattr(&w->ctx, ino, &attr));
	assert_int_equal(0, tree_open_read(&w->ctx, ino, &from, &pending));
	assert_int_equal(TREE_READ_TRANSCRIPT, from);
	memset(buf, 0, sizeof(buf));
	assert_int_equal(0, tree_read(&w->ctx, ino, from, NULL, buf, sizeof(buf) - 1, 0, &n));
	assert_int_equal(attr.st.st_size, n);
	assert_non_null(strstr(buf, "M1"));
	assert_null(strstr(buf, "M0"));
	tree_release_read(w->tree, ino, from, &pending);
	assert_false(transcript_is_open(w->tree->transcripts, ino, NULL));
}

/* ---- notices to the kernel ---- */

static void told_inode(void *arg, uint64_t ino)
{
	g_ptr_array_add(arg, g_strdup_printf("ino %llu", (unsigned long long)ino));
}

static void told_name(void *arg, uint64_t dir, const char *name)
{
	g_ptr_array_add(arg, g_strdup_printf("name %llu %s", (unsigned long long)dir, name));
}

static bool was_told(struct world *w, const char *what, uint64_t ino, const char *name)
{
	bool found = false;
	char *text = g_strdup_printf("%s %llu%s%s", what, (unsigned long long)ino,
				     name ? " " : "", name ? name : "");

	for (guint i = 0; i < w->told->len; i++)
		found |= strcmp(w->told->pdata[i], text) == 0;
	g_free(text);
	return found;
}

static void tell(struct world *w, GPtrArray *changes)
{
	struct tree_invalidate told = {.inode = told_inode, .name = told_name, .arg = w->told};

	g_ptr_array_set_size(w->told, 0);
	tree_on_changes(w->tree, changes, &told);
}

static void test_told(void **state)
{
	GPtrArray *changes = store_changes_new();
	struct world *w = *state;
	struct webex_message *m = kit_message("M1", kit_iso("2024-04-01T00:00:00Z"));
	uint64_t april, june;
	int64_t row;

	/* Nobody has looked at its history, so there is nothing to tell. */
	kit_begin_writing(w);
	assert_int_equal(0, store_apply_message(w->store, w->room, m, 0, &row, changes));
	tell(w, changes);
	assert_false(was_told(w, "ino", kit_history(w), NULL));
	kit_read_again(w);
	kit_make_months(w);
	april = kit_month(w, "2024-04");
	june = kit_month(w, "2024-06");
	kit_begin_writing(w);
	g_ptr_array_set_size(changes, 0);
	assert_int_equal(0, store_remove_message(w->store, row, changes));
	tell(w, changes);
	assert_true(was_told(w, "name", april, "2024-04-01T00-00-00.000Z_bob@example.com.txt"));
	assert_true(
		was_told(w, "name", april, "2024-04-01T00-00-00.000Z_bob@example.com.json"));
	assert_true(was_told(w, "ino", april, NULL));
	assert_true(was_told(w, "ino", tree_ino(TREE_MESSAGE_TXT, row), NULL));
	/* A month that nobody has seen. */
	g_ptr_array_set_size(changes, 0);
	kit_set_room(w, "2023-11-30T23:59:59.999Z", "2024-07-10T00:00:00Z", changes);
	tell(w, changes);
	assert_true(was_told(w, "ino", kit_history(w), NULL));
	/* It was the newest one, with the time of the space. */
	assert_true(was_told(w, "ino", june, NULL));
	assert_false(was_told(w, "ino", april, NULL));
	/* All of it goes with the space. */
	g_ptr_array_set_size(changes, 0);
	assert_int_equal(0, store_remove_room(w->store, w->room, changes));
	tell(w, changes);
	assert_true(was_told(w, "ino", kit_history(w), NULL));
	assert_true(was_told(w, "ino", april, NULL));
	webex_message_free(m);
	g_ptr_array_unref(changes);
}

static void test_questions_of_the_fs_layer(void **state)
{
	struct world *w = *state;

	assert_true(tree_dir_is_told(kit_history(w)));
	assert_true(tree_dir_is_told(tree_ino(TREE_MONTH, 5)));
	assert_false(tree_dir_is_told(tree_ino(TREE_TRANSCRIPTS, w->room)));
	assert_true(tree_guards_deletion(kit_history(w)));
	assert_true(tree_guards_deletion(tree_ino(TREE_MONTH, 5)));
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, kit_setup, kit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(months),
		TEST(cookies),
		TEST(times),
		TEST(a_month_s_names),
		TEST(an_archive_in_pieces),
		TEST(its_transcript),
		TEST(told),
		TEST(questions_of_the_fs_layer),
	};

	return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
