/* SPDX-License-Identifier: MIT */
/* Reads rooms. Writing is in room_put.c. */
#include "store/rooms.h"
#include "store/teams.h"

#include <errno.h>

#include "base/names.h"

#define ROOM_COLUMNS                                                                           \
	"rowid, id, type, gone, name, title, flags, team_id, creator_id, owner_id,"            \
	" classification_id, description, last_activity_ms, created_ms, extra, direct_email,"  \
	" members_wall_ms, details_ms, members_ms, pin_until_ms, head_wall_ms "

void store_room_clear(struct store_room *r)
{
	g_clear_pointer(&r->name, g_free);
	g_clear_pointer(&r->direct_email, g_free);
	webex_room_clear(&r->room);
}

static void room_row(struct sql_stmt *st, struct store_room *ret_room)
{
	enum webex_room_type type = (enum webex_room_type)sql_get_int(st, 2);
	int64_t flags = sql_get_int(st, 6);

	*ret_room = (struct store_room){
		.rowid = sql_get_int(st, 0),
		.gone = sql_get_int(st, 3),
		.name = sql_get_text(st, 4),
		.direct_email = sql_get_text(st, 15),
		.members_wall_ms = sql_get_int(st, 16),
		.details_ms = sql_get_int(st, 17),
		.members_ms = sql_get_int(st, 18),
		.head_wall_ms = sql_get_int(st, 20),
		.room =
			{
				.id = sql_get_id(st, 1, room_id_type(type)),
				.type = type,
				.title = sql_get_text(st, 5),
				.is_locked = flags & ROOM_LOCKED,
				.is_announcement_only = flags & ROOM_ANNOUNCEMENT,
				.is_read_only = flags & ROOM_READ_ONLY,
				.is_public = flags & ROOM_PUBLIC,
				.team_id = sql_get_id(st, 7, "TEAM"),
				.creator_id = sql_get_id(st, 8, "PEOPLE"),
				.owner_id = sql_get_text(st, 9),
				.classification_id = sql_get_text(st, 10),
				.description = sql_get_text(st, 11),
				.last_activity_ms = sql_get_int(st, 12),
				.created_ms = sql_get_int(st, 13),
				.extra = sql_get_text(st, 14),
			},
	};
}

static int room_one(struct sql_stmt *st, struct store_room *ret_room)
{
	int r = sql_step(st);

	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	room_row(st, ret_room);
	return 0;
}

int room_load(struct sql *q, int64_t rowid, struct store_room *ret_room, int64_t *ret_pin_ms)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT " ROOM_COLUMNS "FROM room WHERE rowid=?1");
	int r;

	sql_int(&st, 1, rowid);
	r = room_one(&st, ret_room);
	if (r == 0 && ret_pin_ms)
		*ret_pin_ms = sql_get_int(&st, 19);
	return r;
}

int room_find(struct sql *q, enum webex_room_type type, const char *id, int64_t *ret_rowid)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		q, "SELECT rowid FROM room WHERE id=?1 AND (" ROOM_IS_TEAM ")=?2 AND gone=0");
	int r;

	sql_id(&st, 1, room_id_type(type), id);
	sql_int(&st, 2, type == WEBEX_ROOM_TEAM);
	r = sql_step(&st);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	*ret_rowid = sql_get_int(&st, 0);
	return 0;
}

void room_place_clear(struct room_place *p)
{
	g_clear_pointer(&p->id, g_free);
}

int room_place_get(struct sql *q, int64_t rowid, struct room_place *ret_place)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT type, id FROM room WHERE rowid=?1 AND gone=0");
	int r;

	sql_int(&st, 1, rowid);
	r = sql_step(&st);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	ret_place->rowid = rowid;
	ret_place->type = (enum webex_room_type)sql_get_int(&st, 0);
	ret_place->id = sql_get_id(&st, 1, room_id_type(ret_place->type));
	return 0;
}

int store_room_get(struct store_conn *c, int64_t rowid, struct store_room *ret_room)
{
	return room_load(c->q, rowid, ret_room, NULL);
}

static int by_id(struct store_conn *c, enum webex_room_type type, const char *id,
		 struct store_room *ret_room)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT " ROOM_COLUMNS "FROM room WHERE id=?1 AND"
			       " (" ROOM_IS_TEAM ")=?2 AND gone=0");

	sql_id(&st, 1, room_id_type(type), id);
	sql_int(&st, 2, type == WEBEX_ROOM_TEAM);
	return room_one(&st, ret_room);
}

int store_room_by_id(struct store_conn *c, const char *id, struct store_room *ret_room)
{
	return by_id(c, WEBEX_ROOM_GROUP, id, ret_room);
}

int store_team_by_id(struct store_conn *c, const char *id, struct store_room *ret_team)
{
	return by_id(c, WEBEX_ROOM_TEAM, id, ret_team);
}

int store_room_by_name(struct store_conn *c, enum webex_room_type type, const char *name,
		       struct store_room *ret_room)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		c->q, "SELECT " ROOM_COLUMNS "FROM room WHERE type=?1 AND name=?2 AND gone=0");

	sql_int(&st, 1, type);
	sql_text(&st, 2, name);
	return room_one(&st, ret_room);
}

int store_room_by_email(struct store_conn *c, const char *email, struct store_room *ret_room)
{
	g_autofree char *key = name_key(email);
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT " ROOM_COLUMNS
			       "FROM room WHERE direct_key=?1 AND gone=0 ORDER BY rowid");

	sql_text(&st, 1, key);
	return room_one(&st, ret_room);
}

/* Calls `fn` for each row of the statement until it returns false. */
static int each_room(struct sql_stmt *st, bool (*fn)(void *arg, const struct store_room *room),
		     void *arg)
{
	bool more = true;
	int r = 0;

	while (more && (r = sql_step(st)) == 1) {
		struct store_room room;

		room_row(st, &room);
		more = fn(arg, &room);
		store_room_clear(&room);
	}
	return r < 0 ? r : 0;
}

int store_room_list(struct store_conn *c, enum webex_room_type type, int64_t after,
		    bool (*fn)(void *arg, const struct store_room *room), void *arg)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		c->q, "SELECT " ROOM_COLUMNS
		      "FROM room WHERE type=?1 AND gone=0 AND rowid>?2 ORDER BY rowid");

	sql_int(&st, 1, type);
	sql_int(&st, 2, after);
	return each_room(&st, fn, arg);
}

int store_team_spaces(struct store_conn *c, int64_t team, int64_t after,
		      bool (*fn)(void *arg, const struct store_room *space), void *arg)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT " ROOM_COLUMNS "FROM room WHERE team_id=(SELECT id FROM"
			       " room WHERE rowid=?1 AND " ROOM_IS_TEAM
			       ") AND gone=0 AND rowid>?2 ORDER BY rowid");

	sql_int(&st, 1, team);
	sql_int(&st, 2, after);
	return each_room(&st, fn, arg);
}

int store_team_of(struct store_conn *c, int64_t room, int64_t *ret_team)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT rowid FROM room WHERE id=(SELECT team_id FROM room WHERE"
			       " rowid=?1) AND (" ROOM_IS_TEAM ")=1 AND gone=0");
	int r;

	sql_int(&st, 1, room);
	r = sql_step(&st);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	*ret_team = sql_get_int(&st, 0);
	return 0;
}

int store_room_next(struct store_conn *c, int64_t room, bool by_name, int limit,
		    GArray *ret_rooms)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		c->q, by_name ? "SELECT n.rowid FROM room r JOIN room n ON n.type=r.type AND"
				" n.gone=0 AND n.name>r.name WHERE r.rowid=?1"
				" ORDER BY n.name LIMIT ?2"
			      : "SELECT n.rowid FROM room r JOIN room n ON n.type=r.type AND"
				" n.gone=0 AND n.rowid>r.rowid WHERE r.rowid=?1"
				" ORDER BY n.rowid LIMIT ?2");
	int r;

	sql_int(&st, 1, room);
	sql_int(&st, 2, limit);
	while ((r = sql_step(&st)) == 1) {
		int64_t rowid = sql_get_int(&st, 0);

		g_array_append_val(ret_rooms, rowid);
	}
	return r;
}

int64_t store_room_count(struct store *s, enum webex_room_type type)
{
	return atomic_load(&s->rooms[type]);
}

int room_counts_load(struct store *s)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(s->writer, "SELECT count(*) FROM room WHERE type=?1 AND gone=0");
	int r = 0;

	for (int type = 0; r >= 0 && type < ROOM_TYPES; type++) {
		sql_int(&st, 1, type);
		r = sql_step(&st);
		if (r == 1)
			atomic_store(&s->rooms[type], sql_get_int(&st, 0));
		sqlite3_reset(st.st);
	}
	return MIN(r, 0);
}

void room_counts_end(const struct write *w)
{
	for (int type = 0; type < ROOM_TYPES; type++)
		atomic_fetch_add(&w->s->rooms[type], w->rooms[type]);
}
