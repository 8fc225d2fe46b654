/* SPDX-License-Identifier: MIT */
#include "inotify/acts.h"

#include <string.h>

#include "store/store.h"
#include "tree/ino.h"
#include "tree/place.h"

void mirror_act_clear(struct mirror_act *a)
{
	g_free(a->name);
	g_free(a->newname);
	g_free(a->room_name);
	g_free(a->path);
	g_free(a->newpath);
	memset(a, 0, sizeof(*a));
}

static enum mirror_what what_of(const struct store_change *c)
{
	switch (c->type) {
	case STORE_ROOM_ADDED:
		return MIRROR_MKDIR;
	case STORE_ROOM_RENAMED:
		return MIRROR_RENAME;
	case STORE_ROOM_GONE:
		return MIRROR_RMDIR;
	case STORE_MESSAGE_ADDED:
	case STORE_MEMBER_ADDED:
		return MIRROR_CREATE;
	case STORE_MESSAGE_CHANGED:
	case STORE_MEMBER_CHANGED:
		return MIRROR_WRITE;
	case STORE_MESSAGE_GONE:
	case STORE_MEMBER_GONE:
		return MIRROR_UNLINK;
	case STORE_ROOM_CHANGED:
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

/* `room_name`: of the space that the change is in; NULL: it is of the space itself. */
static void fill(const struct store_change *c, const struct tree_place *p,
		 const char *room_name, struct mirror_act *a)
{
	const char *now = a->what == MIRROR_RENAME ? c->old_name : c->name;

	a->dir = p->dir;
	a->ino = p->ino;
	a->name = g_strconcat(now, p->suffix, NULL);
	a->path = tree_place_path(p, room_name, now);
	if (a->what == MIRROR_RENAME) {
		a->newname = g_strdup(c->name);
		a->newpath = tree_place_path(p, room_name, c->name);
	}
	if (room_name) {
		a->top = p->top;
		a->room = p->room;
		a->room_name = g_strdup(room_name);
	}
}

/* ---- in a thread ---- */

/* The path of threads/ of the room, without the link that leads there, which the helper does not follow. */
static char *threads_path(const struct store_thread *t)
{
	return g_strdup_printf(".sparkfs/views/%" G_GINT64_FORMAT "/threads/%s", t->room,
			       t->stem);
}

struct first {
	int64_t root, row; /* row: of the oldest reply; 0: there is none */
};

static bool note_first(void *arg, const struct store_brief *b)
{
	struct first *f = arg;

	if (b->rowid != f->root)
		f->row = b->rowid;
	return !f->row;
}

/* True if the message is the first reply, which makes threads/ list the thread. */
static bool begins_thread(struct store_conn *conn, const struct store_change *c,
			  const struct store_thread *t)
{
	struct store_range range = {.room = t->room, .thread = t->rowid};
	struct first f = {.root = t->root};

	return c->type == STORE_MESSAGE_ADDED &&
	       store_message_list(conn, &range, note_first, &f) == 0 && f.row == c->rowid;
}

static void add_thread_acts(struct store_conn *conn, const struct store_change *c,
			    const struct tree_place *p, GArray *acts)
{
	struct mirror_act dir = {.what = MIRROR_MKDIR}, file = {.what = what_of(c)};
	struct store_thread t = {0};

	if (store_thread_get(conn, c->thread, &t) == 0 && t.stem) {
		g_autofree char *path = threads_path(&t);

		if (begins_thread(conn, c, &t)) {
			dir.dir = tree_ino(TREE_THREADS, t.room);
			dir.ino = tree_ino(TREE_THREAD, t.rowid);
			dir.name = g_strdup(t.stem);
			dir.path = g_strdup(path);
			g_array_append_val(acts, dir);
		}
		file.dir = tree_ino(TREE_THREAD, t.rowid);
		file.ino = p->ino;
		file.name = g_strconcat(c->name, p->suffix, NULL);
		file.path = g_strconcat(path, "/", file.name, NULL);
		g_array_append_val(acts, file);
	}
	store_thread_clear(&t);
}

/* ---- among the mentions of its space ---- */

static enum mirror_what what_among_mentions(const struct store_change *c)
{
	if (!c->is_mention)
		return 0;
	if (c->type == STORE_MESSAGE_GONE)
		return MIRROR_UNLINK;
	/* That an edit took the mention away is seen when somebody lists them. */
	return c->type == STORE_MESSAGE_ADDED ||
			       (c->type == STORE_MESSAGE_CHANGED && c->is_new_mention)
		       ? MIRROR_CREATE
		       : 0;
}

static void add_mention_act(const struct store_change *c, const struct tree_place *p,
			    GArray *acts)
{
	struct mirror_act a = {.what = what_among_mentions(c)};

	if (!a.what)
		return;
	a.dir = tree_ino(TREE_MENTIONS, c->room);
	a.ino = p->ino;
	a.name = g_strconcat(c->name, p->suffix, NULL);
	a.path = g_strdup_printf(".sparkfs/views/%" G_GINT64_FORMAT "/mentions/%s", c->room,
				 a.name);
	g_array_append_val(acts, a);
}

static void add_act(struct store_conn *conn, const struct store_change *c,
		    const struct tree_place *p, GArray *acts)
{
	struct mirror_act a = {.what = what_of(c)};
	struct store_room room = {0};

	if (store_room_get(conn, c->room, &room) == 0 && !room.gone && room.name) {
		fill(c, p, room.name, &a);
		g_array_append_val(acts, a);
		if (c->thread)
			add_thread_acts(conn, c, p, acts);
		add_mention_act(c, p, acts);
	}
	store_room_clear(&room);
}

void mirror_acts_of(struct store *s, const struct store_change *c, GArray *ret_acts)
{
	struct mirror_act a = {.what = what_of(c)};
	struct store_conn *conn;
	struct tree_place p;

	if (!a.what || !c->name || !tree_place_of(c, &p) || !c->is_news)
		return;
	if (!p.below) {
		fill(c, &p, NULL, &a);
		g_array_append_val(ret_acts, a);
	} else if (store_read_begin(s, &conn) == 0) {
		add_act(conn, c, &p, ret_acts);
		store_read_end(conn);
	}
}
