/* SPDX-License-Identifier: MIT */
/* Keeps how far the messages beyond the newest ones were verified. */
#include "store/internal.h"

#include <errno.h>

/* *ret_ms is the time of the first message below the newest `depth`. 1; 0: there is none;
 * -errno. */
static int below_head(struct sql *q, int64_t room, int64_t depth, int64_t *ret_ms)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT created_ms FROM message WHERE room=?1 AND deleted=0"
			    " ORDER BY cookie DESC LIMIT 1 OFFSET ?2");
	int r;

	sql_int(&st, 1, room);
	sql_int(&st, 2, depth);
	r = sql_step(&st);
	if (r == 1)
		*ret_ms = sql_get_int(&st, 0);
	return r;
}

/* created_ms of the newest message at or before `ms`. */
static int newest_at(struct sql *q, int64_t room, int64_t ms, int64_t *ret_ms)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT created_ms FROM message WHERE room=?1 AND cookie<?2"
			    " AND deleted=0 ORDER BY cookie DESC LIMIT 1");
	int r;

	sql_int(&st, 1, room);
	sql_int(&st, 2, cookie_floor(ms) + COOKIE_TIES);
	r = sql_step(&st);
	if (r == 1)
		*ret_ms = sql_get_int(&st, 0);
	return r;
}

/* Finds where a page of the messages at or before hi_ms ends; -1: the page has all of them. */
static int page_end(struct sql *q, int64_t room, int64_t hi_ms, int64_t *ret_lo_ms)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT created_ms FROM message WHERE room=?1 AND cookie<?2"
			    " AND deleted=0 ORDER BY cookie DESC LIMIT 1 OFFSET ?3");
	int r;

	sql_int(&st, 1, room);
	sql_int(&st, 2, cookie_floor(hi_ms) + COOKIE_TIES);
	sql_int(&st, 3, STORE_SWEEP_PAGE);
	r = sql_step(&st);
	*ret_lo_ms = r == 1 ? sql_get_int(&st, 0) : -1;
	return MIN(r, 0);
}

/* The span that has this time, or else the next one below it. 1; 0: there is none; -errno. */
static int span_down_from(struct sql *q, int64_t room, int64_t ms, struct store_span *ret_span)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT lo, hi FROM span WHERE room=?1 AND lo<?2"
			    " ORDER BY hi DESC LIMIT 1");
	int r;

	sql_int(&st, 1, room);
	sql_int(&st, 2, ms);
	r = sql_step(&st);
	if (r == 1)
		*ret_span = (struct store_span){sql_get_int(&st, 0), sql_get_int(&st, 1)};
	return r;
}

/* Goes on where the last page ended, or begins again at the top. 1; 0: the room has nothing to
 * verify; -errno. Messages that came alone, as mentions do, are left out: a page of what they stand in
 * would bring all that is between them. */
static int place_in(struct sql *q, int64_t depth, int64_t next_ms, struct store_sweep *s)
{
	struct store_span span;
	int64_t top_ms, ms;
	int r = below_head(q, s->room, depth, &top_ms);

	if (r != 1)
		return r;
	s->hi_ms = top_ms;
	if (next_ms >= 0 && next_ms < top_ms) {
		r = newest_at(q, s->room, next_ms, &ms);
		if (r == 1)
			s->hi_ms = ms;
	}
	if (r >= 0)
		r = span_down_from(q, s->room, s->hi_ms, &span);
	if (r == 0 && s->hi_ms < top_ms) {
		s->hi_ms = top_ms;
		r = span_down_from(q, s->room, top_ms, &span);
	}
	if (r != 1)
		return r;
	s->hi_ms = MIN(s->hi_ms, span.hi);
	if (page_end(q, s->room, s->hi_ms, &s->lo_ms) < 0)
		return -EIO;
	s->lo_ms = MAX(s->lo_ms, span.lo);
	return 1;
}

int store_sweep_next(struct store_conn *c, int64_t depth, struct store_sweep *ret_sweep)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		c->q, "SELECT r.rowid, ifnull(s.next_ms, -1) FROM (SELECT room,"
		      " sum(bodies+evicted) AS n FROM month GROUP BY room) m"
		      " JOIN room r ON r.rowid=m.room LEFT JOIN sweep s ON s.room=m.room"
		      " WHERE m.n>?1 AND r.gone=0 AND r.head_wall_ms>=0"
		      " ORDER BY ifnull(s.swept_wall_ms, -1), r.rowid");
	int r;

	sql_int(&st, 1, depth);
	while ((r = sql_step(&st)) == 1) {
		ret_sweep->room = sql_get_int(&st, 0);
		r = place_in(c->q, depth, sql_get_int(&st, 1), ret_sweep);
		if (r)
			return MIN(r, 0);
	}
	return r < 0 ? r : -ENOENT;
}

int64_t store_sweep_last(struct store_conn *c)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT ifnull(max(swept_wall_ms), -1) FROM sweep");

	return sql_step(&st) == 1 ? sql_get_int(&st, 0) : -1;
}

static int put_sweep(struct write *w, int64_t room, int64_t next_ms, int64_t now_wall_ms)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "INSERT OR REPLACE INTO sweep(room, next_ms, swept_wall_ms)"
			       " VALUES(?1, ?2, ?3)");

	sql_int(&st, 1, room);
	sql_int(&st, 2, next_ms);
	sql_int(&st, 3, now_wall_ms);
	return sql_run(&st);
}

int store_sweep_done(struct store *s, int64_t room, int64_t next_ms, int64_t now_wall_ms)
{
	struct write w;
	int r = write_begin(s, NULL, &w);

	return r < 0 ? r : write_end(&w, put_sweep(&w, room, next_ms, now_wall_ms));
}
