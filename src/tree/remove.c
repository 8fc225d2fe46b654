/* SPDX-License-Identifier: MIT */
/*
 * Plans of names that are removed: what rm and rmdir mean, and what is not deleted though a
 * program unlinks it (design 2.4). Nothing is deleted that was not named: the message of an
 * attachment only if it has nothing but that file, a space or a team only if nothing is in it.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "store/teams.h"
#include "tree/api_internal.h"
#include "tree/internal.h"
#include "tree/webhooks.h"
#include "tree/write.h"
#include "webex/id.h"

/* ---- paths in messages for people ---- */

/* "spaces/Ops/2026-...txt"; owned. */
static char *path_of(struct tree_ctx *ctx, const struct store_message *m)
{
	struct store_room room = {0};
	char *path;

	if (store_room_get(ctx->conn, m->room, &room))
		return g_strconcat(m->stem, ".txt", NULL);
	path = g_strdup_printf("%s/%s/%s.txt",
			       room.room.type == WEBEX_ROOM_DIRECT ? "direct" : "spaces",
			       room.name, m->stem);
	store_room_clear(&room);
	return path;
}

/* Programs only show EPERM. last-error says why, and what to do instead. */
static int refuse(struct tree_ctx *ctx, enum tree_remover by, const char *name,
		  const char *instead)
{
	if (by == TREE_MOVES_OUT)
		return tree_refuse(
			ctx, -EPERM,
			"%s: moved out it is a copy, and stays here: a program that moves, or "
			"has just read it, may not delete it for everybody; %s, and the mount "
			"option recursive_delete lets programs that move do it",
			name, instead);
	return tree_refuse(
		ctx, -EPERM,
		"%s: it would be deleted for everybody, to be replaced: it stays; %s", name,
		instead);
}

/* ---- messages, members, letters ---- */

static int plan_message(struct tree_ctx *ctx, int64_t row, struct tree_plan *plan)
{
	struct store_message m = {0};
	int r = store_message_get(ctx->conn, row, &m);

	if (r == 0 && m.deleted)
		r = -ENOENT;
	if (r == 0) {
		plan->action = TREE_DO_DELETE_MESSAGE;
		plan->row = row;
		plan->room = m.room;
		plan->id = g_strdup(m.m.id);
	}
	store_message_clear(&m);
	return r;
}

static int plan_member(struct tree_ctx *ctx, int64_t row, struct tree_plan *plan)
{
	struct store_member m = {0};
	int r = store_member_get(ctx->conn, row, &m);

	if (r == 0 && m.gone)
		r = -ENOENT;
	if (r == 0) {
		plan->action = TREE_DO_REMOVE_MEMBER;
		plan->row = row;
		plan->room = m.room;
		plan->type = m.m.room_type;
		plan->id = g_strdup(m.m.id);
	}
	store_member_clear(&m);
	return r;
}

/* ---- attachments ---- */

static bool is_blank(const char *text)
{
	for (; text && *text; text++)
		if (!g_ascii_isspace(*text))
			return false;
	return true;
}

/* What else the message has besides the file `url`, in words, or NULL. */
static const char *what_else(const struct webex_message *m, const char *url)
{
	size_t len, wanted_len;
	const char *wanted = webex_content_id(url ? url : "", &wanted_len), *id;

	if (!is_blank(m->text) || !is_blank(m->markdown) || !is_blank(m->html))
		return "a text";
	if (m->attachments)
		return "a card";
	if (!m->files || !m->files[0])
		return "no such file";
	id = webex_content_id(m->files[0], &len);
	if (m->files[1] || len != wanted_len || memcmp(id, wanted, len) != 0)
		return "another file";
	return NULL;
}

static int refuse_message(struct tree_ctx *ctx, const struct store_message *m, const char *name,
			  const char *else_)
{
	_cleanup_gfree_ char *path = path_of(ctx, m);

	return tree_refuse(ctx, -EPERM,
			   "rm %s: its message has %s beside it, and goes as a whole: rm '%s'",
			   name, else_, path);
}

/* The message is read before it is deleted (tree_remove_check), since what is known of it may
 * be old. */
static int plan_attachment(struct tree_ctx *ctx, const struct store_content *content,
			   const char *name, struct tree_plan *plan)
{
	struct store_message m = {0};
	const char *else_ = NULL;
	int r = store_message_get(ctx->conn, content->message, &m);

	if (r == 0 && m.deleted)
		r = -ENOENT;
	if (r == 0 && !m.is_evicted)
		else_ = what_else(&m.m, content->url);
	if (r == 0 && else_)
		r = refuse_message(ctx, &m, name, else_);
	store_message_clear(&m);
	if (r)
		return r;
	r = plan_message(ctx, content->message, plan);
	plan->action = TREE_DO_DELETE_ATTACHMENT;
	plan->text = g_strdup(content->url);
	return r;
}

int tree_remove_check(struct tree *t, const struct tree_plan *plan,
		      const struct webex_message *now)
{
	const char *else_ = what_else(now, plan->text);
	struct tree_ctx ctx = {.tree = t};
	struct store_message m = {0};
	int r;

	if (!else_)
		return 0;
	r = store_read_begin(t->config.store, &ctx.conn);
	if (r)
		return r;
	if (store_message_get(ctx.conn, plan->row, &m) == 0)
		refuse_message(&ctx, &m, "of an attachment", else_);
	store_message_clear(&m);
	store_read_end(ctx.conn);
	tree_say_why(&ctx);
	return -EPERM;
}

/*
 * For mv, cp --remove-destination and tar x, which give the name to another file in a moment.
 * That is possible only in some directories. The present file stays and becomes an older
 * version, as with cp.
 */
static int plan_replace(struct tree_ctx *ctx, uint64_t dir, const char *name,
			const struct store_content *content, struct tree_plan *plan)
{
	struct tree_write aim = {.dir = upload_dir(dir)};
	int r;

	if (!upload_files(upload_dir(dir)))
		r = tree_refuse_month(ctx, name);
	else
		r = upload_check_newest(ctx, content, name);
	/* The new file would be refused without network; so the old one is not hidden then. */
	if (r == 0)
		r = tree_write_aim(ctx, &aim, name);
	tree_write_close(ctx->tree, &aim);
	if (r)
		return r;
	plan->action = TREE_DO_HIDE;
	plan->row = content->rowid;
	plan->room = content->room;
	plan->home = upload_dir(dir);
	plan->text = g_strdup(name);
	return 0;
}

static int get_content(struct tree_ctx *ctx, int64_t row, struct store_content *ret_content)
{
	int r = store_content_get(ctx->conn, row, ret_content);

	return r == 0 && ret_content->gone ? -ENOENT : r;
}

/*
 * A file that was not sent is removed, as anywhere, and the attachment of that name at the
 * server is hidden. A file may have been sent although its last close has not reached us yet.
 */
static int plan_replace_pending(struct tree_ctx *ctx, uint64_t dir, const char *name,
				struct tree_plan *plan)
{
	struct pending *p = plan->pending;
	bool is_unsent = plan->is_local || draft_is_dirty(p->draft);
	struct store_content content = {0};
	int r;

	r = is_unsent ? upload_find(ctx, p->dir, name, &content)
		      : get_content(ctx, p->content_row, &content);
	if (r == 0) {
		r = plan_replace(ctx, dir, name, &content, plan);
	} else if (r == -ENOENT && is_unsent) {
		plan->action = TREE_DO_DROP_PENDING;
		plan->text = g_strdup(name);
		r = 0;
	} else if (r == -ENOENT) {
		r = tree_refuse(ctx, -EBUSY, "%s: it is being sent by another program", name);
	}
	store_content_clear(&content);
	return r;
}

/* For a file that is being written or sent, or that was sent and is still open. An older
 * version of it stays. */
static int plan_pending(struct tree_ctx *ctx, uint64_t dir, const char *name,
			enum tree_remover by, struct tree_plan *plan)
{
	struct pending *p = plan->pending;

	/* True if nothing of it is or will be at the server. */
	plan->is_local = p->is_scratch || pending_waits(ctx->tree->pendings, p);
	if (by == TREE_REPLACES && !p->is_scratch)
		return plan_replace_pending(ctx, dir, name, plan);
	if (by == TREE_MOVES_OUT && !plan->is_local)
		return refuse(ctx, by, name, "rm does");
	plan->action = TREE_DO_DROP_PENDING;
	plan->text = g_strdup(name);
	return 0;
}

static int plan_upload(struct tree_ctx *ctx, uint64_t dir, uint64_t ino, const char *name,
		       enum tree_remover by, struct tree_plan *plan)
{
	struct store_content content = {0};
	int r;

	plan->pending = pending_by_row(ctx->tree->pendings, tree_ino_row(ino));
	if (plan->pending)
		return plan_pending(ctx, dir, name, by, plan);
	r = get_content(ctx, tree_ino_row(ino), &content);
	if (r == 0 && by == TREE_MOVES_OUT)
		r = refuse(ctx, by, name, "rm does");
	else if (r == 0 && by == TREE_REPLACES)
		r = plan_replace(ctx, dir, name, &content, plan);
	else if (r == 0)
		r = plan_attachment(ctx, &content, name, plan);
	store_content_clear(&content);
	return r;
}

/* ---- rm ---- */

static int refuse_structure(struct tree_ctx *ctx, uint64_t ino, const char *name)
{
	if (S_ISDIR(tree_row(ino)->mode))
		return -EISDIR;
	if (tree_ino_kind(ino) == TREE_TEAM_SPACE)
		return tree_refuse(
			ctx, -EPERM,
			"rm %s: a space stays in its team; rmdir spaces/%s deletes it "
			"if nothing is in it, rm spaces/%s/members/YOUR-ADDRESS "
			"leaves it",
			name, name, name);
	return tree_refuse(
		ctx, -EPERM, "rm %s: it is part of what is shown here and cannot be removed%s",
		name,
		tree_ino_kind(ino) == TREE_LAST || tree_ino_kind(ino) == TREE_THREAD_LAST
			? "; rm \"$(readlink last)\" deletes the "
			  "message"
			: "");
}

static int refuse_card(struct tree_ctx *ctx, enum tree_remover by, const char *name)
{
	if (by == TREE_REPLACES)
		return refuse(ctx, by, name, "cat FILE > it answers the card");
	return tree_refuse(
		ctx, -EPERM,
		"rm %s: it is a part of its message, and cannot go alone: rm deletes "
		"the message by its .txt",
		name);
}

/* True if rm removed the letter a moment ago, so that its reason is to go now. */
static bool is_letter_gone(struct tree_ctx *ctx, int64_t n)
{
	struct outbox_item *item = NULL;
	bool is_gone = outbox_find(ctx->tree->config.outbox, n, &item) == -ENOENT;

	outbox_item_free(item);
	return is_gone;
}

/* For what the server deletes at once. */
static int plan_object(struct tree_ctx *ctx, uint64_t ino, struct tree_plan *plan)
{
	switch (tree_ino_kind(ino)) {
	case TREE_MEMBER:
		return plan_member(ctx, tree_ino_row(ino), plan);
	case TREE_WEBHOOK:
		return webhook_plan_remove(ctx, tree_ino_row(ino), plan);
	case TREE_API_JSON:
		return api_plan_delete(ctx, ino, plan);
	default:
		return plan_message(ctx, tree_ino_row(ino), plan);
	}
}

int tree_plan_unlink(struct tree_ctx *ctx, uint64_t dir, const char *name, enum tree_remover by,
		     struct tree_plan *ret_plan)
{
	struct tree_plan plan = {0};
	struct tree_entry e;
	int r = tree_check_change(ctx, dir, name);

	if (r == 0)
		r = tree_lookup(ctx, dir, name, &e);
	if (r == 0 && !e.ino)
		r = -ENOENT;
	if (r)
		return r;
	switch (tree_ino_kind(e.ino)) {
	case TREE_MESSAGE_TXT:
	case TREE_MESSAGE_MD:
	case TREE_MESSAGE_HTML:
	case TREE_MESSAGE_JSON:
	case TREE_MEMBER:
	case TREE_WEBHOOK:
	case TREE_API_JSON:
		r = by == TREE_REMOVES ? plan_object(ctx, e.ino, &plan)
				       : refuse(ctx, by, name, "rm does");
		break;
	case TREE_MESSAGE_CARD:
	case TREE_MESSAGE_SUBMIT:
		r = refuse_card(ctx, by, name);
		break;
	case TREE_ATTACHMENT:
		r = plan_upload(ctx, dir, e.ino, name, by, &plan);
		break;
	case TREE_LETTER:
		/* When it is moved out, its bytes are kept elsewhere; when it is replaced, a
		 * new file in its place is not the same message. */
		if (by == TREE_REPLACES) {
			r = refuse(ctx, by, name, "write to it, or rm it first");
			break;
		}
		plan.action = TREE_DO_DROP_LETTER;
		plan.n = tree_ino_row(e.ino);
		break;
	case TREE_LETTER_WHY:
		/* The reason is removed with its letter, but `rm unsent/ *` must not fail on
		 * it. */
		plan.action = is_letter_gone(ctx, tree_ino_row(e.ino)) ? TREE_DO_DROP_LETTER
								       : TREE_DO_NOTHING;
		plan.n = tree_ino_row(e.ino);
		plan.is_local = true;
		break;
	default:
		r = refuse_structure(ctx, e.ino, name);
	}
	if (r)
		tree_plan_clear(ctx->tree, &plan);
	else
		*ret_plan = plan;
	return r;
}

/* ---- rmdir ---- */

static bool note_message(void *arg, const struct store_brief *b)
{
	struct store_brief *found = arg;

	*found = *b;
	return false;
}

/* -ENOTEMPTY if the space has a message. */
static int check_no_message(struct tree_ctx *ctx, int64_t room, const char *name)
{
	struct need all = {.kind = NEED_HEAD, .row = room};
	struct store_brief found = {0};
	struct store_span span;
	int r;

	r = tree_need_anew(ctx, &all);
	if (r == 0)
		r = store_message_list(ctx->conn, &(struct store_range){.room = room},
				       note_message, &found);
	if (r)
		return r;
	if (found.rowid)
		return tree_refuse(ctx, -ENOTEMPTY,
				   "rmdir %s: there are messages in it; remove them first",
				   name);
	r = store_span_head(ctx->conn, room, &span);
	if (r)
		return r == -ENOENT ? -EIO : r;
	/* Needs the whole past of the space. */
	return tree_need_interval(ctx, room, -1, span.hi);
}

struct others {
	const char *me_id;
	bool has_me;
	char *found; /* address of another member; owned */
};

static bool note_member(void *arg, const struct store_member *m)
{
	struct others *o = arg;

	if (g_strcmp0(m->m.person_id, o->me_id) == 0)
		o->has_me = true;
	else if (!o->found)
		o->found = g_strdup(m->name);
	return true;
}

/* -ENOTEMPTY if the space, or team, has another member. */
static int check_no_member(struct tree_ctx *ctx, int64_t room, const char *name)
{
	struct need all = {.kind = NEED_MEMBERS, .row = room};
	struct others o = {.me_id = ctx->tree->config.me_id};
	int r;

	r = tree_need_anew(ctx, &all);
	if (r == 0)
		r = store_member_list(ctx->conn, room, 0, note_member, &o);
	if (r == 0 && o.found) {
		r = tree_refuse(ctx, -ENOTEMPTY,
				"rmdir %s: %s is in it; remove the members first, or leave it "
				"by rm of your own membership",
				name, o.found);
	}
	/* A list of members without us is not believed. */
	if (r == 0 && !o.has_me) {
		r = tree_refuse(ctx, -EIO, "rmdir %s: the server does not say who is in it",
				name);
	}
	g_free(o.found);
	return r;
}

struct team_spaces {
	const char *team; /* the team's name, which its General space has for a title */
	int64_t room;	  /* the one that may go with the team; 0: there is none */
	char *id, *name;  /* of it; owned */
	char *another;	  /* name of another one; owned */
};

static bool note_space(void *arg, const struct store_room *space)
{
	struct team_spaces *s = arg;

	if (!s->room) {
		s->room = space->rowid;
		s->id = g_strdup(space->room.id);
		s->name = g_strdup(space->name);
		return true;
	}
	s->another = g_strdup(strcmp(space->room.title, s->team) ? space->name : s->name);
	return false;
}

/*
 * With a team goes its General space, which every team has, and which cannot be deleted by itself. Whatever
 * else is there belongs to somebody. Spaces that the account is not in are known to the server alone, which
 * is asked when the plan is submitted.
 */
static int check_team_spaces(struct tree_ctx *ctx, int64_t team, const char *name,
			     struct tree_plan *plan)
{
	const struct need rooms = {.kind = NEED_ROOMS};
	struct team_spaces s = {0};
	struct store_room of = {0};
	int r = tree_need_anew(ctx, &rooms);

	if (r == 0)
		r = tree_room(ctx, team, &of);
	s.team = of.room.title;
	if (r == 0)
		r = store_team_spaces(ctx->conn, team, 0, note_space, &s);
	if (r == 0 && s.another)
		r = tree_refuse(
			ctx, -ENOTEMPTY,
			"rmdir %s: the team has spaces, as spaces/%s: remove them first", name,
			s.another);
	if (r == 0 && s.room)
		r = check_no_message(ctx, s.room, name);
	if (r == 0)
		plan->room_id = steal_ptr(&s.id);
	g_free(s.id);
	g_free(s.name);
	g_free(s.another);
	store_room_clear(&of);
	return r;
}

static int check_empty(struct tree_ctx *ctx, uint64_t ino, const char *name,
		       struct tree_plan *plan)
{
	bool is_team = tree_ino_kind(ino) == TREE_TEAM;
	int64_t room = tree_ino_row(ino);
	int r;

	/* A bot sees only messages that mention it (webex-api.md 5.20). */
	if (ctx->tree->config.is_bot) {
		return tree_refuse(ctx, -ENOTEMPTY,
				   "rmdir %s: a bot is not shown what others wrote in a space",
				   name);
	}
	if (pending_is_any_in(ctx->tree->pendings, ino)) {
		return tree_refuse(ctx, -ENOTEMPTY, "rmdir %s: a file is being written in it",
				   name);
	}
	r = is_team ? check_team_spaces(ctx, room, name, plan)
		    : check_no_message(ctx, room, name);
	return r ? r : check_no_member(ctx, room, name);
}

static int refuse_rmdir(struct tree_ctx *ctx, uint64_t ino, const char *name)
{
	if (!S_ISDIR(tree_row(ino)->mode))
		return -ENOTDIR;
	return tree_refuse(
		ctx, -EPERM,
		tree_ino_kind(ino) == TREE_SPACE ? "rmdir %s: a 1:1 space cannot be deleted"
		: tree_ino_kind(ino) == TREE_UNSENT
			? "rmdir %s: the folder itself stays; rm removes what is in it"
			: "rmdir %s: it is part of what is shown here and cannot "
			  "be removed",
		name);
}

int tree_plan_rmdir(struct tree_ctx *ctx, uint64_t dir, const char *name,
		    struct tree_plan *ret_plan)
{
	struct tree_plan plan = {.action = TREE_DO_DELETE_ROOM};
	struct store_room room = {0};
	struct tree_entry e;
	int r = tree_check_change(ctx, dir, name);

	if (r == 0)
		r = tree_lookup(ctx, dir, name, &e);
	if (r == 0 && !e.ino)
		r = -ENOENT;
	if (r)
		return r;
	if (dir != (tree_ino_kind(e.ino) == TREE_TEAM ? TREE_TEAMS : TREE_SPACES) ||
	    (tree_ino_kind(e.ino) != TREE_SPACE && tree_ino_kind(e.ino) != TREE_TEAM))
		return refuse_rmdir(ctx, e.ino, name);
	r = tree_room(ctx, tree_ino_row(e.ino), &room);
	if (r == 0 && !ctx->tree->config.recursive_delete)
		r = check_empty(ctx, e.ino, name, &plan);
	if (r == 0) {
		plan.row = plan.room = room.rowid;
		plan.type = room.room.type;
		plan.id = g_strdup(room.room.id);
		*ret_plan = plan;
	} else {
		tree_plan_clear(ctx->tree, &plan);
	}
	store_room_clear(&room);
	return r;
}
