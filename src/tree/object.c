/* SPDX-License-Identifier: MIT */
#include "tree/object.h"

#include <errno.h>

#include "tree/webhooks.h"

/* ---- spaces ---- */

static int plan_room(struct tree_ctx *ctx, int64_t row, const char *json, size_t len,
		     struct tree_plan *plan)
{
	struct store_room room = {0};
	int r = tree_room(ctx, row, &room);

	if (r == 0)
		r = webex_room_edit(&room.room, json, len, &plan->text, &plan->why);
	if (r == 0) {
		plan->row = plan->room = room.rowid;
		plan->type = room.room.type;
		plan->id = g_strdup(room.room.id);
	}
	store_room_clear(&room);
	return r;
}

static int64_t room_itself(struct tree_ctx *ctx, int64_t row)
{
	(void)ctx;
	return row;
}

static char *room_file(struct tree_ctx *ctx, int64_t row)
{
	struct store_room room = {0};
	bool is_team =
		store_room_get(ctx->conn, row, &room) == 0 && room.room.type == WEBEX_ROOM_TEAM;

	store_room_clear(&room);
	return g_strdup(is_team ? "team.json" : "space.json");
}

static char *room_before(struct store_conn *conn, int64_t row)
{
	struct store_room room = {0};
	char *json;

	if (store_room_get(conn, row, &room))
		return NULL;
	json = webex_room_json(&room.room);
	store_room_clear(&room);
	return json;
}

static char *room_json(const void *item)
{
	return webex_room_json(item);
}

static int room_edit(const void *item, const char *json, size_t len, char **ret_body,
		     char **ret_reason)
{
	return webex_room_edit(item, json, len, ret_body, ret_reason);
}

static uint64_t get_room(struct webex_client *c, const struct tree_plan *plan, webex_done done,
			 void *arg)
{
	return webex_place(plan->type)->get(c, plan->id, done, arg);
}

static void keep_room(struct tree *t, const struct tree_plan *plan,
		      const struct webex_reply *reply, GPtrArray *changes)
{
	int64_t row;

	(void)plan;
	store_apply_room(t->config.store, reply->items->pdata[0], 0, &row, changes);
}

static const struct tree_object room_object = {
	.update = TREE_DO_UPDATE_ROOM,
	.check = TREE_DO_CHECK_ROOM,
	.what = "space",
	.file = "space.json",
	.name = room_file,
	.plan = plan_room,
	.room = room_itself,
	.before = room_before,
	.json = room_json,
	.edit = room_edit,
	.get = get_room,
	.keep = keep_room,
};

/* ---- memberships ---- */

static int plan_member(struct tree_ctx *ctx, int64_t row, const char *json, size_t len,
		       struct tree_plan *plan)
{
	struct store_member m = {0};
	int r = store_member_get(ctx->conn, row, &m);

	if (r == 0 && m.gone)
		r = -ENOENT;
	if (r == 0)
		r = webex_membership_edit(&m.m, json, len, &plan->text, &plan->why);
	if (r == 0) {
		plan->row = m.rowid;
		plan->room = m.room;
		plan->type = m.m.room_type;
		plan->id = g_strdup(m.m.id);
	}
	store_member_clear(&m);
	return r;
}

static int64_t room_of_member(struct tree_ctx *ctx, int64_t row)
{
	struct store_member m = {0};
	int64_t room = store_member_get(ctx->conn, row, &m) == 0 ? m.room : 0;

	store_member_clear(&m);
	return room;
}

static char *member_before(struct store_conn *conn, int64_t row)
{
	struct store_member member = {0};
	char *json;

	if (store_member_get(conn, row, &member))
		return NULL;
	json = webex_membership_json(&member.m);
	store_member_clear(&member);
	return json;
}

static char *member_json(const void *item)
{
	return webex_membership_json(item);
}

static int member_edit(const void *item, const char *json, size_t len, char **ret_body,
		       char **ret_reason)
{
	return webex_membership_edit(item, json, len, ret_body, ret_reason);
}

static uint64_t get_member(struct webex_client *c, const struct tree_plan *plan,
			   webex_done done, void *arg)
{
	return webex_place(plan->type)->get_member(c, plan->id, done, arg);
}

static void keep_member(struct tree *t, const struct tree_plan *plan,
			const struct webex_reply *reply, GPtrArray *changes)
{
	store_apply_members(t->config.store, plan->room, reply->items, NULL,
			    clock_wall(t->config.clock), changes);
}

static const struct tree_object member_object = {
	.update = TREE_DO_UPDATE_MEMBER,
	.check = TREE_DO_CHECK_MEMBER,
	.what = "membership",
	.file = "member.json",
	.plan = plan_member,
	.room = room_of_member,
	.before = member_before,
	.json = member_json,
	.edit = member_edit,
	.get = get_member,
	.keep = keep_member,
};

/* ---- the table ---- */

const struct tree_object *tree_object_of(enum tree_action action)
{
	switch (action) {
	case TREE_DO_RENAME_ROOM:
	case TREE_DO_UPDATE_ROOM:
	case TREE_DO_CHECK_ROOM:
		return &room_object;
	case TREE_DO_UPDATE_MEMBER:
	case TREE_DO_CHECK_MEMBER:
		return &member_object;
	case TREE_DO_MAKE_WEBHOOK:
	case TREE_DO_UPDATE_WEBHOOK:
	case TREE_DO_CHECK_WEBHOOK:
		return &webhook_object;
	default:
		return NULL;
	}
}

const struct tree_object *tree_object_in(enum tree_kind dir)
{
	return dir == TREE_WEBHOOKS ? &webhook_object : NULL;
}

const struct tree_object *tree_object_at(enum tree_kind kind)
{
	switch (kind) {
	case TREE_SPACE_JSON:
	case TREE_TEAM_JSON:
		return &room_object;
	case TREE_MEMBER:
		return &member_object;
	case TREE_WEBHOOK:
		return &webhook_object;
	default:
		return NULL;
	}
}
