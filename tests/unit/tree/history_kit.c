/* SPDX-License-Identifier: MIT */
#include "history_kit.h"

#include "base/timefmt.h"
#include "pager/past/months.h"

int64_t kit_now_ms;

static int64_t fake_now(void *arg)
{
	(void)arg;
	return kit_now_ms;
}

static const struct clock fake_clock = {.mono_ms = fake_now, .wall_ms = fake_now};

int64_t kit_iso(const char *text)
{
	int64_t ms;

	assert_int_equal(0, time_parse_iso(text, &ms));
	return ms;
}

void kit_read_again(struct world *w)
{
	if (w->ctx.conn)
		store_read_end(w->ctx.conn);
	w->ctx.conn = NULL;
	assert_int_equal(0, store_read_begin(w->store, &w->ctx.conn));
	w->ctx.n_waited = 0;
}

void kit_begin_writing(struct world *w)
{
	store_read_end(w->ctx.conn);
	w->ctx.conn = NULL;
}

void kit_set_room(struct world *w, const char *created, const char *activity,
		  GPtrArray *changes)
{
	struct webex_room r = {
		.id = (char *)"ROOM1",
		.title = (char *)"One",
		.created_ms = kit_iso(created),
		.last_activity_ms = kit_iso(activity),
	};

	assert_int_equal(0, store_apply_room(w->store, &r, 0, &w->room, changes));
}

struct webex_message *kit_message(const char *id, int64_t created_ms)
{
	struct webex_message *m = g_new0(struct webex_message, 1);

	m->id = g_strdup(id);
	m->room_id = g_strdup("ROOM1");
	m->text = g_strdup(id);
	m->person_id = g_strdup("bob");
	m->person_email = g_strdup("bob@example.com");
	m->created_ms = created_ms;
	m->updated_ms = -1;
	return m;
}

/* One message, and that (lo, hi] is known. `lo` NULL: all below. */
void kit_page(struct world *w, const char *id, const char *created, const char *lo,
	      const char *hi, enum store_page mode)
{
	GPtrArray *items = g_ptr_array_new_with_free_func(webex_message_free);

	if (id)
		g_ptr_array_add(items, kit_message(id, kit_iso(created)));
	assert_int_equal(0,
			 store_apply_page(w->store, w->room, items, lo ? kit_iso(lo) : -1,
					  hi ? kit_iso(hi) : 0, mode, kit_now_ms, NULL, NULL));
	g_ptr_array_unref(items);
}

static void hang(void *arg)
{
	struct world *w = arg;

	g_mutex_lock(&w->hangs);
	pager_shutdown(w->pager);
	g_mutex_unlock(&w->hangs);
}

int kit_setup(void **state)
{
	struct store_config config = {.holder = "test"};
	struct world *w = g_new0(struct world, 1);
	struct pager_config pager = {.clock = &fake_clock, .recent = 1000};
	struct tree_config tree = {
		.clock = &fake_clock,
		.state_dir = "/tmp",
		.base_url = "http://127.0.0.1/v1",
		.me_id = "alice",
		.me_email = "alice@example.com",
		.recent = 1000,
	};

	kit_now_ms = kit_iso("2024-06-15T12:00:00Z");
	assert_int_equal(0, store_open(&config, &w->store, NULL));
	assert_int_equal(0, work_queue_start("test", &w->queue));
	pager.store = tree.store = w->store;
	pager.queue = w->queue;
	assert_int_equal(0, pager_new(&pager, &w->pager));
	g_mutex_init(&w->hangs);
	g_mutex_lock(&w->hangs);
	work_post(w->queue, hang, w);
	tree.pager = w->pager;
	assert_int_equal(0, tree_new(&tree, &w->tree));
	w->ctx.tree = w->tree;
	w->told = g_ptr_array_new_with_free_func(g_free);
	kit_set_room(w, "2023-11-30T23:59:59.999Z", "2024-06-10T00:00:00Z", NULL);
	kit_read_again(w);
	*state = w;
	return 0;
}

int kit_teardown(void **state)
{
	struct world *w = *state;

	if (w->ctx.conn)
		store_read_end(w->ctx.conn);
	g_mutex_unlock(&w->hangs);
	work_queue_stop(&w->queue);
	g_mutex_clear(&w->hangs);
	g_ptr_array_unref(w->told);
	tree_free(&w->tree);
	pager_free(&w->pager);
	store_close(&w->store);
	g_free(w);
	return 0;
}

/* What the pager would do about NEED_MONTHS. */
void kit_make_months(struct world *w)
{
	GPtrArray *keys = g_ptr_array_new_with_free_func(g_free);
	struct store_months m;

	assert_int_equal(0, store_room_months(w->ctx.conn, w->room, &m));
	for (int month = m.first; month <= m.last; month++) {
		char *key = g_malloc(MONTHS_KEY_SIZE);

		months_key(w->room, month, key);
		g_ptr_array_add(keys, key);
	}
	kit_begin_writing(w);
	assert_int_equal(0, store_nodes_make(w->store, NODE_MONTH, keys));
	g_ptr_array_unref(keys);
	kit_read_again(w);
}

uint64_t kit_history(const struct world *w)
{
	return tree_ino(TREE_HISTORY, w->room);
}

uint64_t kit_month(struct world *w, const char *name)
{
	struct tree_entry e;

	assert_int_equal(0, tree_lookup(&w->ctx, kit_history(w), name, &e));
	assert_int_not_equal(0, e.ino);
	assert_int_equal(TREE_MONTH, tree_ino_kind(e.ino));
	return e.ino;
}
