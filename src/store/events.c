/* SPDX-License-Identifier: MIT */
/*
 * The journal: one row for everything that happened, written in the transaction of the change
 * that it tells of. Cursors rise by one within a store. A store that was rebuilt begins above
 * every rowid; since each event also uses up a rowid, its cursors are above those of the old
 * store.
 */
#include "store/internal.h"

#include <errno.h>

#include "base/cleanup.h"

/* The oldest events are deleted so many at a time, not one by one. */
#define SLICE 256

static int64_t newest(struct sql *q)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(q, "SELECT max(seq) FROM event");

	return sql_step(&st) == 1 ? sql_get_int(&st, 0) : 0;
}

void events_init(struct store *s)
{
	int64_t seq = newest(s->writer);

	atomic_init(&s->event_last, seq > 0 ? seq : rowids_last(&s->rowids));
}

static int append(struct write *w, enum store_event_what what, const char *path)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(
		w->q, "INSERT INTO event(seq, wall_ms, what, path) VALUES(?1, ?2, ?3, ?4)");
	int64_t seq = atomic_load(&w->s->event_last) + ++w->events;

	store_new_rowid(w->s);
	sql_int(&st, 1, seq);
	sql_int(&st, 2, clock_wall(w->s->clock));
	sql_int(&st, 3, what);
	sql_text(&st, 4, path);
	return sql_run(&st);
}

/* The name of a room, also of one that is gone. Owned; NULL if it never had one. */
static char *room_name(struct write *w, int64_t room)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "SELECT name FROM room WHERE rowid=?1");

	sql_int(&st, 1, room);
	return sql_step(&st) == 1 ? sql_get_text(&st, 0) : NULL;
}

/* `name`: of what changed, in its directory. */
static int append_named(struct write *w, enum store_event_what what,
			const struct store_change *c, const char *room, const char *name)
{
	_cleanup_gfree_ char *path = w->s->path_of ? w->s->path_of(c, room, name) : NULL;

	return path ? append(w, what, path) : 0;
}

static enum store_event_what what_of_team(enum store_change_type type)
{
	switch (type) {
	case STORE_ROOM_ADDED:
		return STORE_EVENT_TEAM_ADDED;
	case STORE_ROOM_GONE:
		return STORE_EVENT_TEAM_REMOVED;
	default:
		return STORE_EVENT_TEAM_CHANGED;
	}
}

/* The event that a change makes; 0: none. */
static enum store_event_what what_of(const struct store_change *c)
{
	if (c->room_type == WEBEX_ROOM_TEAM && c->rowid == c->room)
		return what_of_team(c->type);
	switch (c->type) {
	case STORE_ROOM_ADDED:
		return STORE_EVENT_SPACE_ADDED;
	case STORE_ROOM_RENAMED:
		return STORE_EVENT_SPACE_RENAMED;
	case STORE_ROOM_CHANGED:
		return STORE_EVENT_SPACE_CHANGED;
	case STORE_ROOM_GONE:
		return STORE_EVENT_SPACE_REMOVED;
	case STORE_MESSAGE_ADDED:
		return STORE_EVENT_MESSAGE_CREATED;
	case STORE_MESSAGE_CHANGED:
		return STORE_EVENT_MESSAGE_EDITED;
	case STORE_MESSAGE_GONE:
		return STORE_EVENT_MESSAGE_DELETED;
	case STORE_MEMBER_ADDED:
		return STORE_EVENT_MEMBER_ADDED;
	case STORE_MEMBER_CHANGED:
		return STORE_EVENT_MEMBER_CHANGED;
	case STORE_MEMBER_GONE:
		return STORE_EVENT_MEMBER_REMOVED;
	case STORE_MESSAGE_RENAMED:
	case STORE_PERSON_CHANGED:
	case STORE_CONTENT_ADDED:
	case STORE_CONTENT_CHANGED:
	case STORE_CONTENT_GONE:
	case STORE_THREAD_RENAMED:
	case STORE_WEBHOOK_ADDED:
	case STORE_WEBHOOK_CHANGED:
	case STORE_WEBHOOK_GONE:
		break;
	}
	return 0;
}

static int append_change(struct write *w, const struct store_change *c)
{
	enum store_event_what what = what_of(c);
	_cleanup_gfree_ char *room = what ? room_name(w, c->room) : NULL;
	int r;

	if (what == STORE_EVENT_SPACE_RENAMED && c->old_name && c->name) {
		/* Two rows: with its old path, then with its new one. */
		r = append_named(w, STORE_EVENT_SPACE_RENAMED_FROM, c, room, c->old_name);
		return r < 0 ? r : append_named(w, what, c, room, c->name);
	}
	if (!room)
		return 0;
	if (c->rowid == c->room)
		return append_named(w, what, c, room, room);
	r = c->name ? append_named(w, what, c, room, c->name) : 0;
	/* Behind it, so that who waits for mentions alone knows the message from that line. */
	if (r == 0 && c->name && c->is_new_mention)
		r = append_named(w, STORE_EVENT_MENTION, c, room, c->name);
	return r;
}

int events_missed(struct write *w, int64_t room, enum webex_room_type type)
{
	const struct store_change c = {
		.type = STORE_ROOM_CHANGED, .room = room, .rowid = room, .room_type = type};
	g_autofree char *name = room_name(w, room);

	return name ? append_named(w, STORE_EVENT_MISSED, &c, name, name) : 0;
}

static int drop_oldest(struct write *w)
{
	int64_t before = atomic_load(&w->s->event_last);
	int64_t last = before + w->events;
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(w->q, "DELETE FROM event WHERE seq<=?1");

	if (before / SLICE == last / SLICE)
		return 0;
	sql_int(&st, 1, last - STORE_EVENTS_KEPT);
	return sql_run(&st);
}

int events_append(struct write *w)
{
	int r = 0;

	for (guint i = w->changes_mark; w->changes && r == 0 && i < w->changes->len; i++) {
		const struct store_change *c = g_ptr_array_index(w->changes, i);

		if (c->is_news)
			r = append_change(w, c);
	}
	return r < 0 || !w->events ? r : drop_oldest(w);
}

int store_event_add(struct store *s, enum store_event_what what, const char *path)
{
	struct write w;
	int r = write_begin(s, NULL, &w);

	return r < 0 ? r : write_end(&w, append(&w, what, path));
}

int64_t store_event_last(struct store *s)
{
	return atomic_load(&s->event_last);
}

int store_event_first(struct store_conn *c, int64_t *ret_seq)
{
	_cleanup_(sql_done) struct sql_stmt st = sql_stmt(c->q, "SELECT min(seq) FROM event");
	int r = sql_step(&st);

	/* An aggregate query always yields a row. */
	if (r < 0)
		return r;
	*ret_seq = sql_get_int(&st, 0);
	return *ret_seq > 0 ? 0 : -ENOENT;
}

int store_events_after(struct store_conn *c, int64_t seq,
		       bool (*fn)(void *arg, const struct store_event *event), void *arg)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT seq, wall_ms, what, path FROM event WHERE seq>?1"
			       " ORDER BY seq");
	bool more = true;
	int r = 0;

	sql_int(&st, 1, seq);
	while (more && (r = sql_step(&st)) == 1) {
		struct store_event event = {
			.seq = sql_get_int(&st, 0),
			.wall_ms = sql_get_int(&st, 1),
			.what = (enum store_event_what)sql_get_int(&st, 2),
			.path = sql_peek_text(&st, 3),
		};

		more = fn(arg, &event);
	}
	return MIN(r, 0);
}

bool store_event_link_is_down(struct store_conn *c)
{
	_cleanup_(sql_done) struct sql_stmt st =
		sql_stmt(c->q, "SELECT what FROM event WHERE " EVENT_IS_OF_LINK
			       " ORDER BY seq DESC LIMIT 1");

	G_STATIC_ASSERT(STORE_EVENT_LINK_DOWN == 24 && STORE_EVENT_LINK_UP == 25);
	return sql_step(&st) == 1 && sql_get_int(&st, 0) == STORE_EVENT_LINK_DOWN;
}
