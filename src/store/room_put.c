/* SPDX-License-Identifier: MIT */
/*
 * Keeps, changes and removes rooms. Names are given in two steps, so that they do not depend on
 * the order of the list: first the rooms with a new title lose their names, then all rooms
 * without a name get one, the oldest room first.
 */
#include "store/rooms.h"
#include "store/teams.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/names.h"

/* One room of the call. */
struct item {
	const struct webex_room *room;
	struct store_room old; /* rowid 0: not known yet */
	int64_t pin_ms;	       /* until when it is pinned, as stored */
	bool is_new, needs_name, differs;
};

static void item_free(void *p)
{
	struct item *item = p;

	store_room_clear(&item->old);
	g_free(item);
}

static int64_t flags_of(const struct webex_room *r)
{
	return (r->is_locked ? ROOM_LOCKED : 0) |
	       (r->is_announcement_only ? ROOM_ANNOUNCEMENT : 0) |
	       (r->is_read_only ? ROOM_READ_ONLY : 0) | (r->is_public ? ROOM_PUBLIC : 0);
}

/* True if both are equal except for the time of last activity. */
static bool is_alike(const struct webex_room *a, const struct webex_room *b)
{
	return flags_of(a) == flags_of(b) && a->created_ms == b->created_ms &&
	       !g_strcmp0(a->title, b->title) && !g_strcmp0(a->team_id, b->team_id) &&
	       !g_strcmp0(a->creator_id, b->creator_id) &&
	       !g_strcmp0(a->owner_id, b->owner_id) &&
	       !g_strcmp0(a->classification_id, b->classification_id) &&
	       !g_strcmp0(a->description, b->description) && !g_strcmp0(a->extra, b->extra);
}

static bool is_same(const struct webex_room *a, const struct webex_room *b)
{
	return a->last_activity_ms == b->last_activity_ms && is_alike(a, b);
}

static const char *title_of(const struct webex_room *r)
{
	return r->title ? r->title : "";
}

struct name_scope {
	struct sql *q;
	enum webex_room_type type;
};

static int is_name_taken(void *arg, const char *key)
{
	const struct name_scope *scope = arg;
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		scope->q, "SELECT 1 FROM room WHERE type=?1 AND name_key=?2 AND gone=0");

	sql_int(&st, 1, scope->type);
	sql_text(&st, 2, key);
	return sql_step(&st);
}

static int drop_name(struct write *w, int64_t rowid)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE room SET name=NULL, name_key=NULL WHERE rowid=?1");

	sql_int(&st, 1, rowid);
	return sql_run(&st);
}

static int set_pin(struct write *w, int64_t rowid, int64_t pin_ms)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE room SET pin_until_ms=?2 WHERE rowid=?1");

	sql_int(&st, 1, rowid);
	sql_int(&st, 2, pin_ms);
	return sql_run(&st);
}

/* A tombstone keeps its old name, because notices and open handles still use it. */
static int set_gone(struct write *w, const struct store_room *room)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE room SET gone=1 WHERE rowid=?1");
	int r;

	sql_int(&st, 1, room->rowid);
	r = sql_run(&st);
	if (r == 0)
		r = body_counts_drop(w, room->rowid);
	if (r < 0)
		return r;
	w->rooms[room->room.type]--;
	purge_add_room(w->s, room->rowid);
	changes_add_named(w, STORE_ROOM_GONE, room->rowid, room->room.type, room->rowid, NULL,
			  room->name);
	return 0;
}

/* `told_ms`: messages up to this time are no news. */
static int insert_blank(struct write *w, const struct item *item, int64_t told_ms)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		w->q, "INSERT INTO room(rowid, id, type, title, flags, last_activity_ms,"
		      " created_ms, head_activity_ms, told_ms)"
		      " VALUES(?1, ?2, ?3, '', 0, -1, -1, ?4, ?4)");

	sql_int(&st, 1, item->old.rowid);
	sql_id(&st, 2, room_id_type(item->old.room.type), item->room->id);
	sql_int(&st, 3, item->old.room.type);
	sql_int(&st, 4, MIN(told_ms, item->room->last_activity_ms));
	w->rooms[item->old.room.type]++;
	return sql_run(&st);
}

/* The newest activity of any room, also of removed ones, so that a room which comes back has no
 * news. */
static int newest_activity(struct write *w, int64_t *ret_ms)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "SELECT max(ifnull(max(last_activity_ms), 0), ?1) FROM room");
	int r;

	sql_int(&st, 1, meta_int(w->q, ROOM_META_NEWEST, 0));
	r = sql_step(&st);
	if (r == 1)
		*ret_ms = sql_get_int(&st, 0);
	return MIN(r, 0);
}

/* Rooms of the first list, and rooms that were asked for by id, have no news. */
static int insert_new(struct write *w, const GPtrArray *items, bool is_list)
{
	int64_t told_ms = -1;
	int r = 0;

	for (guint i = 0; r == 0 && i < items->len; i++) {
		const struct item *item = g_ptr_array_index(items, i);

		if (!item->is_new)
			continue;
		if (told_ms < 0 && is_list && !w->is_first_listing)
			r = newest_activity(w, &told_ms);
		else if (told_ms < 0)
			told_ms = G_MAXINT64;
		if (r == 0)
			r = insert_blank(w, item, told_ms);
	}
	return r;
}

static int update_fields(struct write *w, const struct item *item)
{
	const struct webex_room *room = item->room;
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		w->q,
		"UPDATE room SET title=?2, flags=?3, team_id=?4, creator_id=?5, owner_id=?6,"
		" classification_id=?7, description=?8, last_activity_ms=?9,"
		" created_ms=?10, extra=?11 WHERE rowid=?1");

	sql_int(&st, 1, item->old.rowid);
	sql_text(&st, 2, title_of(room));
	sql_int(&st, 3, flags_of(room));
	sql_id(&st, 4, "TEAM", room->team_id);
	sql_id(&st, 5, "PEOPLE", room->creator_id);
	sql_text(&st, 6, room->owner_id);
	sql_text(&st, 7, room->classification_id);
	sql_text(&st, 8, room->description);
	sql_int(&st, 9, room->last_activity_ms);
	sql_int(&st, 10, room->created_ms);
	sql_text(&st, 11, room->extra);
	return sql_run(&st);
}

/*
 * A change of the details is no activity. So that a copy of them is made again, they have a later second
 * than before: copies are compared by seconds.
 */
static int note_details(struct write *w, const struct item *item)
{
	const struct store_room *old = &item->old;
	int64_t shown_ms = MAX(old->room.last_activity_ms, old->details_ms);
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE room SET details_ms=?2 WHERE rowid=?1");

	if (item->is_new || item->room->last_activity_ms / 1000 > shown_ms / 1000 ||
	    (is_alike(item->room, &old->room) && old->details_ms < 0))
		return 0;
	sql_int(&st, 1, old->rowid);
	sql_int(&st, 2, MAX(clock_wall(w->s->clock), shown_ms + 1000));
	return sql_run(&st);
}

/* Who locks a space becomes its moderator, and an unlocked one has none (webex-api.md 5.3). No
 * activity of the space shows it, whoever did it. */
static int age_roles(struct write *w, const struct item *item)
{
	bool was = item->old.room.is_locked;

	return item->is_new || item->room->is_locked == was ? 0
							    : members_age(w, item->old.rowid);
}

static int give_name(struct write *w, const struct item *item, char **ret_name)
{
	g_autofree char *base = name_from_title(title_of(item->room), NAME_MAX_BYTES);
	g_autofree char *name = NULL, *key = NULL;
	struct name_scope scope = {.q = w->q, .type = item->old.room.type};
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE room SET name=?2, name_key=?3 WHERE rowid=?1");
	int r = unique_name(base, item->room->id, is_name_taken, &scope, &name, &key);

	if (r < 0)
		return r;
	sql_int(&st, 1, item->old.rowid);
	sql_text(&st, 2, name);
	sql_text(&st, 3, key);
	r = sql_run(&st);
	if (r == 0)
		*ret_name = g_steal_pointer(&name);
	return r;
}

/* Compares a room of the answer with its row. */
static int item_make(struct write *w, const struct webex_room *room, struct item **ret_item)
{
	struct item *item = g_new0(struct item, 1);
	int64_t rowid;
	int r = room_find(w->q, room->type, room->id, &rowid);

	item->room = room;
	if (r == 0) {
		r = room_load(w->q, rowid, &item->old, &item->pin_ms);
		item->differs = r == 0 && !is_same(room, &item->old.room);
		item->needs_name =
			item->differs && g_strcmp0(title_of(room), item->old.room.title) != 0;
	} else if (r == -ENOENT) {
		r = 0;
		item->is_new = item->needs_name = item->differs = true;
		item->old.rowid = store_new_rowid(w->s);
		item->old.room.type = room->type;
	}
	if (r < 0) {
		item_free(item);
		return r;
	}
	*ret_item = item;
	return 0;
}

static int collect(struct write *w, GPtrArray *rooms, GPtrArray *items, GArray *seen)
{
	g_autoptr(GHashTable) ids = g_hash_table_new(g_str_hash, g_str_equal);

	for (guint i = 0; i < rooms->len; i++) {
		const struct webex_room *room = g_ptr_array_index(rooms, i);
		struct item *item;
		int r;

		if (!g_hash_table_add(ids, room->id))
			continue;
		r = item_make(w, room, &item);
		if (r < 0)
			return r;
		g_ptr_array_add(items, item);
		rowset_add(seen, item->old.rowid);
	}
	rowset_sort(seen);
	return 0;
}

static int find_missing(struct write *w, const GArray *seen, bool are_teams,
			int64_t now_wall_ms, GArray *missing)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "SELECT rowid FROM room WHERE gone=0 AND pin_until_ms<=?1"
			       " AND (" ROOM_IS_TEAM ")=?2 ORDER BY rowid");
	int r;

	sql_int(&st, 1, now_wall_ms);
	sql_int(&st, 2, are_teams);
	while ((r = sql_step(&st)) == 1)
		if (!rowset_has(seen, sql_get_int(&st, 0)))
			rowset_add(missing, sql_get_int(&st, 0));
	return r;
}

static int compare_age(const void *a, const void *b)
{
	const struct item *x = *(struct item *const *)a, *y = *(struct item *const *)b;

	if (x->room->created_ms != y->room->created_ms)
		return x->room->created_ms < y->room->created_ms ? -1 : 1;
	return strcmp(x->room->id, y->room->id);
}

static int write_item(struct write *w, const struct item *item)
{
	const char *was = item->old.name;
	g_autofree char *name = NULL;
	enum store_change_type type = STORE_ROOM_CHANGED;
	struct store_change *c;
	int r = item->differs ? update_fields(w, item) : 0;

	if (r == 0 && item->differs)
		r = note_details(w, item);
	if (r == 0 && item->differs)
		r = age_roles(w, item);
	if (r == 0 && item->needs_name)
		r = give_name(w, item, &name);
	if (r < 0 || !item->differs)
		return r;
	if (item->is_new)
		type = STORE_ROOM_ADDED;
	else if (name && g_strcmp0(name, was) != 0)
		type = STORE_ROOM_RENAMED;
	c = changes_add_named(w, type, item->old.rowid, item->old.room.type, item->old.rowid,
			      type == STORE_ROOM_RENAMED ? was : NULL, name ? name : was);
	if (type == STORE_ROOM_CHANGED)
		c->is_news = !is_alike(item->room, &item->old.room);
	return 0;
}

/*
 * ---- heirs: a space comes under the name of one that the same list lacks ---- The space was
 * moved to another region, or made anew. It has the name with digits until the other one is
 * proven to be gone, and then gets the plain one.
 */

static int note_heir(struct write *w, const struct item *item, const GArray *missing)
{
	g_autofree char *base = name_from_title(title_of(item->room), NAME_MAX_BYTES);
	g_autofree char *key = name_key(base);
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		w->q, "SELECT rowid FROM room WHERE type=?1 AND name_key=?2 AND gone=0");
	int64_t holder;
	int r;

	sql_int(&st, 1, item->old.room.type);
	sql_text(&st, 2, key);
	r = sql_step(&st);
	if (r <= 0)
		return r;
	holder = sql_get_int(&st, 0);
	if (rowset_has(missing, holder))
		g_hash_table_replace(w->s->heirs, g_memdup2(&holder, sizeof(holder)),
				     g_memdup2(&item->old.rowid, sizeof(item->old.rowid)));
	return 0;
}

static int rename_plain(struct write *w, struct item *item)
{
	g_autofree char *name = NULL;
	int r = drop_name(w, item->old.rowid);

	if (r == 0)
		r = give_name(w, item, &name);
	if (r == 0 && g_strcmp0(name, item->old.name) != 0)
		changes_add_named(w, STORE_ROOM_RENAMED, item->old.rowid, item->old.room.type,
				  item->old.rowid, item->old.name, name);
	return r;
}

static int name_heir(struct write *w, int64_t rowid)
{
	const int64_t *heir = g_hash_table_lookup(w->s->heirs, &rowid);
	struct item *item;
	int r;

	if (!heir)
		return 0;
	item = g_new0(struct item, 1);
	item->room = &item->old.room;
	r = room_load(w->q, *heir, &item->old, NULL);
	g_hash_table_remove(w->s->heirs, &rowid);
	if (r == 0 && !item->old.gone)
		r = rename_plain(w, item);
	item_free(item);
	return r;
}

/* What the rooms of a call are. */
struct batch {
	bool are_teams; /* or all are spaces */
	bool is_list;
	int64_t now_wall_ms;
	int64_t pin_ms; /* 0: does not change pins */
};

static int apply(struct write *w, GPtrArray *rooms, const struct batch *b, GArray *missing,
		 int64_t *ret_rowid)
{
	g_autoptr(GPtrArray) items = g_ptr_array_new_with_free_func(item_free);
	g_autoptr(GArray) seen = g_array_new(FALSE, FALSE, sizeof(int64_t));
	int r = collect(w, rooms, items, seen);

	w->is_first_listing =
		!meta_int(w->q, b->are_teams ? STORE_TEAMS_LISTED : "rooms.listed", 0);
	if (r == 0)
		r = insert_new(w, items, b->is_list);
	for (guint i = 0; r == 0 && i < items->len; i++) {
		const struct item *item = g_ptr_array_index(items, i);

		if (item->needs_name && !item->is_new)
			r = drop_name(w, item->old.rowid);
	}
	if (r == 0 && missing)
		r = find_missing(w, seen, b->are_teams, b->now_wall_ms, missing);
	if (r == 0)
		g_ptr_array_sort(items, compare_age);
	for (guint i = 0; r == 0 && i < items->len; i++) {
		const struct item *item = g_ptr_array_index(items, i);

		r = write_item(w, item);
		if (r == 0 && item->needs_name && missing && missing->len)
			r = note_heir(w, item, missing);
		if (r == 0 && b->pin_ms > item->pin_ms)
			r = set_pin(w, item->old.rowid, b->pin_ms);
		*ret_rowid = item->old.rowid;
	}
	return r;
}

static int apply_list(struct store *s, GPtrArray *rooms, const struct batch *b, GArray *missing,
		      GPtrArray *changes)
{
	struct write w;
	int64_t last;
	int r = write_begin(s, changes, &w);

	return r < 0 ? r : write_end(&w, apply(&w, rooms, b, missing, &last));
}

int store_apply_rooms(struct store *s, GPtrArray *rooms, GArray *ret_missing,
		      int64_t now_wall_ms, GPtrArray *changes)
{
	const struct batch b = {.is_list = true, .now_wall_ms = now_wall_ms};

	return apply_list(s, rooms, &b, ret_missing, changes);
}

int store_apply_teams(struct store *s, GPtrArray *teams, GArray *ret_missing,
		      int64_t now_wall_ms, GPtrArray *changes)
{
	const struct batch b = {.are_teams = true, .is_list = true, .now_wall_ms = now_wall_ms};

	return apply_list(s, teams, &b, ret_missing, changes);
}

int store_apply_room(struct store *s, const struct webex_room *room, int64_t pin_until_wall_ms,
		     int64_t *ret_rowid, GPtrArray *changes)
{
	const struct batch b = {.are_teams = room->type == WEBEX_ROOM_TEAM,
				.pin_ms = pin_until_wall_ms};
	g_autoptr(GPtrArray) one = g_ptr_array_new();
	struct write w;
	int64_t rowid = 0;
	int r = write_begin(s, changes, &w);

	if (r < 0)
		return r;
	g_ptr_array_add(one, (void *)room);
	r = write_end(&w, apply(&w, one, &b, NULL, &rowid));
	if (r == 0 && ret_rowid)
		*ret_rowid = rowid;
	return r;
}

static int remove_room(struct write *w, int64_t rowid)
{
	struct store_room room;
	int r = room_load(w->q, rowid, &room, NULL);

	if (r < 0)
		return r;
	r = room.gone ? -ENOENT : set_gone(w, &room);
	store_room_clear(&room);
	return r < 0 ? r : name_heir(w, rowid);
}

int store_unpin_room(struct store *s, int64_t rowid)
{
	struct write w;
	int r = write_begin(s, NULL, &w);

	return r < 0 ? r : write_end(&w, set_pin(&w, rowid, 0));
}

bool store_room_is_pinned(struct store *s, int64_t rowid, int64_t now_wall_ms)
{
	struct store_room room;
	int64_t pin_ms = 0;

	if (room_load(s->writer, rowid, &room, &pin_ms) < 0)
		return false;
	store_room_clear(&room);
	return !room.gone && pin_ms > now_wall_ms;
}

int store_remove_room(struct store *s, int64_t rowid, GPtrArray *changes)
{
	struct write w;
	int r = write_begin(s, changes, &w);

	return r < 0 ? r : write_end(&w, remove_room(&w, rowid));
}

int room_put_direct_email(struct sql *q, int64_t room, const char *email)
{
	g_autofree char *key = email ? name_key(email) : NULL;
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		q, "UPDATE room SET direct_email=?2, direct_key=?3 WHERE rowid=?1 AND gone=0"
		   " AND type=1 AND direct_email IS NOT ?2");

	sql_int(&st, 1, room);
	sql_text(&st, 2, email);
	sql_text(&st, 3, key);
	return sql_run_any(&st);
}

int store_set_direct_email(struct store *s, int64_t room, const char *email)
{
	struct room_place place = {0};
	struct write w;
	int r = write_begin(s, NULL, &w);

	if (r < 0)
		return r;
	r = room_place_get(w.q, room, &place);
	if (r == 0)
		r = room_put_direct_email(w.q, room, email);
	room_place_clear(&place);
	return write_end(&w, MIN(r, 0));
}
