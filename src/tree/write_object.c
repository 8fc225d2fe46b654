/* SPDX-License-Identifier: MIT */
/*
 * What was written into space.json, team.json or a membership gives a change, and a letter with the
 * written bytes, which is kept if the change fails.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "tree/api_internal.h"
#include "tree/internal.h"
#include "tree/write.h"

/* The written text equals what is known; whether the server has the same is asked when the plan
 * is submitted. */
static void set_check(struct tree_plan *plan, enum tree_action check, const char *json,
		      size_t len)
{
	plan->action = check;
	plan->text = g_strndup(json, len);
}

static int plan_room_edit(struct tree_ctx *ctx, const struct tree_write *w, const char *json,
			  size_t len, struct tree_plan *plan)
{
	struct store_room room = {0};
	int r = tree_room(ctx, w->row, &room);

	if (r == 0)
		r = webex_room_edit(&room.room, json, len, &plan->text, &plan->why);
	if (r == 0) {
		plan->action = TREE_DO_UPDATE_ROOM;
		if (!plan->text)
			set_check(plan, TREE_DO_CHECK_ROOM, json, len);
		plan->row = plan->room = room.rowid;
		plan->type = room.room.type;
		plan->id = g_strdup(room.room.id);
	}
	store_room_clear(&room);
	return r;
}

static int plan_member_edit(struct tree_ctx *ctx, const struct tree_write *w, const char *json,
			    size_t len, struct tree_plan *plan)
{
	struct store_member m = {0};
	int r = store_member_get(ctx->conn, w->row, &m);

	if (r == 0 && m.gone)
		r = -ENOENT;
	if (r == 0)
		r = webex_membership_edit(&m.m, json, len, &plan->text, &plan->why);
	if (r == 0) {
		plan->action = TREE_DO_UPDATE_MEMBER;
		if (!plan->text)
			set_check(plan, TREE_DO_CHECK_MEMBER, json, len);
		plan->row = m.rowid;
		plan->room = m.room;
		plan->type = m.m.room_type;
		plan->id = g_strdup(m.m.id);
	}
	store_member_clear(&m);
	return r;
}

/* ---- the letter ---- */

static int64_t room_of(struct tree_ctx *ctx, const struct tree_write *w)
{
	struct store_member m = {0};
	int64_t room = w->row;

	if (w->kind != TREE_MEMBER)
		return room;
	if (tree_is_asked(w->ino))
		return 0;
	room = store_member_get(ctx->conn, w->row, &m) == 0 ? m.room : 0;
	store_member_clear(&m);
	return room;
}

/* The letter is of no message: a team is no place to send to. */
static void set_place(struct tree_ctx *ctx, int64_t row, struct destination *to)
{
	struct store_room room = {0};

	if (row && store_room_get(ctx->conn, row, &room) == 0) {
		if (room.room.type == WEBEX_ROOM_TEAM) {
			to->place = g_strdup(room.name);
		} else {
			to->room = row;
			tree_destination(ctx, tree_ino(TREE_SPACE, row), to);
		}
	}
	store_room_clear(&room);
}

static char *file_name(const struct tree_write *w)
{
	const char *path = tree_is_asked(w->ino) ? w->name : NULL;

	if (path && g_str_has_prefix(path, API_PREFIX))
		path += strlen(API_PREFIX);
	if (path)
		return name_from_file(path, NAME_MAX_BYTES);
	return g_strdup(w->kind == TREE_SPACE_JSON  ? "space.json"
			: w->kind == TREE_TEAM_JSON ? "team.json"
						    : "member.json");
}

/* Makes the letter, from which the text can be read and written again (cat LETTER >
 * space.json). */
static int new_letter(struct tree_ctx *ctx, const struct tree_write *w, const char *json,
		      size_t len, struct outbox_letter **ret_letter)
{
	struct outbox_letter *l = outbox_letter_new(LETTER_FILE);
	_cleanup_free_ char *text = NULL;
	struct draft *draft = NULL;
	ssize_t n;
	int r;

	set_place(ctx, room_of(ctx, w), &l->to);
	l->filename = file_name(w);
	if (tree_is_asked(w->ino))
		l->to.place = g_strdup("api");
	r = tree_spool_draft(ctx, &l->to, l->filename, &draft);
	if (r == 0) {
		n = draft_write(draft, json, len, 0, false);
		r = n < 0 ? (int)n : draft_take(draft, &text, &len, &l->fd, &l->size);
		draft_unref(&draft);
	}
	if (r)
		outbox_letter_free(l);
	else
		*ret_letter = l;
	return r;
}

int tree_keep_object(struct tree_ctx *ctx, struct tree_write *w,
		     struct outbox_letter **ret_letter)
{
	_cleanup_free_ char *json = NULL;
	size_t len = 0;
	int64_t size;
	int fd = -1;
	int r = draft_take_raw(w->draft, &json, &len, &fd, &size);

	*ret_letter = NULL;
	return r || !len ? r : new_letter(ctx, w, json, len, ret_letter);
}

static const char *object_name(const struct tree_write *w)
{
	if (w->name)
		return w->name;
	return w->kind == TREE_SPACE_JSON  ? "space.json"
	       : w->kind == TREE_TEAM_JSON ? "team.json"
					   : "membership";
}

int tree_plan_object(struct tree_ctx *ctx, struct tree_write *w, struct tree_plan *ret_plan)
{
	_cleanup_free_ char *json = NULL;
	struct tree_plan plan = {.action = TREE_DO_NOTHING};
	size_t len = 0;
	int64_t size;
	int fd = -1;
	int r = 0;

	if (draft_is_dirty(w->draft))
		r = draft_take(w->draft, &json, &len, &fd, &size);
	if (r)
		return r;
	/* If the disk has no room for it, nothing is sent and the writer gets the error
	 * (outbox.h 2). */
	if (len)
		r = new_letter(ctx, w, json, len, &plan.kept);
	if (r == 0 && len && tree_is_asked(w->ino))
		r = api_plan_write(ctx, w, json, len, &plan);
	else if (r == 0 && len && w->kind != TREE_MEMBER)
		r = plan_room_edit(ctx, w, json, len, &plan);
	else if (r == 0 && len)
		r = plan_member_edit(ctx, w, json, len, &plan);
	if (r && plan.why)
		tree_refuse(ctx, r, "%s: %s", object_name(w), plan.why);
	*ret_plan = plan;
	return r;
}
