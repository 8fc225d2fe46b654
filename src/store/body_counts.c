/* SPDX-License-Identifier: MIT */
/* Counts the bodies of each month of each space. evict.c decides which of them are dropped. */
#include "store/internal.h"

#include "base/clock.h"
#include "base/timefmt.h"

bool store_has_evicted(struct store *s)
{
	return atomic_load_explicit(&s->evicted, memory_order_relaxed) > 0;
}

struct note {
	int64_t room;
	int month, bodies, evicted;
	int64_t shown_ms;	    /* the latest time that a message of it got; -1: none did */
	bool is_again;		    /* see body_counts_note_time() */
	bool is_longer, is_shorter; /* see body_counts_note_length() */
};

static struct note *find_note(struct write *w, int64_t room, int month)
{
	struct note fresh = {.room = room, .month = month, .shown_ms = -1};

	if (!w->body_counts)
		w->body_counts = g_array_new(FALSE, FALSE, sizeof(struct note));
	/* The messages of a page come in the order of time, so the month nearly always is the
	 * last one. */
	for (guint i = w->body_counts->len; i-- > 0;) {
		struct note *n = &g_array_index(w->body_counts, struct note, i);

		if (n->month == month && n->room == room)
			return n;
	}
	g_array_append_val(w->body_counts, fresh);
	return &g_array_index(w->body_counts, struct note, w->body_counts->len - 1);
}

void body_counts_note(struct write *w, int64_t room, int64_t created_ms, int bodies,
		      int evicted)
{
	body_counts_note_month(w, room, time_month(created_ms), bodies, evicted);
}

void body_counts_note_month(struct write *w, int64_t room, int month, int bodies, int evicted)
{
	struct note *n = find_note(w, room, month);

	n->bodies += bodies;
	n->evicted += evicted;
	w->bodies += bodies;
	w->evicted += evicted;
}

void body_counts_note_time(struct write *w, int64_t room, int64_t created_ms, int64_t shown_ms,
			   bool is_again)
{
	struct note *n = find_note(w, room, time_month(created_ms));

	n->shown_ms = MAX(n->shown_ms, shown_ms);
	n->is_again |= is_again;
}

void body_counts_note_length(struct write *w, int64_t room, int64_t created_ms, bool is_longer)
{
	struct note *n = find_note(w, room, time_month(created_ms));

	n->is_longer |= is_longer;
	n->is_shorter |= !is_longer;
}

/* 0: the text is as long as it was, 1: longer, -1: shorter, 2: nobody knows. */
static int length_of(const struct note *n)
{
	if (n->is_longer && n->is_shorter)
		return 2;
	return n->is_longer - n->is_shorter;
}

/*
 * New bodies count as opening the month, so that what was fetched ahead is not dropped first. The first
 * ones were fetched just now: the month counts as verified. If a change brings no later second than the
 * month's text had, it gets one; also if the text may have a length again that it had before.
 */
static int flush_one(struct write *w, const struct note *n)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		w->q,
		"INSERT INTO month(room, month, bodies, evicted, opened_ms, newest_ms, "
		"verified_ms)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?5) ON CONFLICT(room, month) DO UPDATE SET"
		" bodies=bodies+excluded.bodies, evicted=evicted+excluded.evicted,"
		" opened_ms=max(opened_ms, excluded.opened_ms),"
		" newest_ms=max(newest_ms, excluded.newest_ms),"
		" changed_ms=CASE WHEN (?7 AND ?6/1000<=max(newest_ms, changed_ms)/1000)"
		"  OR ?9=2 OR ?9*longer<0"
		"  THEN max(?8, max(newest_ms, changed_ms)+1000) ELSE changed_ms END,"
		" longer=CASE ?9 WHEN 0 THEN longer WHEN 2 THEN 0 ELSE ?9 END");

	sql_int(&st, 1, n->room);
	sql_int(&st, 2, n->month);
	sql_int(&st, 3, n->bodies);
	sql_int(&st, 4, n->evicted);
	sql_int(&st, 5, n->bodies > 0 ? clock_wall(w->s->clock) : 0);
	sql_int(&st, 6, n->shown_ms);
	sql_int(&st, 7, n->is_again);
	sql_int(&st, 8, clock_wall(w->s->clock));
	sql_int(&st, 9, length_of(n));
	return sql_run(&st);
}

int body_counts_flush(struct write *w)
{
	int r = 0;

	for (guint i = 0; r == 0 && w->body_counts && i < w->body_counts->len; i++)
		r = flush_one(w, &g_array_index(w->body_counts, struct note, i));
	return r;
}

void body_counts_end(struct write *w, bool done)
{
	g_clear_pointer(&w->body_counts, g_array_unref);
	if (!done)
		return;
	atomic_fetch_add(&w->s->bodies, w->bodies);
	atomic_fetch_add(&w->s->evicted, w->evicted);
}

static int drop_rows(struct write *w, int64_t room)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "DELETE FROM month WHERE room=?1");

	sql_int(&st, 1, room);
	return sql_run(&st);
}

int body_counts_drop(struct write *w, int64_t room)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "SELECT sum(bodies), sum(evicted) FROM month WHERE room=?1");
	int r;

	sql_int(&st, 1, room);
	r = sql_step(&st);
	if (r < 0)
		return r;
	w->bodies -= sql_get_int(&st, 0);
	w->evicted -= sql_get_int(&st, 1);
	return drop_rows(w, room);
}

int64_t store_bodies_count(struct store *s)
{
	return atomic_load(&s->bodies);
}

/* Opening a month again within this time writes nothing. */
#define OPENED_GRAIN_MS 2000

static int put_opened(struct write *w, int64_t room, int64_t lo_ms, int64_t hi_ms)
{
	int64_t now = clock_wall(w->s->clock);
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE month SET opened_ms=?4 WHERE room=?1 AND month>=?2"
			       " AND month<=?3 AND opened_ms<?5");

	sql_int(&st, 1, room);
	sql_int(&st, 2, time_month(lo_ms + 1));
	sql_int(&st, 3, time_month(hi_ms));
	sql_int(&st, 4, now);
	sql_int(&st, 5, now - OPENED_GRAIN_MS);
	return sql_run(&st);
}

int store_month_opened(struct store *s, int64_t room, int64_t lo_ms, int64_t hi_ms)
{
	struct write w;
	int r = write_begin(s, NULL, &w);

	if (r < 0)
		return r;
	w.is_quiet = true;
	return write_end(&w, put_opened(&w, room, lo_ms, hi_ms));
}

void store_count_messages(struct store *s, int64_t *ret_messages, int64_t *ret_bodies)
{
	*ret_bodies = atomic_load(&s->bodies);
	*ret_messages = *ret_bodies + atomic_load(&s->evicted);
}

int body_counts_load(struct store *s)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(s->writer, "SELECT sum(bodies), sum(evicted) FROM month");
	int r = sql_step(&st);

	if (r < 0)
		return r;
	atomic_store(&s->bodies, sql_get_int(&st, 0));
	atomic_store(&s->evicted, sql_get_int(&st, 1));
	return 0;
}
