/* SPDX-License-Identifier: MIT */
#include "pager/past/ahead.h"

#include <errno.h>

#include "pager/internal.h"

enum order { ORDER_NONE, ORDER_ROWS, ORDER_NAMES };

struct ahead {
	struct pager *pager;
	int64_t room;	 /* where it is; 0: nowhere yet */
	int64_t step_ms; /* mono */
	enum order order;
};

struct ahead *ahead_new(struct pager *p)
{
	struct ahead *a = g_new0(struct ahead, 1);

	a->pager = p;
	a->step_ms = INT64_MIN / 2;
	return a;
}

void ahead_free(struct ahead **a)
{
	g_free(*a);
	*a = NULL;
}

static int64_t mono(const struct ahead *a)
{
	return clock_mono(pager_get_config(a->pager)->clock);
}

bool ahead_is_on(const struct ahead *a)
{
	return a->order != ORDER_NONE && mono(a) - a->step_ms < AHEAD_IDLE_MS;
}

/* Appends the spaces behind `room`. */
static void find_next(struct store_conn *conn, int64_t room, enum order order, int limit,
		      GArray *rooms)
{
	(void)store_room_next(conn, room, order == ORDER_NAMES, limit, rooms);
}

static bool is_next(struct store_conn *conn, int64_t from, int64_t to, enum order order)
{
	g_autoptr(GArray) rooms = g_array_new(FALSE, FALSE, sizeof(int64_t));

	find_next(conn, from, order, 1, rooms);
	return rooms->len && g_array_index(rooms, int64_t, 0) == to;
}

static enum order order_of(struct store_conn *conn, int64_t from, int64_t to)
{
	if (is_next(conn, from, to, ORDER_NAMES))
		return ORDER_NAMES;
	return is_next(conn, from, to, ORDER_ROWS) ? ORDER_ROWS : ORDER_NONE;
}

/* Begins with the next spaces that were never listed: what is known of the others is kept up by the
 * polls. */
static void begin_next(struct ahead *a, struct store_conn *conn, GArray *begin)
{
	g_autoptr(GArray) rooms = g_array_new(FALSE, FALSE, sizeof(int64_t));

	if (a->order == ORDER_NONE)
		return;
	find_next(conn, a->room, a->order, AHEAD_SPACES, rooms);
	for (guint i = 0; i < rooms->len; i++) {
		int64_t room = g_array_index(rooms, int64_t, i);
		struct store_span head;

		if (store_span_head(conn, room, &head) == -ENOENT)
			g_array_append_val(begin, room);
	}
}

void ahead_step(struct ahead *a, int64_t room)
{
	g_autoptr(GArray) begin = g_array_new(FALSE, FALSE, sizeof(int64_t));
	struct store_conn *conn;

	if (store_read_begin(pager_get_config(a->pager)->store, &conn))
		return;
	if (room != a->room) {
		bool is_late = mono(a) - a->step_ms >= AHEAD_IDLE_MS;

		a->order = a->room && !is_late ? order_of(conn, a->room, room) : ORDER_NONE;
		a->room = room;
	}
	a->step_ms = mono(a);
	begin_next(a, conn, begin);
	store_read_end(conn);
	for (guint i = 0; i < begin->len; i++) {
		struct need need = {.kind = NEED_TO_HEAD,
				    .row = g_array_index(begin, int64_t, i),
				    .lo_ms = NEED_WHOLE};

		pager_begin(a->pager, &need);
	}
}
