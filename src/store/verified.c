/* SPDX-License-Identifier: MIT */
/* When the messages of months, and members, were compared with what the server has. */
#include "store/internal.h"

#include <errno.h>

#include "base/timefmt.h"

/* The first and the last month that is whole in (lo, hi]. */
static void whole_months(int64_t lo_ms, int64_t hi_ms, int *ret_first, int *ret_last)
{
	int64_t lo = CLAMP(lo_ms, TIME_MIN_MS - 1, TIME_MAX_MS - 1);
	int64_t hi = CLAMP(hi_ms, TIME_MIN_MS, TIME_MAX_MS - 1);

	*ret_first = time_month(lo + 1);
	if (lo_ms >= 0 && time_month_begin(*ret_first) <= lo)
		++*ret_first;
	*ret_last = time_month(hi + 1) - 1;
}

int months_verified(struct write *w, int64_t room, int64_t lo_ms, int64_t hi_ms,
		    int64_t wall_ms)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE month SET verified_ms=?4 WHERE room=?1 AND month>=?2"
			       " AND month<=?3 AND verified_ms<?5");
	int first, last;

	whole_months(lo_ms, hi_ms, &first, &last);
	if (first > last)
		return 0;
	sql_int(&st, 1, room);
	sql_int(&st, 2, first);
	sql_int(&st, 3, last);
	sql_int(&st, 4, wall_ms);
	sql_int(&st, 5, wall_ms - VERIFIED_GRAIN_MS);
	return sql_run(&st);
}

int store_months_verified(struct store *s, int64_t room, int64_t lo_ms, int64_t hi_ms,
			  int64_t wall_ms)
{
	struct write w;
	int r = write_begin(s, NULL, &w);

	if (r < 0)
		return r;
	w.is_quiet = true;
	return write_end(&w, months_verified(&w, room, lo_ms, hi_ms, wall_ms));
}

int store_verify_due(struct store_conn *c, int64_t room, int64_t lo_ms, int64_t hi_ms,
		     int64_t before_wall_ms, int *ret_month)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		c->q, "SELECT month FROM month WHERE room=?1 AND month>=?2 AND month<=?3"
		      " AND verified_ms<?4 AND bodies+evicted>0 ORDER BY month DESC LIMIT 1");
	int r;

	sql_int(&st, 1, room);
	sql_int(&st, 2, time_month(CLAMP(lo_ms + 1, TIME_MIN_MS, TIME_MAX_MS)));
	sql_int(&st, 3, time_month(CLAMP(hi_ms, TIME_MIN_MS, TIME_MAX_MS)));
	sql_int(&st, 4, before_wall_ms);
	r = sql_step(&st);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	*ret_month = (int)sql_get_int(&st, 0);
	return 0;
}

int store_verify_top(struct store_conn *c, int64_t room, int64_t lo_ms, int64_t hi_ms, int page,
		     int64_t before_wall_ms, int64_t *ret_hi_ms)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT month, bodies+evicted, verified_ms FROM month"
			       " WHERE room=?1 AND month>=?2 ORDER BY month");
	int last = time_month(CLAMP(hi_ms, TIME_MIN_MS, TIME_MAX_MS));
	int64_t n = 0;
	int r;

	*ret_hi_ms = hi_ms;
	sql_int(&st, 1, room);
	sql_int(&st, 2, time_month(CLAMP(lo_ms + 1, TIME_MIN_MS, TIME_MAX_MS)));
	while ((r = sql_step(&st)) == 1) {
		int month = (int)sql_get_int(&st, 0);

		n += sql_get_int(&st, 1);
		if (month <= last)
			continue;
		if (n > page || sql_get_int(&st, 2) >= before_wall_ms)
			break;
		*ret_hi_ms = time_month_begin(month + 1) - 1;
	}
	return MIN(r, 0);
}

int members_age(struct write *w, int64_t room)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE room SET members_wall_ms=0 WHERE rowid=?1"
			       " AND members_wall_ms>0");

	sql_int(&st, 1, room);
	return sql_run(&st);
}

int store_age_members(struct store *s, int64_t room)
{
	struct write w;
	int r = write_begin(s, NULL, &w);

	return r < 0 ? r : write_end(&w, members_age(&w, room));
}
