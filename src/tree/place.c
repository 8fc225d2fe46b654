/* SPDX-License-Identifier: MIT */
#include "tree/place.h"

#include "tree/ino.h"

bool tree_place_of(const struct store_change *c, struct tree_place *ret)
{
	static const enum tree_kind tops[] = {[WEBEX_ROOM_GROUP] = TREE_SPACES,
					      [WEBEX_ROOM_DIRECT] = TREE_DIRECT,
					      [WEBEX_ROOM_TEAM] = TREE_TEAMS};
	bool is_team = c->room_type == WEBEX_ROOM_TEAM;
	uint64_t top = tree_ino(tops[c->room_type], 0);
	uint64_t space = tree_room_ino(is_team, c->room);

	switch (c->type) {
	case STORE_ROOM_ADDED:
	case STORE_ROOM_RENAMED:
	case STORE_ROOM_CHANGED:
	case STORE_ROOM_GONE:
		*ret = (struct tree_place){.dir = top, .ino = space, .suffix = ""};
		break;
	case STORE_MESSAGE_ADDED:
	case STORE_MESSAGE_RENAMED:
	case STORE_MESSAGE_CHANGED:
	case STORE_MESSAGE_GONE:
		*ret = (struct tree_place){.dir = space,
					   .ino = tree_ino(TREE_MESSAGE_TXT, c->rowid),
					   .below = "",
					   .suffix = ".txt"};
		break;
	case STORE_MEMBER_ADDED:
	case STORE_MEMBER_CHANGED:
	case STORE_MEMBER_GONE:
		*ret = (struct tree_place){
			.dir = tree_ino(is_team ? TREE_TEAM_MEMBERS : TREE_MEMBERS, c->room),
			.ino = tree_ino(TREE_MEMBER, c->rowid),
			.below = "members/",
			.suffix = ""};
		break;
	case STORE_PERSON_CHANGED:
	case STORE_CONTENT_ADDED:
	case STORE_CONTENT_CHANGED:
	case STORE_CONTENT_GONE:
	case STORE_THREAD_RENAMED:
	case STORE_WEBHOOK_ADDED:
	case STORE_WEBHOOK_CHANGED:
	case STORE_WEBHOOK_GONE:
		return false;
	}
	ret->top = top;
	ret->room = space;
	return true;
}

char *tree_place_path(const struct tree_place *p, const char *room_name, const char *name)
{
	const char *top = p->top == TREE_DIRECT	 ? "direct/"
			  : p->top == TREE_TEAMS ? "teams/"
						 : "spaces/";

	if (!p->below)
		return g_strconcat(top, name, NULL);
	return g_strconcat(top, room_name, "/", p->below, name, p->suffix, NULL);
}

char *tree_path_of(const struct store_change *c, const char *room_name, const char *name)
{
	struct tree_place p;

	return tree_place_of(c, &p) ? tree_place_path(&p, room_name, name) : NULL;
}
