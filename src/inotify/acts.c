/* SPDX-License-Identifier: MIT */
#include "inotify/acts.h"

#include <string.h>

#include "store/store.h"
#include "tree/ino.h"

void mirror_act_clear(struct mirror_act *a)
{
	g_free(a->name);
	g_free(a->newname);
	g_free(a->room_name);
	g_free(a->path);
	g_free(a->newpath);
	memset(a, 0, sizeof(*a));
}

static const char *top_of(const struct store_change *c)
{
	return c->room_type == WEBEX_ROOM_DIRECT ? "direct" : "spaces";
}

static uint64_t top_ino(const struct store_change *c)
{
	return tree_ino(c->room_type == WEBEX_ROOM_DIRECT ? TREE_DIRECT : TREE_SPACES, 0);
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
		break;
	}
	return 0;
}

static void of_room(const struct store_change *c, struct mirror_act *a)
{
	const char *now = c->type == STORE_ROOM_RENAMED ? c->old_name : c->name;

	a->dir = top_ino(c);
	a->ino = tree_ino(TREE_SPACE, c->room);
	a->name = g_strdup(now);
	a->path = g_strconcat(top_of(c), "/", now, NULL);
	if (c->type == STORE_ROOM_RENAMED) {
		a->newname = g_strdup(c->name);
		a->newpath = g_strconcat(top_of(c), "/", c->name, NULL);
	}
}

/* Fills in the act for a file: a message or a member. */
static void of_file(const struct store_change *c, const char *room_name, struct mirror_act *a)
{
	bool is_member = c->type == STORE_MEMBER_ADDED || c->type == STORE_MEMBER_CHANGED ||
			 c->type == STORE_MEMBER_GONE;

	a->dir = tree_ino(is_member ? TREE_MEMBERS : TREE_SPACE, c->room);
	a->ino = tree_ino(is_member ? TREE_MEMBER : TREE_MESSAGE_TXT, c->rowid);
	a->name = g_strconcat(c->name, is_member ? "" : ".txt", NULL);
	a->top = top_ino(c);
	a->room = tree_ino(TREE_SPACE, c->room);
	a->room_name = g_strdup(room_name);
	a->path = g_strconcat(top_of(c), "/", room_name, is_member ? "/members/" : "/", a->name,
			      NULL);
}

bool mirror_act_of(struct store *s, const struct store_change *c, struct mirror_act *ret_act)
{
	struct mirror_act a = {.what = what_of(c)};
	struct store_room room = {0};
	struct store_conn *conn;

	if (!a.what || !c->name ||
	    !(c->type == STORE_MESSAGE_ADDED ? c->is_new_head : c->is_news))
		return false;
	if (c->rowid == c->room) {
		of_room(c, &a);
		*ret_act = a;
		return true;
	}
	if (store_read_begin(s, &conn))
		return false;
	if (store_room_get(conn, c->room, &room) == 0 && !room.gone && room.name)
		of_file(c, room.name, &a);
	store_room_clear(&room);
	store_read_end(conn);
	if (a.path)
		*ret_act = a;
	return a.path;
}
