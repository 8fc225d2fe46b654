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
		a->room = tree_ino(TREE_SPACE, c->room);
		a->room_name = g_strdup(room_name);
	}
}

bool mirror_act_of(struct store *s, const struct store_change *c, struct mirror_act *ret_act)
{
	struct mirror_act a = {.what = what_of(c)};
	struct store_room room = {0};
	struct store_conn *conn;
	struct tree_place p;

	if (!a.what || !c->name || !tree_place_of(c, &p) || !c->is_news)
		return false;
	if (!p.below) {
		fill(c, &p, NULL, &a);
	} else if (store_read_begin(s, &conn) == 0) {
		if (store_room_get(conn, c->room, &room) == 0 && !room.gone && room.name)
			fill(c, &p, room.name, &a);
		store_room_clear(&room);
		store_read_end(conn);
	}
	if (a.path)
		*ret_act = a;
	return a.path;
}
