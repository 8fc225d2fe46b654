/* SPDX-License-Identifier: MIT */
/* threads/: what must be known before one is shown, which names there are, and what the kernel is told. */
#include <errno.h>
#include <string.h>

#include "base/names.h"
#include "history_kit.h"

#define ROOT "2024-06-01T10-00-00.000Z_"
#define OLD_MS kit_iso("2024-02-01T10:00:00Z")

/* A page that has these messages; (lo, hi] is known then, up to the newest. */
static void page(struct world *w, const char *lo, struct webex_message *first, ...)
{
	GPtrArray *items = g_ptr_array_new_with_free_func(webex_message_free);
	int64_t hi = first->created_ms;
	va_list ap;

	va_start(ap, first);
	for (struct webex_message *m = first; m; m = va_arg(ap, struct webex_message *)) {
		hi = MAX(hi, m->created_ms);
		g_ptr_array_add(items, m);
	}
	va_end(ap);
	/* So many are listed, and there are no fewer. */
	w->tree->config.recent = 1;
	kit_begin_writing(w);
	assert_int_equal(0, store_apply_page(w->store, w->room, items, lo ? kit_iso(lo) : -1,
					     hi, STORE_PAGE_HEAD, kit_now_ms, NULL, NULL));
	assert_int_equal(0, store_set_head_recent(w->store, w->room, 1000));
	g_ptr_array_unref(items);
	kit_read_again(w);
}

static struct webex_message *message(const char *id, const char *created, const char *parent)
{
	struct webex_message *m = kit_message(id, kit_iso(created));

	m->parent_id = g_strdup(parent);
	return m;
}

static int64_t row_of(struct world *w, const char *id)
{
	int64_t row;

	assert_int_equal(0, store_message_by_id(w->ctx.conn, id, &row));
	return row;
}

static int64_t thread_of(struct world *w, const char *id)
{
	int64_t thread;

	assert_int_equal(0, store_message_thread(w->ctx.conn, row_of(w, id), &thread));
	return thread;
}

static char *stem_of(struct world *w, const char *id)
{
	struct store_brief brief;
	bool deleted;
	int64_t room;
	char *stem;

	assert_int_equal(0, store_message_brief(w->ctx.conn, row_of(w, id), &brief, &stem,
						&room, &deleted));
	return stem;
}

static uint64_t threads(const struct world *w)
{
	return tree_ino(TREE_THREADS, w->room);
}

/* What opening the directory waits for; NEED_NONE: nothing. */
static enum need_kind need_to_open(struct world *w, uint64_t ino, struct tree_dir *ret_dir)
{
	int r;

	/* The news came, and there are none. */
	while ((r = tree_opendir(&w->ctx, ino, ret_dir)) == TREE_WAIT && w->ctx.missing_soft) {
		w->ctx.waited[w->ctx.n_waited].need = w->ctx.missing;
		w->ctx.waited[w->ctx.n_waited++].error = 0;
	}
	if (r == 0)
		return NEED_NONE;
	assert_int_equal(TREE_WAIT, r);
	return w->ctx.missing.kind;
}

static bool add_name(void *arg, const char *name, const struct tree_entry *entry,
		     int64_t cookie)
{
	(void)entry;
	if (cookie >= STORE_COOKIE_MIN)
		g_string_append_printf(arg, "%s ", name);
	return true;
}

/* The names in the directory but for the fixed ones. */
static char *names(struct world *w, const struct tree_dir *dir)
{
	GString *out = g_string_new(NULL);

	assert_int_equal(0, tree_readdir(&w->ctx, dir, 0, add_name, out));
	return g_string_free(out, FALSE);
}

static void test_roots_out_of_view_are_needed_once(void **state)
{
	struct world *w = *state;
	g_autofree char *listed = NULL;
	struct tree_dir dir;
	int64_t thread;

	page(w, "2024-05-01T00:00:00Z", message("M1", "2024-06-01T10:00:00Z", NULL),
	     message("M2", "2024-06-02T10:00:00Z", "M1"),
	     message("M3", "2024-06-03T10:00:00Z", "OLD"), NULL);
	w->tree->config.recent = 2;
	assert_int_equal(NEED_ROOTS, need_to_open(w, threads(w), &dir));
	assert_int_equal(w->room, w->ctx.missing.row);
	thread = thread_of(w, "M3");
	kit_begin_writing(w);
	assert_int_equal(0, store_thread_lose(w->store, thread, 0, NULL));
	kit_read_again(w);
	assert_int_equal(NEED_NONE, need_to_open(w, threads(w), &dir));
	listed = names(w, &dir);
	assert_non_null(strstr(listed, ROOT));
	assert_non_null(strstr(listed, "_unknown-"));
}

/* All messages since the root are known, so nothing is asked for; of an older root its own list is, once. */
static void test_replies_are_needed_once(void **state)
{
	struct world *w = *state;
	struct store_span head;
	struct tree_dir dir;
	int64_t old;

	page(w, "2024-05-01T00:00:00Z", message("M1", "2024-06-01T10:00:00Z", NULL),
	     message("M2", "2024-06-02T10:00:00Z", "M1"),
	     message("M3", "2024-06-03T10:00:00Z", "OLD"), NULL);
	assert_int_equal(NEED_NONE,
			 need_to_open(w, tree_ino(TREE_THREAD, thread_of(w, "M1")), &dir));
	old = thread_of(w, "M3");
	assert_int_equal(NEED_ROOT, need_to_open(w, tree_ino(TREE_THREAD, old), &dir));
	assert_int_equal(old, w->ctx.missing.row);
	kit_begin_writing(w);
	assert_int_equal(0, store_thread_lose(w->store, old, 0, NULL));
	kit_read_again(w);
	assert_int_equal(NEED_THREAD, need_to_open(w, tree_ino(TREE_THREAD, old), &dir));
	assert_int_equal(0, store_span_head(w->ctx.conn, w->room, &head));
	kit_begin_writing(w);
	assert_int_equal(0, store_thread_set_whole(w->store, old, head.hi));
	kit_read_again(w);
	assert_int_equal(NEED_NONE, need_to_open(w, tree_ino(TREE_THREAD, old), &dir));
	/* What it says without the list is no part of it, but an error. */
	page(w, "2024-06-09T00:00:00Z", message("M9", "2024-06-10T10:00:00Z", "OLD"), NULL);
	assert_int_equal(NEED_THREAD, need_to_open(w, tree_ino(TREE_THREAD, old), &dir));
	w->ctx.waited[w->ctx.n_waited++] =
		(struct tree_waited){.need = w->ctx.missing, .error = -ENETUNREACH};
	assert_int_equal(-ENETUNREACH, tree_opendir(&w->ctx, tree_ino(TREE_THREAD, old), &dir));
}

static enum tree_kind kind_of(struct world *w, const char *name)
{
	struct tree_entry e = {0};

	assert_int_equal(0, tree_lookup(&w->ctx, threads(w), name, &e));
	return e.ino ? tree_ino_kind(e.ino) : TREE_NONE;
}

static void test_names(void **state)
{
	struct world *w = *state;
	g_autofree char *root = NULL, *reply = NULL, *quiet = NULL, *target = NULL;
	struct tree_entry e;

	page(w, "2024-05-01T00:00:00Z", message("M1", "2024-06-01T10:00:00Z", NULL),
	     message("M2", "2024-06-02T10:00:00Z", "M1"),
	     message("M3", "2024-06-03T10:00:00Z", NULL), NULL);
	root = stem_of(w, "M1");
	reply = stem_of(w, "M2");
	quiet = stem_of(w, "M3");
	assert_int_equal(TREE_THREAD, kind_of(w, root));
	assert_int_equal(TREE_THREAD_OF_REPLY, kind_of(w, reply));
	assert_int_equal(0,
			 tree_readlink(&w->ctx, tree_ino(TREE_THREAD_OF_REPLY, row_of(w, "M2")),
				       &target));
	assert_string_equal(root, target);
	/* A message without replies has no thread yet: its row is made, without a request. */
	assert_int_equal(TREE_WAIT, tree_lookup(&w->ctx, threads(w), quiet, &e));
	assert_int_equal(NEED_THREAD_ROW, w->ctx.missing.kind);
	assert_int_equal(row_of(w, "M3"), w->ctx.missing.row);
	/* No message has these. */
	assert_int_equal(TREE_NONE, kind_of(w, "x"));
	assert_int_equal(TREE_NONE, kind_of(w, ".git"));
	assert_int_equal(TREE_NONE, kind_of(w, "2024-06-01T10-00-00.001Z_a@x"));
	/* One of a time that is not known costs one page, of that millisecond. */
	assert_int_equal(TREE_WAIT,
			 tree_lookup(&w->ctx, threads(w), "2024-02-01T10-00-00.000Z_a@x", &e));
	assert_int_equal(NEED_SPAN, w->ctx.missing.kind);
	assert_int_equal(OLD_MS - 1, w->ctx.missing.lo_ms);
	assert_int_equal(OLD_MS, w->ctx.missing.hi_ms);
}

static void test_messages_of_a_thread(void **state)
{
	struct world *w = *state;
	g_autofree char *listed = NULL, *inside = NULL, *outside = NULL;
	g_autofree char *first = NULL, *second = NULL, *stem = NULL, *expected = NULL;
	struct tree_entry e;
	struct tree_dir dir;
	uint64_t ino;

	page(w, "2024-05-01T00:00:00Z", message("M1", "2024-06-01T10:00:00Z", NULL),
	     message("M2", "2024-06-02T10:00:00Z", "M1"),
	     message("M3", "2024-06-03T10:00:00Z", NULL), NULL);
	ino = tree_ino(TREE_THREAD, thread_of(w, "M1"));
	assert_int_equal(NEED_NONE, need_to_open(w, ino, &dir));
	listed = names(w, &dir);
	first = stem_of(w, "M1");
	second = stem_of(w, "M2");
	expected = g_strdup_printf("%s.txt %s.txt ", first, second);
	assert_string_equal(expected, listed);
	inside = g_strconcat(second, ".json", NULL);
	assert_int_equal(0, tree_lookup(&w->ctx, ino, inside, &e));
	assert_int_equal(tree_ino(TREE_MESSAGE_JSON, row_of(w, "M2")), e.ino);
	stem = stem_of(w, "M3");
	outside = g_strconcat(stem, ".txt", NULL);
	assert_int_equal(0, tree_lookup(&w->ctx, ino, outside, &e));
	assert_int_equal(0, e.ino);
	assert_int_equal(0, tree_getattr(&w->ctx, ino, &e.attr));
	assert_int_equal(kit_iso("2024-06-02T10:00:00Z") / 1000, e.attr.st.st_mtim.tv_sec);
}

/* ---- what the kernel is told ---- */

static void note_inode(void *arg, uint64_t ino)
{
	g_ptr_array_add(arg, g_strdup_printf("ino %d %d", (int)tree_ino_kind(ino),
					     (int)tree_ino_row(ino)));
}

static void note_name(void *arg, uint64_t dir, const char *name)
{
	g_ptr_array_add(arg, g_strdup_printf("name %d %d %s", (int)tree_ino_kind(dir),
					     (int)tree_ino_row(dir), name));
}

static bool was_told(GPtrArray *told, const char *fmt, ...)
{
	va_list ap;
	g_autofree char *text = NULL;

	va_start(ap, fmt);
	text = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	return g_ptr_array_find_with_equal_func(told, text, g_str_equal, NULL);
}

static GPtrArray *tell(struct world *w, GPtrArray *changes)
{
	GPtrArray *told = g_ptr_array_new_with_free_func(g_free);
	const struct tree_invalidate to = {.inode = note_inode, .name = note_name, .arg = told};

	tree_on_changes(w->tree, changes, &to);
	g_ptr_array_unref(changes);
	return told;
}

static void test_changes(void **state)
{
	struct world *w = *state;
	g_autofree char *stem = NULL, *file = NULL;
	g_autoptr(GPtrArray) told = NULL, gone = NULL;
	GPtrArray *changes;
	struct webex_message *m;
	int64_t thread, row;

	page(w, "2024-05-01T00:00:00Z", message("M1", "2024-06-01T10:00:00Z", NULL),
	     message("M2", "2024-06-02T10:00:00Z", "M1"), NULL);
	thread = thread_of(w, "M1");
	changes = store_changes_new();
	m = message("M3", "2024-06-03T10:00:00Z", "M1");
	kit_begin_writing(w);
	assert_int_equal(0, store_apply_message(w->store, w->room, m, 0, &row, changes));
	webex_message_free(m);
	told = tell(w, changes);
	kit_read_again(w);
	stem = stem_of(w, "M3");
	file = g_strconcat(stem, ".txt", NULL);
	assert_true(was_told(told, "ino %d %d", TREE_THREADS, (int)w->room));
	assert_true(was_told(told, "ino %d %d", TREE_THREAD, (int)thread));
	assert_true(was_told(told, "ino %d %d", TREE_THREAD_FILES, (int)thread));
	assert_true(was_told(told, "name %d %d %s", TREE_THREAD, (int)thread, file));
	assert_true(was_told(told, "name %d %d last", TREE_THREAD, (int)thread));
	changes = store_changes_new();
	kit_begin_writing(w);
	assert_int_equal(0, store_remove_message(w->store, row, changes));
	gone = tell(w, changes);
	kit_read_again(w);
	assert_true(was_told(gone, "name %d %d %s", TREE_THREAD, (int)thread, file));
	assert_true(was_told(gone, "name %d %d %s", TREE_THREADS, (int)w->room, stem));
	assert_true(was_told(gone, "ino %d %d", TREE_THREAD, (int)thread));
}

/* The root becomes known: the directory has another name. */
static void test_a_root_that_comes(void **state)
{
	struct world *w = *state;
	g_autofree char *stem = NULL;
	g_autoptr(GPtrArray) told = NULL;
	GPtrArray *changes = store_changes_new();
	struct webex_message *m = message("OLD", "2024-02-01T10:00:00Z", NULL);
	int64_t thread, row;

	page(w, "2024-05-01T00:00:00Z", message("M2", "2024-06-02T10:00:00Z", "OLD"), NULL);
	thread = thread_of(w, "M2");
	kit_begin_writing(w);
	assert_int_equal(0, store_apply_message(w->store, w->room, m, 0, &row, changes));
	webex_message_free(m);
	told = tell(w, changes);
	kit_read_again(w);
	stem = stem_of(w, "OLD");
	assert_true(was_told(told, "name %d %d %s", TREE_THREADS, (int)w->room, stem));
	assert_true(was_told(told, "ino %d %d", TREE_THREAD_TRANSCRIPT_LINK, (int)thread));
	assert_int_equal(TREE_THREAD, kind_of(w, stem));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_roots_out_of_view_are_needed_once),
		CASE(test_replies_are_needed_once),
		CASE(test_names),
		CASE(test_messages_of_a_thread),
		CASE(test_changes),
		CASE(test_a_root_that_comes),
	};

	return cmocka_run_group_tests_name("tree threads", tests, NULL, NULL);
}
