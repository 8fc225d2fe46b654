/* SPDX-License-Identifier: MIT */
#include "poll_kit.h"

const struct call *last_call(void)
{
	return call_at(calls->len - 1);
}

void tick(struct world *w)
{
	poller_tick(w->pager->poller);
}

enum fresh_state state_of(struct world *w)
{
	struct fresh_stats stats;

	poller_get_stats(w->pager->poller, &stats);
	return stats.state;
}

int count_news(struct world *w)
{
	struct pager_stats stats;

	pager_get_stats(w->pager, &stats);
	return stats.news;
}

GPtrArray *room_list(const char *first, ...)
{
	GPtrArray *items = g_ptr_array_new_with_free_func(webex_room_free);
	va_list ap;

	va_start(ap, first);
	for (const char *id = first; id; id = va_arg(ap, const char *)) {
		struct webex_room *r = g_new0(struct webex_room, 1);

		r->id = g_strdup(id);
		r->title = g_strdup(id);
		r->created_ms = T0;
		r->last_activity_ms = T0 + va_arg(ap, int);
		g_ptr_array_add(items, r);
	}
	va_end(ap);
	return items;
}

void apply_rooms(struct world *w, GPtrArray *items)
{
	assert_int_equal(0, store_apply_rooms(w->store, items, NULL, now_ms, NULL));
	assert_int_equal(0, store_meta_set_int(w->store, "rooms.listed", 1));
	g_ptr_array_unref(items);
}

int64_t row_of(struct world *w, const char *id)
{
	struct store_room room = {0};
	struct store_conn *conn;
	int r;

	assert_int_equal(0, store_read_begin(w->store, &conn));
	r = store_room_by_id(conn, id, &room);
	store_room_clear(&room);
	store_read_end(conn);
	return r ? 0 : room.rowid;
}

void known(struct world *w)
{
	apply_rooms(w, room_list("ROOM1", 0, "ROOM2", 0, "ROOM3", 0, NULL));
	assert_int_equal(0, store_meta_set_int(w->store, "rooms.listed_wall_ms", now_ms));
	make_polling_pager(w, POLL, IDLE);
	pager_start(w->pager);
	assert_int_equal(0, calls->len);
	assert_int_equal(FRESH_ASLEEP, state_of(w));
}

void use_it(struct world *w)
{
	pager_used(w->pager, 0);
}

void answer_ok(guint i, GPtrArray *items)
{
	answer(i, items, NULL, 0, 200, false);
}

void answer_poll(struct world *w)
{
	(void)w;
	assert_string_equal("rooms", last_call()->what);
	answer_ok(calls->len - 1, room_list("ROOM1", 0, "ROOM2", 0, "ROOM3", 0, NULL));
}

static void awake(struct world *w)
{
	answer_poll(w);
	assert_int_equal(1, calls->len);
	assert_int_equal(FRESH_AWAKE, state_of(w));
}

void wake_up(struct world *w)
{
	on_queue(w, known);
	on_queue(w, use_it);
	on_queue(w, awake);
}

bool is_fresh(struct world *w, enum need_kind kind, int64_t row)
{
	return verdict(w, kind, row, true) == PAGER_USE;
}

/* ---- what seems to be gone ---- */

void not_found(guint i)
{
	answer(i, NULL, NULL, -ENOENT, 404, false);
}

void later(struct world *w, int64_t ms)
{
	now_ms += ms;
	proof_tick(pager_proof(w->pager));
}

bool has_room(struct world *w)
{
	return row_of(w, "ROOM1") == w->room;
}
