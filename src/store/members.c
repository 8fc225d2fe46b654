/* SPDX-License-Identifier: MIT */
#include "store/internal.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/names.h"
#include "webex/id.h"

/* member.flags */
#define MEMBER_MODERATOR 1
#define MEMBER_ROOM_HIDDEN 2
#define MEMBER_MONITOR 4

#define MEMBER_COLUMNS                                                                         \
	"m.rowid, m.room, m.name, m.gone OR r.gone, m.id, r.id, m.person_id, m.email,"         \
	" m.display_name, m.org_id, m.flags, r.type, m.created_ms, m.extra,"                   \
	" m.changed_ms "
#define MEMBER_FROM "FROM member m JOIN room r ON r.rowid=m.room "

void store_member_clear(struct store_member *m)
{
	g_clear_pointer(&m->name, g_free);
	webex_membership_clear(&m->m);
}

static void member_row(struct sql_stmt *st, struct store_member *ret_member)
{
	enum webex_room_type type = (enum webex_room_type)sql_get_int(st, 11);
	int64_t flags = sql_get_int(st, 10);

	*ret_member = (struct store_member){
		.rowid = sql_get_int(st, 0),
		.room = sql_get_int(st, 1),
		.name = sql_get_text(st, 2),
		.gone = sql_get_int(st, 3),
		.changed_ms = sql_get_int(st, 14),
		.m =
			{
				.id = sql_get_text(st, 4),
				.room_id = sql_get_id(st, 5, room_id_type(type)),
				.person_id = sql_get_id(st, 6, "PEOPLE"),
				.person_email = sql_get_text(st, 7),
				.person_display_name = sql_get_text(st, 8),
				.person_org_id = sql_get_id(st, 9, "ORGANIZATION"),
				.is_moderator = flags & MEMBER_MODERATOR,
				.is_room_hidden = flags & MEMBER_ROOM_HIDDEN,
				.is_monitor = flags & MEMBER_MONITOR,
				.room_type = type,
				.created_ms = sql_get_int(st, 12),
				.extra = sql_get_text(st, 13),
			},
	};
}

static int member_one(struct sql_stmt *st, struct store_member *ret_member)
{
	int r = sql_step(st);

	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	member_row(st, ret_member);
	return 0;
}

static int member_load(struct sql *q, int64_t rowid, struct store_member *ret_member)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT " MEMBER_COLUMNS MEMBER_FROM "WHERE m.rowid=?1");

	sql_int(&st, 1, rowid);
	return member_one(&st, ret_member);
}

static int member_find(struct sql *q, int64_t room, const char *id, int64_t *ret_rowid)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT rowid FROM member WHERE room=?1 AND id=?2 AND gone=0");
	int r;

	sql_int(&st, 1, room);
	sql_text(&st, 2, id);
	r = sql_step(&st);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	*ret_rowid = sql_get_int(&st, 0);
	return 0;
}

int store_member_get(struct store_conn *c, int64_t rowid, struct store_member *ret_member)
{
	return member_load(c->q, rowid, ret_member);
}

int store_member_by_name(struct store_conn *c, int64_t room, const char *name,
			 struct store_member *ret_member)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT " MEMBER_COLUMNS MEMBER_FROM
			       "WHERE m.room=?1 AND m.name=?2 AND m.gone=0 AND r.gone=0");

	sql_int(&st, 1, room);
	sql_text(&st, 2, name);
	return member_one(&st, ret_member);
}

int store_member_list(struct store_conn *c, int64_t room, int64_t after,
		      bool (*fn)(void *arg, const struct store_member *member), void *arg)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT " MEMBER_COLUMNS MEMBER_FROM
			       "WHERE m.room=?1 AND m.gone=0 AND r.gone=0 AND m.rowid>?2"
			       " ORDER BY m.rowid");
	bool more = true;
	int r = 0;

	sql_int(&st, 1, room);
	sql_int(&st, 2, after);
	while (more && (r = sql_step(&st)) == 1) {
		struct store_member member;

		member_row(&st, &member);
		more = fn(arg, &member);
		store_member_clear(&member);
	}
	return r < 0 ? r : 0;
}

static int64_t flags_of(const struct webex_membership *m)
{
	return (m->is_moderator ? MEMBER_MODERATOR : 0) |
	       (m->is_room_hidden ? MEMBER_ROOM_HIDDEN : 0) |
	       (m->is_monitor ? MEMBER_MONITOR : 0);
}

static bool is_same(const struct webex_membership *a, const struct webex_membership *b)
{
	return flags_of(a) == flags_of(b) && a->created_ms == b->created_ms &&
	       !g_strcmp0(a->person_id, b->person_id) &&
	       !g_strcmp0(a->person_email, b->person_email) &&
	       !g_strcmp0(a->person_display_name, b->person_display_name) &&
	       !g_strcmp0(a->person_org_id, b->person_org_id) && !g_strcmp0(a->extra, b->extra);
}

struct name_scope {
	struct sql *q;
	int64_t room, self;
};

static int is_name_taken(void *arg, const char *key)
{
	const struct name_scope *scope = arg;
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(scope->q, "SELECT 1 FROM member WHERE room=?1 AND name_key=?2"
				   " AND gone=0 AND rowid<>?3");

	sql_int(&st, 1, scope->room);
	sql_text(&st, 2, key);
	sql_int(&st, 3, scope->self);
	return sql_step(&st);
}

/* The address, else digits of the person's id, as in the name of a message. */
static char *base_name(const struct webex_membership *m)
{
	char hex[WEBEX_ID_HEX_SIZE];

	if (m->person_email)
		return name_from_title(m->person_email, NAME_MAX_BYTES);
	webex_id_hex(m->person_id ? m->person_id : m->id, hex);
	return g_strdup_printf("unknown-%.8s", hex);
}

static int give_name(struct write *w, int64_t room, int64_t rowid,
		     const struct webex_membership *m, char **ret_name)
{
	g_autofree char *base = base_name(m);
	g_autofree char *name = NULL, *key = NULL;
	struct name_scope scope = {.q = w->q, .room = room, .self = rowid};
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE member SET name=?2, name_key=?3 WHERE rowid=?1");
	int r = unique_name(base, m->id, is_name_taken, &scope, &name, &key);

	if (r < 0)
		return r;
	sql_int(&st, 1, rowid);
	sql_text(&st, 2, name);
	sql_text(&st, 3, key);
	r = sql_run(&st);
	if (r == 0)
		*ret_name = g_steal_pointer(&name);
	return r;
}

static int insert_blank(struct write *w, int64_t room, int64_t rowid, const char *id)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "INSERT INTO member(rowid, room, id, flags, created_ms)"
			       " VALUES(?1, ?2, ?3, 0, -1)");

	sql_int(&st, 1, rowid);
	sql_int(&st, 2, room);
	sql_text(&st, 3, id);
	return sql_run(&st);
}

static int update_fields(struct write *w, int64_t rowid, const struct webex_membership *m)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		w->q, "UPDATE member SET person_id=?2, email=?3, display_name=?4, org_id=?5,"
		      " flags=?6, created_ms=?7, extra=?8 WHERE rowid=?1");

	sql_int(&st, 1, rowid);
	sql_id(&st, 2, "PEOPLE", m->person_id);
	sql_text(&st, 3, m->person_email);
	sql_text(&st, 4, m->person_display_name);
	sql_id(&st, 5, "ORGANIZATION", m->person_org_id);
	sql_int(&st, 6, flags_of(m));
	sql_int(&st, 7, m->created_ms);
	sql_text(&st, 8, m->extra);
	return sql_run(&st);
}

static int add_member(struct write *w, const struct room_place *room,
		      const struct webex_membership *m)
{
	int64_t rowid = store_new_rowid(w->s);
	g_autofree char *name = NULL;
	int r = insert_blank(w, room->rowid, rowid, m->id);

	if (r == 0)
		r = update_fields(w, rowid, m);
	if (r == 0)
		r = give_name(w, room->rowid, rowid, m, &name);
	if (r == 0)
		changes_add_named(w, STORE_MEMBER_ADDED, room->rowid, room->type, rowid, NULL,
				  name);
	return r;
}

/*
 * What leaves the time of the newest membership as it is, or takes it away, gives the list a later second
 * than it had: copies are compared by seconds.
 */
static int note_change(struct write *w, int64_t room)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		w->q, "UPDATE room SET members_ms=max(?2, members_ms+1000, (SELECT"
		      " ifnull(max(created_ms), 0)+1000 FROM member WHERE room=?1 AND gone=0))"
		      " WHERE rowid=?1");

	sql_int(&st, 1, room);
	sql_int(&st, 2, clock_wall(w->s->clock));
	return sql_run(&st);
}

/* The same for the file of one member. */
static int note_member(struct write *w, const struct store_member *old)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE member SET changed_ms=?2 WHERE rowid=?1");

	sql_int(&st, 1, old->rowid);
	sql_int(&st, 2,
		MAX(clock_wall(w->s->clock), MAX(old->m.created_ms, old->changed_ms) + 1000));
	return sql_run(&st);
}

static int change_member(struct write *w, const struct room_place *room,
			 const struct store_member *old, const struct webex_membership *m)
{
	g_autofree char *name = g_strdup(old->name);
	int r = update_fields(w, old->rowid, m);

	if (r == 0)
		r = note_member(w, old);
	if (r == 0)
		r = note_change(w, room->rowid);
	if (r == 0 && g_strcmp0(old->m.person_email, m->person_email) != 0) {
		g_clear_pointer(&name, g_free);
		r = give_name(w, room->rowid, old->rowid, m, &name);
	}
	if (r == 0)
		changes_add_named(w, STORE_MEMBER_CHANGED, room->rowid, room->type, old->rowid,
				  g_strcmp0(name, old->name) ? old->name : NULL, name);
	return r;
}

static int apply_one(struct write *w, const struct room_place *room,
		     const struct webex_membership *m)
{
	struct store_member old = {0};
	int64_t rowid;
	int r = member_find(w->q, room->rowid, m->id, &rowid);

	if (r == -ENOENT)
		return add_member(w, room, m);
	if (r == 0)
		r = member_load(w->q, rowid, &old);
	if (r < 0)
		return r;
	if (!is_same(&old.m, m))
		r = change_member(w, room, &old, m);
	store_member_clear(&old);
	return r;
}

static int set_gone(struct write *w, const struct room_place *room, int64_t rowid)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE member SET gone=1 WHERE rowid=?1");
	struct store_member member;
	int r = member_load(w->q, rowid, &member);

	if (r < 0)
		return r;
	sql_int(&st, 1, rowid);
	/* Before it goes: its own time counts. */
	r = note_change(w, room->rowid);
	if (r == 0)
		r = sql_run(&st);
	if (r == 0)
		changes_add_named(w, STORE_MEMBER_GONE, room->rowid, room->type, rowid, NULL,
				  member.name);
	store_member_clear(&member);
	return r;
}

static bool is_pinned(struct store *s, int64_t rowid, int64_t now_wall_ms)
{
	const int64_t *until = g_hash_table_lookup(s->member_pins, &rowid);

	if (until && *until <= now_wall_ms) {
		g_hash_table_remove(s->member_pins, &rowid);
		return false;
	}
	return until;
}

void store_pin_member(struct store *s, int64_t rowid, int64_t until_wall_ms)
{
	g_hash_table_replace(s->member_pins, g_memdup2(&rowid, sizeof(rowid)),
			     g_memdup2(&until_wall_ms, sizeof(until_wall_ms)));
}

/* A server may list memberships that it was not asked for. */
static bool is_of_room(const struct webex_membership *m, const struct room_place *room)
{
	return !m->room_id || !strcmp(m->room_id, room->id);
}

/* The people of a list by what identifies them. */
struct people {
	GHashTable *ids, *addresses; /* sets, borrowed */
};

static struct people people_of(const struct room_place *room, const GPtrArray *memberships)
{
	struct people p = {
		.ids = g_hash_table_new(g_str_hash, g_str_equal),
		.addresses = g_hash_table_new(g_str_hash, g_str_equal),
	};

	for (guint i = 0; i < memberships->len; i++) {
		const struct webex_membership *m = g_ptr_array_index(memberships, i);

		if (!is_of_room(m, room))
			continue;
		if (m->person_id)
			g_hash_table_add(p.ids, m->person_id);
		if (m->person_email)
			g_hash_table_add(p.addresses, m->person_email);
	}
	return p;
}

static void people_clear(struct people *p)
{
	g_hash_table_unref(p->ids);
	g_hash_table_unref(p->addresses);
}

/* True if the list has another membership of the same person, since nobody is in a space twice. */
static bool is_replaced(struct write *w, int64_t rowid, const struct people *p)
{
	struct store_member m;
	bool is;

	if (member_load(w->q, rowid, &m) < 0)
		return false;
	is = (m.m.person_id && g_hash_table_contains(p->ids, m.m.person_id)) ||
	     (m.m.person_email && g_hash_table_contains(p->addresses, m.m.person_email));
	store_member_clear(&m);
	return is;
}

/* Done before names are given, so that somebody who comes with the address of a removed member
 * gets the plain name. */
static int sort_absent(struct write *w, const struct room_place *room, const GArray *absent,
		       const GPtrArray *memberships, GArray *missing)
{
	struct people people = people_of(room, memberships);
	int r = 0;

	for (guint i = 0; r == 0 && i < absent->len; i++) {
		int64_t rowid = g_array_index(absent, int64_t, i);

		if (is_replaced(w, rowid, &people))
			r = set_gone(w, room, rowid);
		else
			rowset_add(missing, rowid);
	}
	people_clear(&people);
	return r;
}

static int find_absent(struct write *w, const struct room_place *room, const GArray *seen,
		       int64_t now_wall_ms, GArray *absent)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "SELECT rowid FROM member WHERE room=?1 AND gone=0"
			       " ORDER BY rowid");
	int r;

	sql_int(&st, 1, room->rowid);
	while ((r = sql_step(&st)) == 1)
		if (!rowset_has(seen, sql_get_int(&st, 0)) &&
		    !is_pinned(w->s, sql_get_int(&st, 0), now_wall_ms))
			rowset_add(absent, sql_get_int(&st, 0));
	return r;
}

static int set_listed(struct write *w, int64_t room, int64_t now_wall_ms)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "UPDATE room SET members_wall_ms=?2 WHERE rowid=?1");

	sql_int(&st, 1, room);
	sql_int(&st, 2, now_wall_ms);
	return sql_run(&st);
}

static char *my_id(struct sql *q)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(q, "SELECT value FROM meta WHERE key='me.id'");

	return sql_step(&st) == 1 ? sql_get_text(&st, 0) : NULL;
}

/* Of a 1:1 space: the member who is not me is the other person. */
static int learn_direct(struct write *w, const struct room_place *room, GPtrArray *memberships)
{
	g_autofree char *me = NULL;
	int r = 0;

	if (room->type != WEBEX_ROOM_DIRECT)
		return 0;
	me = my_id(w->q);
	for (guint i = 0; me && i < memberships->len; i++) {
		const struct webex_membership *m = g_ptr_array_index(memberships, i);

		if (!is_of_room(m, room) || !m->person_id || !m->person_email ||
		    !strcmp(m->person_id, me))
			continue;
		r = room_put_direct_email(w->q, room->rowid, m->person_email);
		break;
	}
	if (r == 1)
		changes_add(w, STORE_ROOM_CHANGED, room->rowid, room->type, room->rowid)
			->is_news = false;
	return MIN(r, 0);
}

static bool was_listed(struct write *w, int64_t room)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "SELECT 1 FROM room WHERE rowid=?1 AND members_wall_ms>=0");

	sql_int(&st, 1, room);
	return sql_step(&st) == 1;
}

static int find_missing(struct write *w, const struct room_place *room, GPtrArray *memberships,
			int64_t now_wall_ms, GArray *missing)
{
	g_autoptr(GArray) seen = g_array_new(FALSE, FALSE, sizeof(int64_t));
	g_autoptr(GArray) absent = g_array_new(FALSE, FALSE, sizeof(int64_t));
	int r;

	for (guint i = 0; i < memberships->len; i++) {
		const struct webex_membership *m = g_ptr_array_index(memberships, i);
		int64_t rowid;

		r = member_find(w->q, room->rowid, m->id, &rowid);
		if (r < 0 && r != -ENOENT)
			return r;
		if (r == 0)
			rowset_add(seen, rowid);
	}
	rowset_sort(seen);
	r = find_absent(w, room, seen, now_wall_ms, absent);
	return r < 0 ? r : sort_absent(w, room, absent, memberships, missing);
}

static int apply_members(struct write *w, int64_t room_rowid, GPtrArray *memberships,
			 GArray *missing, int64_t now_wall_ms)
{
	struct room_place room = {0};
	int r = room_place_get(w->q, room_rowid, &room);

	w->is_first_listing = !was_listed(w, room_rowid);
	if (r == 0 && missing)
		r = find_missing(w, &room, memberships, now_wall_ms, missing);
	for (guint i = 0; r == 0 && i < memberships->len; i++) {
		const struct webex_membership *m = g_ptr_array_index(memberships, i);

		if (is_of_room(m, &room))
			r = apply_one(w, &room, m);
	}
	if (r == 0 && missing)
		r = set_listed(w, room_rowid, now_wall_ms);
	if (r == 0)
		r = learn_direct(w, &room, memberships);
	room_place_clear(&room);
	return r;
}

int store_apply_members(struct store *s, int64_t room, GPtrArray *memberships,
			GArray *ret_missing, int64_t now_wall_ms, GPtrArray *changes)
{
	struct write w;
	int r = write_begin(s, changes, &w);

	if (r < 0)
		return r;
	return write_end(&w, apply_members(&w, room, memberships, ret_missing, now_wall_ms));
}

static int remove_member(struct write *w, int64_t rowid)
{
	struct room_place room = {0};
	struct store_member member;
	int r = member_load(w->q, rowid, &member);

	if (r < 0)
		return r;
	r = member.gone ? -ENOENT : room_place_get(w->q, member.room, &room);
	if (r == 0)
		r = set_gone(w, &room, rowid);
	room_place_clear(&room);
	store_member_clear(&member);
	return r;
}

int store_remove_member(struct store *s, int64_t rowid, GPtrArray *changes)
{
	struct write w;
	int r = write_begin(s, changes, &w);

	return r < 0 ? r : write_end(&w, remove_member(&w, rowid));
}

int store_remove_members(struct store *s, const GArray *rows, int64_t now_wall_ms,
			 GPtrArray *changes)
{
	struct write w;
	int r = write_begin(s, changes, &w);

	if (r < 0)
		return r;
	for (guint i = 0; r == 0 && i < rows->len; i++) {
		int64_t rowid = g_array_index(rows, int64_t, i);

		if (!is_pinned(s, rowid, now_wall_ms))
			r = remove_member(&w, rowid);
		if (r == -ENOENT)
			r = 0;
	}
	return write_end(&w, r);
}
