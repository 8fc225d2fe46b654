/* SPDX-License-Identifier: MIT */
/*
 * Dropping bodies, and finding messages whose bodies were dropped. The months are taken in the
 * order in which they were last opened, and each of them from its oldest message on; a slice
 * goes on where the one before ended.
 */
#include "store/internal.h"

#include <errno.h>

#include "base/clock.h"
#include "base/timefmt.h"

#define IN_USE_MS (INT64_C(60) * 60 * 1000)
#define FAR_OVER 1000

struct victim {
	int64_t room;
	int month;
};

/* One call of store_evict(). */
struct evict {
	struct write *w;
	const struct store_evict *e;
	int left; /* of the slice */
};

static bool is_over(const struct evict *v)
{
	return store_bodies_count(v->w->s) + v->w->bodies > v->e->limit;
}

/* ---- choosing bodies ---- */

/* Of a space in use the newest bodies stay: *ret_cookie is that of the first of them. */
static int spared_from(struct evict *v, int64_t room, int64_t *ret_cookie)
{
	_cleanup_(sql_done) struct sql_stmt used =
		sql_stmt(v->w->q, "SELECT used_wall_ms FROM room WHERE rowid=?1");
	_cleanup_(sql_done) struct sql_stmt newest =
		sql_stmt(v->w->q, "SELECT cookie FROM message WHERE room=?1 AND deleted=0"
				  " ORDER BY cookie DESC LIMIT 1 OFFSET ?2");
	int r;

	*ret_cookie = G_MAXINT64;
	sql_int(&used, 1, room);
	r = sql_step(&used);
	if (r <= 0 || sql_get_int(&used, 0) < clock_wall(v->w->s->clock) - IN_USE_MS)
		return MIN(r, 0);
	*ret_cookie = 0;
	if (!v->e->recent)
		return 0;
	sql_int(&newest, 1, room);
	sql_int(&newest, 2, v->e->recent - 1);
	r = sql_step(&newest);
	if (r == 1)
		*ret_cookie = sql_get_int(&newest, 0);
	return MIN(r, 0);
}

/* ---- dropping ---- */

static int drop_body(struct write *w, int64_t rowid)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "DELETE FROM body WHERE message=?1");
	int r = sizes_before_drop(w, rowid);

	if (r < 0)
		return r;
	sql_int(&st, 1, rowid);
	return sql_run(&st);
}

/* Finds rows of the month with a body and a cookie between `after` and `until`; gives the
 * cookie of the last one. */
static int find_bodies(struct evict *v, const struct victim *m, int64_t after, int64_t until,
		       GArray *rows, int64_t *ret_last)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		v->w->q, "SELECT m.rowid, m.cookie FROM message m JOIN body b ON"
			 " b.message=m.rowid WHERE m.room=?1 AND m.cookie>?2 AND m.cookie<?3"
			 " AND m.deleted=0 AND NOT (?5 AND (m." MESSAGE_IS_OWN
			 " OR (SELECT type FROM room WHERE rowid=?1)=?6))"
			 " ORDER BY m.cookie LIMIT ?4");
	int64_t begin = cookie_floor(time_month_begin(m->month));
	int64_t end = cookie_floor(time_month_begin(m->month + 1));
	int r;

	sql_int(&st, 1, m->room);
	sql_int(&st, 2, MAX(after, begin - 1));
	sql_int(&st, 3, MIN(until, end));
	sql_int(&st, 4, v->left);
	sql_int(&st, 5, v->e->keep_hidden);
	sql_int(&st, 6, WEBEX_ROOM_GROUP);
	while ((r = sql_step(&st)) == 1) {
		rowset_add(rows, sql_get_int(&st, 0));
		*ret_last = sql_get_int(&st, 1);
	}
	return r;
}

static int64_t resume_after(const struct evict *v, const struct victim *m)
{
	const struct evict_place *p = &v->w->s->evict;

	return p->room == m->room && p->month == m->month ? p->cookie : 0;
}

/* Drops as many bodies of the month below `until` as the slice and the limit allow. */
static int drop_month(struct evict *v, const struct victim *m, int64_t until)
{
	g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(int64_t));
	int64_t last = resume_after(v, m);
	int r = find_bodies(v, m, last, until, rows, &last);
	guint i = 0;

	/* Bodies came back behind the place where the last slice ended. */
	if (r == 0 && !rows->len && resume_after(v, m))
		r = find_bodies(v, m, 0, until, rows, &last);
	for (; r == 0 && i < rows->len && is_over(v); i++) {
		r = drop_body(v->w, g_array_index(rows, int64_t, i));
		if (r == 0)
			body_counts_note_month(v->w, m->room, m->month, -1, 1);
	}
	v->left -= (int)i;
	if (i == rows->len)
		v->w->s->evict = (struct evict_place){m->room, last, m->month};
	return r;
}

static int drop_unspared(struct evict *v, const struct victim *m, bool spare)
{
	int64_t until = G_MAXINT64;
	int r = spare ? spared_from(v, m->room, &until) : 0;

	return r < 0 ? r : drop_month(v, m, until);
}

/*
 * Drops from the month that was opened longest ago first. The rows of the months change only at
 * the end of the write.
 */
static int drop_months(struct evict *v, bool spare)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		v->w->q, "SELECT room, month FROM month WHERE bodies>0 AND opened_ms<=?1"
			 " ORDER BY opened_ms");
	int r = 0;

	sql_int(&st, 1, clock_wall(v->w->s->clock) - v->e->fresh_ms);
	while (v->left > 0 && is_over(v) && (r = sql_step(&st)) == 1) {
		struct victim m = {sql_get_int(&st, 0), (int)sql_get_int(&st, 1)};

		r = drop_unspared(v, &m, spare);
		if (r < 0)
			break;
	}
	return MIN(r, 0);
}

/* 1 if there are months that may be dropped in a moment; 0; -errno. */
static int has_fresh(struct evict *v)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		v->w->q, "SELECT 1 FROM month WHERE bodies>0 AND opened_ms>?1 LIMIT 1");

	sql_int(&st, 1, clock_wall(v->w->s->clock) - v->e->fresh_ms);
	return sql_step(&st);
}

/* True if there are so many bodies that those of spaces in use must be dropped, too. */
static bool is_far_over(const struct evict *v)
{
	return store_bodies_count(v->w->s) + v->w->bodies >
	       v->e->limit + v->e->limit / 8 + FAR_OVER;
}

static int evict(struct evict *v)
{
	int r = drop_months(v, true);

	if (r == 0 && is_over(v) && v->left > 0 && !is_far_over(v))
		r = has_fresh(v);
	return r ? MIN(r, 0) : drop_months(v, false);
}

int store_evict(struct store *s, const struct store_evict *e)
{
	struct write w;
	struct evict v = {.w = &w, .e = e, .left = e->slice};
	int r;

	if (store_bodies_count(s) <= e->limit)
		return 0;
	r = write_begin(s, NULL, &w);
	if (r < 0)
		return r;
	w.is_quiet = true;
	r = write_end(&w, evict(&v));
	/* If the slice is not used up, there was nothing more to drop. */
	return r < 0 ? r : v.left <= 0 && store_bodies_count(s) > e->limit;
}

/* ---- finding ---- */

int store_message_is_evicted(struct store_conn *c, int64_t rowid, bool *ret_evicted)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT m.deleted=0 AND b.message IS NULL FROM message m"
			       " LEFT JOIN body b ON b.message=m.rowid WHERE m.rowid=?1");
	int r;

	sql_int(&st, 1, rowid);
	r = sql_step(&st);
	if (r == 1)
		*ret_evicted = sql_get_int(&st, 0);
	return r < 0 ? r : r == 1 ? 0 : -ENOENT;
}

static bool month_lacks_some(struct store_conn *c, const struct store_range *range)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT 1 FROM month WHERE room=?1 AND evicted>0 LIMIT 1");

	sql_int(&st, 1, range->room);
	return sql_step(&st) == 1;
}

int store_evicted_span(struct store_conn *c, const struct store_range *range,
		       struct store_span *ret_span)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		c->q, "SELECT min(m.created_ms), max(m.created_ms) FROM message m LEFT JOIN"
		      " body b ON b.message=m.rowid WHERE m.room=?1 AND m.cookie>?2"
		      " AND m.cookie<?3 AND m.deleted=0 AND m.created_ms>=?4"
		      " AND b.message IS NULL AND (?5=0 OR m.thread=?5)");
	int r;

	if (!store_has_evicted(c->s) || !month_lacks_some(c, range))
		return 0;
	sql_int(&st, 1, range->room);
	sql_int(&st, 2, range->after);
	sql_int(&st, 3, range->until > 0 ? range->until : G_MAXINT64);
	sql_int(&st, 4, range->since_ms);
	sql_int(&st, 5, range->thread);
	r = sql_step(&st);
	if (r < 0)
		return r;
	if (!sql_get_int(&st, 0))
		return 0;
	ret_span->lo = sql_get_int(&st, 0) - 1;
	ret_span->hi = sql_get_int(&st, 1);
	return 1;
}

struct around {
	int64_t room, cookie, created_ms;
};

static int find_place(struct store_conn *c, int64_t rowid, struct around *ret_around)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		c->q, "SELECT m.room, m.cookie, m.created_ms FROM message m JOIN room r"
		      " ON r.rowid=m.room WHERE m.rowid=?1 AND m.deleted=0"
		      " AND r.gone=0");
	int r;

	sql_int(&st, 1, rowid);
	r = sql_step(&st);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	*ret_around =
		(struct around){sql_get_int(&st, 0), sql_get_int(&st, 1), sql_get_int(&st, 2)};
	return 0;
}

/* Clips the interval to the span around it, since a gap may hold thousands of messages. */
static int clip_to_span(struct store_conn *c, const struct around *a, struct store_span *span)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT lo, hi FROM span WHERE room=?1 AND hi>=?2 AND lo<?2");
	struct store_span known = {a->created_ms - 1, a->created_ms};
	int r;

	sql_int(&st, 1, a->room);
	sql_int(&st, 2, a->created_ms);
	r = sql_step(&st);
	if (r == 1)
		known = (struct store_span){sql_get_int(&st, 0), sql_get_int(&st, 1)};
	span->lo = MAX(span->lo, known.lo);
	span->hi = MIN(span->hi, known.hi);
	return MIN(r, 0);
}

/* Goes from message to message while they lack their bodies; *ret_ms is the time of the last
 * one. */
static int follow(struct store_conn *c, const struct around *a, bool up, int most,
		  const struct store_span *within, int64_t *ret_ms)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		c->q, up ? "SELECT m.created_ms, b.message FROM message m LEFT JOIN body b"
			   " ON b.message=m.rowid WHERE m.room=?1 AND m.cookie>?2"
			   " AND m.deleted=0 ORDER BY m.cookie"
			 : "SELECT m.created_ms, b.message FROM message m LEFT JOIN body b"
			   " ON b.message=m.rowid WHERE m.room=?1 AND m.cookie<?2"
			   " AND m.deleted=0 ORDER BY m.cookie DESC");
	int n = 1, r;

	sql_int(&st, 1, a->room);
	sql_int(&st, 2, a->cookie);
	while ((r = sql_step(&st)) == 1 && n < most && !sql_get_int(&st, 1)) {
		int64_t ms = sql_get_int(&st, 0);

		if (ms <= within->lo || ms > within->hi)
			break;
		*ret_ms = ms;
		n++;
	}
	return r < 0 ? r : n;
}

int store_evicted_around(struct store_conn *c, int64_t rowid, int most, int64_t *ret_room,
			 struct store_span *ret_span)
{
	struct around a;
	int64_t low, high;
	int n = 0, r = find_place(c, rowid, &a);

	if (r < 0)
		return r;
	low = high = a.created_ms;
	r = clip_to_span(c, &a, ret_span);
	if (r < 0)
		return r;
	n = follow(c, &a, true, most, ret_span, &high);
	if (n > 0 && n < most)
		n = follow(c, &a, false, most - n + 1, ret_span, &low);
	if (n < 0)
		return n;
	*ret_room = a.room;
	*ret_span = (struct store_span){low - 1, high};
	return 0;
}

int store_evicted_next(struct store_conn *c, int64_t room, const struct store_span *span,
		       int64_t after, int64_t *ret_rowid, int64_t *ret_cookie, char **ret_id)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT m.rowid, m.cookie, m.id FROM message m LEFT JOIN body b"
			       " ON b.message=m.rowid WHERE m.room=?1 AND m.cookie>?2"
			       " AND m.cookie<?3 AND m.deleted=0 AND b.message IS NULL"
			       " AND m.created_ms>?4 AND m.created_ms<=?5"
			       " AND (SELECT gone FROM room WHERE rowid=?1)=0"
			       " ORDER BY m.cookie LIMIT 1");
	int r;

	sql_int(&st, 1, room);
	sql_int(&st, 2, MAX(after, cookie_floor(span->lo) - 1));
	sql_int(&st, 3, cookie_floor(span->hi) + COOKIE_TIES);
	sql_int(&st, 4, span->lo);
	sql_int(&st, 5, span->hi);
	r = sql_step(&st);
	if (r == 1) {
		*ret_rowid = sql_get_int(&st, 0);
		*ret_cookie = sql_get_int(&st, 1);
		*ret_id = sql_get_id(&st, 2, "MESSAGE");
	}
	return r;
}
