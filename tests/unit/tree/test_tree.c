/* SPDX-License-Identifier: MIT */
/*
 * The namespace over a store in memory: the table's own consistency, what reading names and lists, what it lacks, and
 * what the kernel is told of changes. The pager is real but never fetches: its verdicts are what is tested against.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/names.h"
#include "pager/internal.h"
#include "tree/internal.h"

#define T0 INT64_C(1760000000000)

static int64_t now_ms = T0;

static int64_t fake_now(void *arg)
{
	(void)arg;
	return now_ms;
}

static const struct clock fake_clock = {.mono_ms = fake_now, .wall_ms = fake_now};

struct world {
	struct store *store;
	struct pager *pager;
	struct tree *tree;
	struct tree_ctx ctx;
	int64_t room, direct, mine, theirs, marked;
	GPtrArray *told; /* "ino N" and "name N x" */
};

/* ---- building ---- */

static int64_t add_room(struct world *w, const char *id, const char *title,
			enum webex_room_type type)
{
	struct webex_room r = {
		.id = (char *)id,
		.title = (char *)title,
		.type = type,
		.created_ms = T0,
		.last_activity_ms = T0,
	};
	int64_t row;

	assert_int_equal(0, store_apply_room(w->store, &r, 0, &row, NULL));
	return row;
}

static int64_t add_message(struct world *w, const char *id, const char *person, int64_t at,
			   const char *markdown)
{
	char *email = g_strconcat(person, "@example.com", NULL);
	struct webex_message m = {
		.id = (char *)id,
		.room_id = (char *)"ROOM1",
		.text = (char *)"hello",
		.markdown = (char *)markdown,
		.person_id = (char *)person,
		.person_email = email,
		.created_ms = T0 + at,
		.updated_ms = -1,
	};
	int64_t row;

	assert_int_equal(0, store_apply_message(w->store, w->room, &m, 0, &row, NULL));
	g_free(email);
	return row;
}

static void make_tree(struct world *w)
{
	struct pager_config pager = {.store = w->store, .clock = &fake_clock, .recent = 1000};
	struct tree_config config = {
		.store = w->store,
		.clock = &fake_clock,
		.state_dir = "/tmp",
		.base_url = "http://127.0.0.1/v1",
		.me_id = "alice",
		.me_email = "alice@example.com",
		.recent = 1000,
		.umask = 022,
		.uid = 7,
		.gid = 8,
	};
	struct store_person me = {0};

	assert_int_equal(0, store_read_begin(w->store, &w->ctx.conn));
	assert_int_equal(0, store_person_by_id(w->ctx.conn, "alice", &me));
	store_read_end(w->ctx.conn);
	config.me_person = me.rowid;
	store_person_clear(&me);
	assert_int_equal(0, pager_new(&pager, &w->pager));
	config.pager = w->pager;
	assert_int_equal(0, tree_new(&config, &w->tree));
	w->ctx.tree = w->tree;
}

static int setup(void **state)
{
	struct store_config config = {.holder = "test"};
	struct world *w = g_new0(struct world, 1);

	assert_int_equal(0, store_open(&config, &w->store, NULL));
	w->room = add_room(w, "ROOM1", "One/Two", WEBEX_ROOM_GROUP);
	w->direct = add_room(w, "ROOM2", "Bob", WEBEX_ROOM_DIRECT);
	w->mine = add_message(w, "M1", "alice", 1000, NULL);
	w->theirs = add_message(w, "M2", "bob", 2000, NULL);
	w->marked = add_message(w, "M3", "alice", 3000, "**hello**");
	make_tree(w);
	w->told = g_ptr_array_new_with_free_func(g_free);
	assert_int_equal(0, store_read_begin(w->store, &w->ctx.conn));
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	if (w->ctx.conn)
		store_read_end(w->ctx.conn);
	g_ptr_array_unref(w->told);
	tree_free(&w->tree);
	pager_free(&w->pager);
	store_close(&w->store);
	g_free(w);
	return 0;
}

/* The fetch failed: the function must answer from what is known. */
static void waited(struct world *w, int error)
{
	w->ctx.waited[w->ctx.n_waited].need = w->ctx.missing;
	w->ctx.waited[w->ctx.n_waited++].error = error;
}

static struct tree_entry look(struct world *w, uint64_t dir, const char *name)
{
	struct tree_entry e;
	int r;

	w->ctx.n_waited = 0;
	while ((r = tree_lookup(&w->ctx, dir, name, &e)) == TREE_WAIT)
		waited(w, 0);
	assert_int_equal(0, r);
	return e;
}

/* ---- the table ---- */

static void test_table(void **state)
{
	const struct tree_row *a, *b;

	(void)state;
	for (size_t i = 0; (a = tree_row_at(i)); i++) {
		assert_ptr_equal(a, tree_row(tree_ino(a->kind, 5)));
		assert_int_equal(a->parent == TREE_NONE, a->name == NULL);
		if (S_ISDIR(a->mode))
			assert_null(a->render);
		if (S_ISLNK(a->mode))
			assert_non_null(a->readlink);
		if (a->parent)
			assert_true(S_ISDIR(tree_row(tree_ino(a->parent, 0))->mode));
		for (size_t j = i + 1; (b = tree_row_at(j)); j++) {
			assert_int_not_equal(a->kind, b->kind);
			if (a->parent && a->parent == b->parent)
				assert_string_not_equal(a->name, b->name);
		}
	}
	assert_null(tree_row(255));
}

static void test_unknown_node(void **state)
{
	struct world *w = *state;
	struct tree_attr attr;
	struct tree_entry e;

	assert_int_equal(-ESTALE, tree_getattr(&w->ctx, 255, &attr));
	assert_int_equal(-ESTALE, tree_lookup(&w->ctx, 255, "x", &e));
	assert_int_equal(-ENOTDIR, tree_lookup(&w->ctx, tree_ino(TREE_POST, w->room), "x", &e));
	assert_int_equal(-ENOENT,
			 tree_getattr(&w->ctx, tree_ino(TREE_MESSAGE_TXT, 999999), &attr));
	assert_int_equal(-ENOENT, tree_getattr(&w->ctx, tree_ino(TREE_SPACE, 999999), &attr));
	/* A number of another table is not this one's. */
	assert_int_equal(-ENOENT, tree_getattr(&w->ctx, tree_ino(TREE_SPACE, w->mine), &attr));
}

/* ---- names ---- */

static void test_names(void **state)
{
	struct world *w = *state;
	struct tree_entry e;
	char number[16];

	assert_int_equal(tree_ino(TREE_SPACES, 0), look(w, TREE_ROOT_INO, "spaces").ino);
	/* Unlisted, as ZFS's .zfs. */
	assert_int_equal(tree_ino(TREE_CONTROL, 0), look(w, TREE_ROOT_INO, ".sparkfs").ino);
	assert_int_equal(0, look(w, TREE_ROOT_INO, ".git").ino);
	e = look(w, TREE_SPACES, "One\u2215Two");
	assert_int_equal(tree_ino(TREE_SPACE, w->room), e.ino);
	assert_int_equal(7, e.attr.st.st_uid);
	assert_int_equal(0, look(w, TREE_SPACES, "Bob").ino);
	assert_int_equal(tree_ino(TREE_SPACE, w->direct), look(w, TREE_DIRECT, "Bob").ino);
	assert_int_equal(tree_ino(TREE_POST, w->room),
			 look(w, tree_ino(TREE_SPACE, w->room), "post").ino);
	g_snprintf(number, sizeof(number), "%d", (int)w->room);
	assert_int_equal(tree_ino(TREE_VIEW, w->room), look(w, TREE_VIEWS, number).ino);
	assert_int_equal(0, look(w, TREE_VIEWS, "0").ino);
	assert_int_equal(0, look(w, TREE_VIEWS, "1x").ino);
	assert_int_equal(0, look(w, TREE_VIEWS, "99999999999999999999").ino);
}

static void test_message_names(void **state)
{
	uint64_t dir;
	struct world *w = *state;
	struct tree_entry e;
	char *stem = name_message_stem(T0 + 1000, "alice@example.com", NULL, NULL);
	char *txt = g_strconcat(stem, ".txt", NULL), *md = g_strconcat(stem, ".md", NULL);
	char *other = name_message_stem(T0 + 2000, "bob@example.com", NULL, NULL);
	char *theirs = g_strconcat(other, ".txt", NULL);

	dir = tree_ino(TREE_SPACE, w->room);
	e = look(w, dir, txt);
	assert_int_equal(tree_ino(TREE_MESSAGE_TXT, w->mine), e.ino);
	/* One's own text may be edited, as .txt; nlink 2; exact size with the newline. */
	assert_int_equal(S_IFREG | 0644, e.attr.st.st_mode);
	assert_int_equal(2, e.attr.st.st_nlink);
	assert_int_equal(6, e.attr.st.st_size);
	assert_int_equal((T0 + 1000) / 1000, e.attr.st.st_mtim.tv_sec);
	assert_int_equal(S_IFREG | 0444, look(w, dir, md).attr.st.st_mode);
	assert_int_equal(S_IFREG | 0444, look(w, dir, theirs).attr.st.st_mode);
	/* Not in the direct space. */
	assert_int_equal(0, look(w, tree_ino(TREE_SPACE, w->direct), txt).ino);
	g_free(stem);
	g_free(txt);
	g_free(md);
	g_free(other);
	g_free(theirs);
}

static void test_markdown_is_edited_as_md(void **state)
{
	struct world *w = *state;
	struct tree_attr attr;

	assert_int_equal(0, tree_getattr(&w->ctx, tree_ino(TREE_MESSAGE_MD, w->marked), &attr));
	assert_int_equal(S_IFREG | 0644, attr.st.st_mode);
	assert_int_equal(0,
			 tree_getattr(&w->ctx, tree_ino(TREE_MESSAGE_TXT, w->marked), &attr));
	assert_int_equal(S_IFREG | 0444, attr.st.st_mode);
}

/* ---- needs ---- */

static void test_needs(void **state)
{
	struct world *w = *state;
	struct tree_dir dir;

	w->ctx.n_waited = 0;
	assert_int_equal(TREE_WAIT, tree_opendir(&w->ctx, TREE_SPACES, &dir));
	assert_int_equal(NEED_ROOMS, w->ctx.missing.kind);
	assert_false(w->ctx.missing_soft);
	/* It failed: a directory lists completely or not at all. */
	waited(w, -ENETUNREACH);
	assert_int_equal(-ENETUNREACH, tree_opendir(&w->ctx, TREE_SPACES, &dir));

	w->ctx.n_waited = 0;
	assert_int_equal(TREE_WAIT, tree_opendir(&w->ctx, tree_ino(TREE_SPACE, w->room), &dir));
	assert_int_equal(NEED_HEAD, w->ctx.missing.kind);
	assert_int_equal(w->room, w->ctx.missing.row);
	assert_int_equal(-ENOENT, tree_opendir(&w->ctx, tree_ino(TREE_SPACE, 999999), &dir));
}

static void test_need_with_something_to_show(void **state)
{
	GPtrArray *none = g_ptr_array_new_with_free_func(webex_message_free);
	struct world *w = *state;
	struct tree_dir dir;

	store_read_end(w->ctx.conn);
	w->ctx.conn = NULL;
	assert_int_equal(0, store_apply_page(w->store, w->direct, none, -1, 0, STORE_PAGE_HEAD,
					     now_ms, NULL, NULL));
	g_ptr_array_unref(none);
	assert_int_equal(0, store_read_begin(w->store, &w->ctx.conn));
	w->ctx.n_waited = 0;
	assert_int_equal(TREE_WAIT,
			 tree_opendir(&w->ctx, tree_ino(TREE_SPACE, w->direct), &dir));
	assert_true(w->ctx.missing_soft);
	/* Then the network's failure is no reason to show nothing. */
	waited(w, -ENETUNREACH);
	assert_int_equal(0, tree_opendir(&w->ctx, tree_ino(TREE_SPACE, w->direct), &dir));
}

/* The list of spaces comes between the look at the store and the question whether it is known. */
static void test_what_came_behind_the_look(void **state)
{
	const struct need rooms = {.kind = NEED_ROOMS};
	struct world *w = *state;
	struct tree_entry e;

	w->ctx.looked = pager_moment(w->pager);
	pager_set_fresh(w->pager, &rooms, now_ms + 3000);
	/* That the version which was seen lacks the space proves nothing. */
	assert_int_equal(TREE_WAIT, tree_lookup(&w->ctx, tree_ino(TREE_SPACES, 0), "New", &e));
	assert_int_equal(NEED_ROOMS, w->ctx.missing.kind);
	w->ctx.looked = pager_moment(w->pager);
	assert_int_equal(0, tree_lookup(&w->ctx, tree_ino(TREE_SPACES, 0), "New", &e));
	assert_int_equal(0, e.ino);
}

/* The newest page of a list that is longer: a listing of it alone would be a part of one. */
static void list_newest(struct world *w)
{
	struct webex_message m = {
		.id = (char *)"M9",
		.room_id = (char *)"ROOM1",
		.text = (char *)"new",
		.person_id = (char *)"bob",
		.created_ms = T0 + 9000,
		.updated_ms = -1,
	};
	GPtrArray *items = g_ptr_array_new();

	g_ptr_array_add(items, &m);
	store_read_end(w->ctx.conn);
	assert_int_equal(0, store_apply_page(w->store, w->room, items, T0 + 8000, T0 + 3000,
					     STORE_PAGE_HEAD, now_ms, NULL, NULL));
	assert_int_equal(0, store_set_head_recent(w->store, w->room, 0));
	assert_int_equal(0, store_read_begin(w->store, &w->ctx.conn));
	g_ptr_array_unref(items);
}

static void test_need_that_was_given_up(void **state)
{
	GPtrArray *none = g_ptr_array_new_with_free_func(webex_message_free);
	struct world *w = *state;
	struct tree_dir dir;

	store_read_end(w->ctx.conn);
	w->ctx.conn = NULL;
	assert_int_equal(0, store_apply_page(w->store, w->room, none, T0 + 3000, T0 + 3000,
					     STORE_PAGE_INNER, now_ms, NULL, NULL));
	assert_int_equal(0, store_apply_page(w->store, w->room, none, -1, T0 + 3000,
					     STORE_PAGE_FILTERED, now_ms, NULL, NULL));
	g_ptr_array_unref(none);
	assert_int_equal(0, store_read_begin(w->store, &w->ctx.conn));
	w->ctx.n_waited = 0;
	assert_int_equal(TREE_WAIT, tree_opendir(&w->ctx, tree_ino(TREE_SPACE, w->room), &dir));
	assert_true(w->ctx.missing_soft);
	/* While it waited for news the first page of many came, and no more than that. */
	list_newest(w);
	waited(w, 0);
	w->ctx.waited[0].gave_up = true;
	assert_int_equal(TREE_WAIT, tree_opendir(&w->ctx, tree_ino(TREE_SPACE, w->room), &dir));
	assert_int_equal(NEED_HEAD, w->ctx.missing.kind);
	assert_false(w->ctx.missing_soft);
	waited(w, -ENETUNREACH);
	assert_int_equal(-ENETUNREACH,
			 tree_opendir(&w->ctx, tree_ino(TREE_SPACE, w->room), &dir));
}

/* ---- listings ---- */

struct names {
	GPtrArray *names;
	int64_t last_cookie;
	guint at_most;
};

static bool take_name(void *arg, const char *name, const struct tree_entry *e, int64_t cookie)
{
	struct names *n = arg;

	assert_true(cookie > n->last_cookie);
	assert_true(e->ino != 0);
	if (n->names->len == n->at_most)
		return false;
	n->last_cookie = cookie;
	g_ptr_array_add(n->names, g_strdup(name));
	return true;
}

static void test_listing_in_pieces(void **state)
{
	struct world *w = *state;
	struct tree_dir dir = {.ino = tree_ino(TREE_SPACE, w->room),
			       .range = {.room = w->room}};
	GPtrArray *whole = g_ptr_array_new_with_free_func(g_free);
	struct names all = {.names = whole, .at_most = G_MAXUINT};
	int64_t cookie = 0;
	guint i = 0;

	assert_int_equal(0, tree_readdir(&w->ctx, &dir, 0, take_name, &all));
	/* post post.md post.json last space.json members transcript.log history files archive
	 * threads mentions and three messages */
	assert_int_equal(15, whole->len);
	for (;;) {
		struct names one = {
			.names = g_ptr_array_new_with_free_func(g_free),
			.last_cookie = cookie,
			.at_most = 1,
		};

		assert_int_equal(0, tree_readdir(&w->ctx, &dir, cookie, take_name, &one));
		if (!one.names->len) {
			g_ptr_array_unref(one.names);
			break;
		}
		assert_string_equal(whole->pdata[i++], one.names->pdata[0]);
		cookie = one.last_cookie;
		g_ptr_array_unref(one.names);
	}
	assert_int_equal(whole->len, i);
	g_ptr_array_unref(whole);
}

static void test_listed_is_what_stat_says(void **state)
{
	struct world *w = *state;
	struct tree_dir dir = {.ino = tree_ino(TREE_SPACE, w->room),
			       .range = {.room = w->room}};
	struct names all = {
		.names = g_ptr_array_new_with_free_func(g_free),
		.at_most = G_MAXUINT,
	};

	assert_int_equal(0, tree_readdir(&w->ctx, &dir, 0, take_name, &all));
	for (guint i = 0; i < all.names->len; i++)
		assert_int_not_equal(0, look(w, dir.ino, all.names->pdata[i]).ino);
	g_ptr_array_unref(all.names);
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

static bool was_told(struct world *w, const char *format, ...) G_GNUC_PRINTF(2, 3);

static bool was_told(struct world *w, const char *format, ...)
{
	bool found = false;
	char *text;
	va_list ap;

	va_start(ap, format);
	text = g_strdup_vprintf(format, ap);
	va_end(ap);
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

static void test_told_of_deletion(void **state)
{
	GPtrArray *changes = store_changes_new();
	struct world *w = *state;
	unsigned long long dir = tree_ino(TREE_SPACE, w->room);
	char *stem = name_message_stem(T0 + 2000, "bob@example.com", NULL, NULL);

	store_read_end(w->ctx.conn);
	w->ctx.conn = NULL;
	assert_int_equal(0, store_remove_message(w->store, w->theirs, changes));
	tell(w, changes);
	/* The names, the bodies, and the listing: not one of them alone. */
	assert_true(was_told(w, "name %llu %s.txt", dir, stem));
	assert_true(was_told(w, "name %llu %s.json", dir, stem));
	assert_true(was_told(w, "ino %llu",
			     (unsigned long long)tree_ino(TREE_MESSAGE_TXT, w->theirs)));
	assert_true(was_told(w, "ino %llu", dir));
	g_free(stem);
	g_ptr_array_unref(changes);
}

static void test_told_of_rename(void **state)
{
	struct webex_room r = {
		.id = (char *)"ROOM1",
		.title = (char *)"Three",
		.created_ms = T0,
		.last_activity_ms = T0,
	};
	GPtrArray *changes = store_changes_new();
	struct world *w = *state;

	store_read_end(w->ctx.conn);
	w->ctx.conn = NULL;
	assert_int_equal(0, store_apply_room(w->store, &r, 0, NULL, changes));
	tell(w, changes);
	assert_true(was_told(w, "name %d One\u2215Two", TREE_SPACES));
	/* A process that is in the space under its new name is left alone. */
	assert_false(was_told(w, "name %d Three", TREE_SPACES));
	assert_true(was_told(w, "ino %d", TREE_SPACES));
	g_ptr_array_unref(changes);
}

static void test_told_of_first_post_to_address(void **state)
{
	struct webex_room r = {
		.id = (char *)"ROOM3",
		.title = (char *)"Carol",
		.type = WEBEX_ROOM_DIRECT,
		.created_ms = T0,
		.last_activity_ms = T0,
	};
	GPtrArray *changes = store_changes_new();
	struct world *w = *state;
	int64_t row;

	store_read_end(w->ctx.conn);
	w->ctx.conn = NULL;
	assert_int_equal(0, store_apply_room(w->store, &r, 0, &row, changes));
	assert_int_equal(0, store_set_direct_email(w->store, row, "Carol@Example.com"));
	tell(w, changes);
	assert_true(was_told(w, "name %d carol@example.com", TREE_DIRECT));
	g_ptr_array_unref(changes);
}

/* A first listing of a thousand is not told name by name; the listing is. */
static void test_told_of_many(void **state)
{
	GPtrArray *changes = store_changes_new();
	struct world *w = *state;

	for (int i = 0; i < 1000; i++) {
		struct store_change *c = g_new0(struct store_change, 1);

		c->type = STORE_MESSAGE_ADDED;
		c->room = w->room;
		c->rowid = 1000000 + i;
		c->name = g_strdup_printf("m%d", i);
		g_ptr_array_add(changes, c);
	}
	store_read_end(w->ctx.conn);
	w->ctx.conn = NULL;
	tell(w, changes);
	assert_true(w->told->len < 10);
	assert_true(was_told(w, "ino %llu", (unsigned long long)tree_ino(TREE_SPACE, w->room)));
	g_ptr_array_unref(changes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(table),
		TEST(unknown_node),
		TEST(names),
		TEST(message_names),
		TEST(markdown_is_edited_as_md),
		TEST(needs),
		TEST(what_came_behind_the_look),
		TEST(need_with_something_to_show),
		TEST(need_that_was_given_up),
		TEST(listing_in_pieces),
		TEST(listed_is_what_stat_says),
		TEST(told_of_deletion),
		TEST(told_of_rename),
		TEST(told_of_first_post_to_address),
		TEST(told_of_many),
	};

	return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
