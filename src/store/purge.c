/* SPDX-License-Identifier: MIT */
/*
 * Deletes the rows of what is gone, some at a time.
 *
 * The row of a message, membership or content that is gone stays, as a tombstone, until the store
 * is opened again (store.h 4). The open notes the tombstones that it finds, and only those are
 * deleted. What was in a space that is gone may be a million messages, and nobody asks for them:
 * they are deleted in the same mount. The row of the space itself stays until the next open,
 * because its name is asked for.
 *
 * Whatever the moment of a crash, the tombstones that are left are found again.
 */
#include "store/internal.h"

/* A row of the queue takes no more rows with it than this. */
#define TABLES 4

static const struct {
	const char *tombstones, *drop_tombstone;
	const char *in_room, *drop;
} tables[TABLES] = {
	{"SELECT rowid FROM message WHERE deleted=1",
	 "DELETE FROM message WHERE rowid=?1 AND deleted=1",
	 "SELECT rowid FROM message WHERE room=?1 LIMIT ?2",
	 "DELETE FROM message WHERE rowid=?1"},
	{"SELECT rowid FROM member WHERE gone=1",
	 "DELETE FROM member WHERE rowid=?1 AND gone=1",
	 "SELECT rowid FROM member WHERE room=?1 AND gone=0 LIMIT ?2",
	 "DELETE FROM member WHERE rowid=?1"},
	{"SELECT rowid FROM content WHERE gone=1",
	 "DELETE FROM content WHERE rowid=?1 AND gone=1",
	 "SELECT rowid FROM content WHERE room=?1 AND gone=0 LIMIT ?2",
	 "DELETE FROM content WHERE rowid=?1"},
	/* Of no room. */
	{"SELECT rowid FROM webhook WHERE gone=1",
	 "DELETE FROM webhook WHERE rowid=?1 AND gone=1", NULL, NULL},
};
#define MESSAGES 0

static const char *const room_parts[] = {
	"DELETE FROM span WHERE room=?1",   "DELETE FROM mention_span WHERE room=?1",
	"DELETE FROM month WHERE room=?1",  "DELETE FROM sweep WHERE room=?1",
	"DELETE FROM thread WHERE room=?1",
};

struct dead_room {
	int64_t rowid;
	bool is_old; /* gone before this mount, so its own row goes, too */
};

struct purge {
	GArray *tombstones[TABLES]; /* of int64_t; deleted from the end */
	GArray *rooms;		    /* of struct dead_room; emptied from the end */
};

struct purge *purge_new(void)
{
	struct purge *p = g_new0(struct purge, 1);

	for (int i = 0; i < TABLES; i++)
		p->tombstones[i] = g_array_new(FALSE, FALSE, sizeof(int64_t));
	p->rooms = g_array_new(FALSE, FALSE, sizeof(struct dead_room));
	return p;
}

void purge_free(struct purge *p)
{
	for (int i = 0; i < TABLES; i++)
		g_array_unref(p->tombstones[i]);
	g_array_unref(p->rooms);
	g_free(p);
}

static int load_rows(struct sql *q, const char *text, GArray *rows)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(q, text);
	int r;

	while ((r = sql_step(&st)) == 1)
		rowset_add(rows, sql_get_int(&st, 0));
	return r;
}

int purge_load(struct store *s)
{
	g_autoptr(GArray) rooms = g_array_new(FALSE, FALSE, sizeof(int64_t));
	int r = load_rows(s->writer, "SELECT rowid FROM room WHERE gone=1", rooms);

	for (guint i = 0; i < rooms->len; i++) {
		struct dead_room room = {g_array_index(rooms, int64_t, i), true};

		g_array_append_val(s->purge->rooms, room);
	}
	for (int i = 0; r == 0 && i < TABLES; i++)
		r = load_rows(s->writer, tables[i].tombstones, s->purge->tombstones[i]);
	return r;
}

void purge_add_room(struct store *s, int64_t room)
{
	struct dead_room dead = {room, false};

	g_array_append_val(s->purge->rooms, dead);
}

bool purge_is_empty(const struct store *s)
{
	for (int i = 0; i < TABLES; i++)
		if (s->purge->tombstones[i]->len)
			return false;
	return !s->purge->rooms->len;
}

static int drop_body(struct sql *q, int64_t message)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "DELETE FROM body WHERE message=?1");

	sql_int(&st, 1, message);
	return sql_run(&st);
}

static int drop_row(struct sql *q, int table, const char *text, int64_t rowid)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(q, text);
	int r;

	sql_int(&st, 1, rowid);
	r = sql_run_any(&st);
	return r > 0 && table == MESSAGES ? drop_body(q, rowid) : MIN(r, 0);
}

/* One that came back meanwhile stays. */
static int drop_tombstones(struct sql *q, int table, const GArray *rows, int count)
{
	int r = 0;

	for (int i = 0; r == 0 && i < count; i++)
		r = drop_row(q, table, tables[table].drop_tombstone,
			     g_array_index(rows, int64_t, rows->len - 1 - (guint)i));
	return r;
}

/* Deletes up to `most` rows of the room from one table. Returns how many, or -errno. */
static int drop_in_room(struct sql *q, int table, int64_t room, int most)
{
	g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(int64_t));
	int r;

	if (!tables[table].in_room)
		return 0;
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(q, tables[table].in_room);

	sql_int(&st, 1, room);
	sql_int(&st, 2, most);
	while ((r = sql_step(&st)) == 1)
		rowset_add(rows, sql_get_int(&st, 0));
	for (guint i = 0; r == 0 && i < rows->len; i++)
		r = drop_row(q, table, tables[table].drop, g_array_index(rows, int64_t, i));
	return r < 0 ? r : (int)rows->len;
}

static int run_for_room(struct sql *q, const char *text, int64_t room)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(q, text);

	sql_int(&st, 1, room);
	return sql_run(&st);
}

/* If the space comes back, its old news are not told again. */
static int drop_room_row(struct sql *q, int64_t room)
{
	int r = run_for_room(q,
			     "INSERT OR REPLACE INTO meta(key, value) SELECT '" ROOM_META_NEWEST
			     "', max(last_activity_ms, ifnull((SELECT CAST(value AS INTEGER)"
			     " FROM meta WHERE key='" ROOM_META_NEWEST "'), 0)) FROM room"
			     " WHERE rowid=?1 AND gone=1",
			     room);

	return r < 0 ? r : run_for_room(q, "DELETE FROM room WHERE rowid=?1 AND gone=1", room);
}

static bool is_gone(struct sql *q, int64_t room)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT 1 FROM room WHERE rowid=?1 AND gone=1");

	sql_int(&st, 1, room);
	return sql_step(&st) == 1;
}

/* *ret_done: nothing is left of it. */
static int empty_room(struct sql *q, const struct dead_room *room, int most, bool *ret_done)
{
	int done = 0, r = 0;

	*ret_done = false;
	/* The transaction in which it went may have been rolled back. */
	for (int i = 0; is_gone(q, room->rowid) && i < TABLES && done < most; i++) {
		r = drop_in_room(q, i, room->rowid, most - done);
		if (r < 0)
			return r;
		done += r;
	}
	if (done == most)
		return done;
	for (size_t i = 0; r >= 0 && i < G_N_ELEMENTS(room_parts) && is_gone(q, room->rowid);
	     i++)
		r = run_for_room(q, room_parts[i], room->rowid);
	if (r >= 0 && room->is_old)
		r = drop_room_row(q, room->rowid);
	*ret_done = r >= 0;
	return r < 0 ? r : done + 1;
}

int purge_some(struct store *s, int most)
{
	struct purge *p = s->purge;
	struct write w;
	int table = 0, count, r;
	bool is_done = false;

	while (table < TABLES && !p->tombstones[table]->len)
		table++;
	if (table == TABLES && !p->rooms->len)
		return 0;
	r = write_begin(s, NULL, &w);
	if (r < 0)
		return r;
	w.is_quiet = true;
	if (table < TABLES) {
		count = MIN(most, (int)p->tombstones[table]->len);
		r = drop_tombstones(w.q, table, p->tombstones[table], count);
	} else {
		count = empty_room(
			w.q, &g_array_index(p->rooms, struct dead_room, p->rooms->len - 1),
			most, &is_done);
		r = MIN(count, 0);
	}
	r = write_end(&w, r);
	if (r < 0)
		return r;
	if (table < TABLES)
		g_array_set_size(p->tombstones[table],
				 p->tombstones[table]->len - (guint)count);
	else if (is_done)
		g_array_set_size(p->rooms, p->rooms->len - 1);
	return count;
}
