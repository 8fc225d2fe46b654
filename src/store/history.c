/* SPDX-License-Identifier: MIT */
/* The months of a room's history. */
#include "store/internal.h"

#include <errno.h>

#include "base/timefmt.h"

/*
 * 2014-11-01, when the service began. A history with an unknown beginning begins here: a month
 * too many is empty, but a month too few would be a hole in a backup.
 */
#define SERVICE_BEGAN_MS INT64_C(1414800000000)

static int one_time(struct sql_stmt *st, int64_t *ret_ms)
{
	int r = sql_step(st);

	*ret_ms = r == 1 ? sql_get_int(st, 0) : -1;
	return r < 0 ? r : 0;
}

static int edges(struct sql *q, int64_t room, int64_t *ret_oldest_ms, int64_t *ret_newest_ms)
{
	_cleanup_(sql_done) struct sql_stmt oldest =
		sql_stmt(q, "SELECT created_ms FROM message WHERE room=?1 AND deleted=0"
			    " ORDER BY cookie LIMIT 1");
	_cleanup_(sql_done) struct sql_stmt newest =
		sql_stmt(q, "SELECT created_ms FROM message WHERE room=?1 AND deleted=0"
			    " ORDER BY cookie DESC LIMIT 1");
	int r;

	sql_int(&oldest, 1, room);
	sql_int(&newest, 1, room);
	r = one_time(&oldest, ret_oldest_ms);
	return r < 0 ? r : one_time(&newest, ret_newest_ms);
}

/* -1 if the room does not say. */
static int room_times(struct sql *q, int64_t room, int64_t *ret_created_ms,
		      int64_t *ret_activity_ms)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		q, "SELECT created_ms, last_activity_ms FROM room WHERE rowid=?1 AND gone=0");
	int r;

	sql_int(&st, 1, room);
	r = sql_step(&st);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	*ret_created_ms = sql_get_int(&st, 0);
	*ret_activity_ms = sql_get_int(&st, 1);
	return 0;
}

/* True if it is known that no message is older than `oldest_ms`. */
static bool beginning_is_known(struct sql *q, int64_t room, int64_t oldest_ms)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT 1 FROM span WHERE room=?1 AND lo<0 AND hi>=?2");

	sql_int(&st, 1, room);
	sql_int(&st, 2, oldest_ms);
	return sql_step(&st) == 1;
}

int store_room_months(struct store_conn *c, int64_t room, struct store_months *ret_months)
{
	int64_t created_ms, activity_ms, oldest_ms, newest_ms, first_ms;
	int r = room_times(c->q, room, &created_ms, &activity_ms);

	if (r == 0)
		r = edges(c->q, room, &oldest_ms, &newest_ms);
	if (r < 0)
		return r;
	*ret_months = (struct store_months){
		.first = 0,
		.last = -1,
		.latest_ms = MAX(MAX(created_ms, activity_ms), newest_ms),
	};
	if (ret_months->latest_ms < 0)
		return 0;
	first_ms = created_ms;
	if (first_ms < 0)
		first_ms = beginning_is_known(c->q, room, oldest_ms) ? ret_months->latest_ms
								     : SERVICE_BEGAN_MS;
	if (oldest_ms >= 0)
		first_ms = MIN(first_ms, oldest_ms);
	ret_months->first = time_month(MIN(first_ms, ret_months->latest_ms));
	ret_months->last = time_month(ret_months->latest_ms);
	return 0;
}
