/* SPDX-License-Identifier: MIT */
/*
 * Plans of names that are made or changed: mkdir, mv, touch, with every check that needs no
 * request of its own (design 2.4). Names that are removed: remove.c.
 */
#include <errno.h>
#include <linux/fs.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/names.h"
#include "tree/asked.h"
#include "tree/internal.h"
#include "tree/object.h"
#include "tree/webhooks.h"
#include "tree/write.h"

void tree_plan_clear(struct tree *t, struct tree_plan *plan)
{
	g_free(plan->id);
	g_free(plan->room_id);
	g_free(plan->text);
	g_free(plan->why);
	outbox_letter_free(plan->letter);
	outbox_letter_free(plan->kept);
	pending_unref(t->pendings, &plan->pending);
	asked_unref(&plan->asked);
	memset(plan, 0, sizeof(*plan));
}

/* Finds the node of a name without asking the server, since the kernel has just looked it up. */
static int find(struct tree_ctx *ctx, uint64_t dir, const char *name, uint64_t *ret_ino)
{
	struct tree_entry e;
	int r = tree_lookup(ctx, dir, name, &e);

	if (r)
		return r;
	if (!e.ino)
		return -ENOENT;
	*ret_ino = e.ino;
	return 0;
}

/* ---- mkdir ---- */

static int refuse_folder(struct tree_ctx *ctx, uint64_t dir, const char *name)
{
	if (name_is_trash(name))
		return tree_refuse_trash(ctx, name);
	if (tree_ino_kind(dir) == TREE_DIRECT)
		return tree_refuse(
			ctx, -EPERM,
			"mkdir %s: a 1:1 space is made by the first message: echo hello > "
			"direct/ADDRESS/post",
			name);
	if (tree_invites(dir))
		return tree_refuse(ctx, -EPERM,
				   "mkdir %s: to invite somebody, touch members/ADDRESS", name);
	if (upload_files(upload_dir(dir)))
		return tree_refuse(
			ctx, -EPERM,
			"mkdir %s: a space has files, no folders: send what is in it, "
			"or an archive of it",
			name);
	if (tree_ino_kind(dir) == TREE_WEBHOOKS)
		return tree_refuse(ctx, -EPERM,
				   "mkdir %s: a webhook is a file: write to webhooks/NAME.json",
				   name);
	if (tree_is_private(ctx->tree, dir))
		return tree_refuse(
			ctx, -EPERM,
			"mkdir %s: every path of the API is here already; something new "
			"is made by writing to its PATH.json",
			name);
	if (tree_ino_kind(dir) == TREE_TEAM)
		return tree_refuse(
			ctx, -EPERM,
			"mkdir %s: no folder can be made here; a new space of a team "
			"is made by mkdir teams/TEAM/spaces/NAME",
			name);
	return tree_refuse(ctx, -EPERM,
			   "mkdir %s: no folder can be made here; a new space is made by mkdir "
			   "spaces/NAME",
			   name);
}

/* A team's space is one of all spaces, among which it needs a name of its own. */
static int check_team_space(struct tree_ctx *ctx, uint64_t dir, const char *name,
			    struct tree_plan *plan)
{
	struct store_room team = {0};
	uint64_t ino;
	int r = find(ctx, TREE_SPACES, name, &ino);

	if (r == 0)
		return tree_refuse(ctx, -EEXIST,
				   "mkdir %s: there is a space called so already, spaces/%s: "
				   "take another title",
				   name, name);
	if (r == -ENOENT)
		r = tree_room(ctx, tree_ino_row(dir), &team);
	if (r == 0)
		plan->room_id = g_strdup(team.room.id);
	store_room_clear(&team);
	return r;
}

int tree_plan_mkdir(struct tree_ctx *ctx, uint64_t dir, const char *name,
		    struct tree_plan *ret_plan)
{
	struct tree_plan plan = {.action = TREE_DO_MAKE_ROOM};
	uint64_t ino;
	int r = tree_check_change(ctx, dir, name);

	if (r)
		return r;
	if (tree_ino_kind(dir) != TREE_SPACES && tree_ino_kind(dir) != TREE_TEAMS &&
	    tree_ino_kind(dir) != TREE_TEAM_SPACES)
		return refuse_folder(ctx, dir, name);
	r = find(ctx, dir, name, &ino);
	if (r != -ENOENT)
		return r ? r : -EEXIST;
	plan.type = tree_ino_kind(dir) == TREE_TEAMS ? WEBEX_ROOM_TEAM : WEBEX_ROOM_GROUP;
	plan.text = name_to_title(name);
	r = 0;
	if (!plan.text)
		r = tree_refuse_name(ctx, name);
	else if (tree_ino_kind(dir) == TREE_TEAM_SPACES)
		r = check_team_space(ctx, dir, name, &plan);
	if (r)
		tree_plan_clear(ctx->tree, &plan);
	else
		*ret_plan = plan;
	return r;
}

/* ---- mv ---- */

/* 0: the name is free. */
static int check_free(struct tree_ctx *ctx, uint64_t ino, uint64_t newdir, const char *newname,
		      struct tree_plan *plan)
{
	bool is_team = tree_ino_kind(ino) == TREE_TEAM;
	uint64_t there;
	int r = find(ctx, newdir, newname, &there);

	if (r)
		return r == -ENOENT ? 0 : r;
	if (there != ino)
		return tree_refuse(ctx, -EEXIST,
				   "mv: there is a %s called %s already; %s are not joined: "
				   "take another %s",
				   is_team ? "team" : "space", newname,
				   is_team ? "teams" : "spaces", is_team ? "name" : "title");
	plan->action = TREE_DO_NOTHING;
	return 1;
}

static int plan_rename_room(struct tree_ctx *ctx, uint64_t ino, uint64_t newdir,
			    const char *newname, struct tree_plan *plan)
{
	bool is_team = tree_ino_kind(ino) == TREE_TEAM;
	struct store_room room = {0};
	int r;

	if (newdir != (is_team ? TREE_TEAMS : TREE_SPACES))
		return tree_refuse(ctx, -EPERM,
				   "%s: a %s stays where it is: mv only gives it another %s, "
				   "as in mv %s/OLD %s/NEW",
				   newname, is_team ? "team" : "space",
				   is_team ? "name" : "title", is_team ? "teams" : "spaces",
				   is_team ? "teams" : "spaces");
	r = check_free(ctx, ino, newdir, newname, plan);
	if (r)
		return MIN(r, 0);
	r = tree_room(ctx, tree_ino_row(ino), &room);
	if (r == 0 && room.room.type == WEBEX_ROOM_DIRECT)
		r = tree_refuse(
			ctx, -EPERM,
			"mv %s: a 1:1 space is called as the other person is, and cannot be "
			"renamed",
			room.name);
	if (r == 0) {
		plan->text = name_to_title(newname);
		if (!plan->text)
			r = tree_refuse_name(ctx, newname);
		/* mv takes -EINVAL for the wish to move a directory into itself. */
		if (r == -EINVAL)
			r = -EPERM;
	}
	if (r == 0) {
		plan->action = TREE_DO_RENAME_ROOM;
		plan->row = plan->room = room.rowid;
		plan->type = room.room.type;
		plan->id = g_strdup(room.room.id);
		plan->ino = ino;
	}
	store_room_clear(&room);
	return r;
}

/* Takes the whole of a scratch file as a letter. On an error the bytes are still in the scratch
 * file. */
static int take_whole(struct tree_ctx *ctx, struct tree_write *w,
		      struct outbox_letter **ret_letter)
{
	struct outbox_letter *letter;
	char *reason;
	int r = tree_write_take(ctx, w, &letter, &reason);

	if (r == 0 && !letter && w->pending) {
		/* Somebody removed it a moment ago. */
		r = -ENOENT;
	} else if (r == 0 && !letter) {
		r = tree_refuse(ctx, -EINVAL,
				"mv: there is nothing in it, and a message cannot be empty: rm "
				"it, or write something");
	}
	if (r && letter)
		outbox_letter_free(letter);
	else
		*ret_letter = letter;
	g_free(reason);
	return r;
}

/* The bytes of a scratch file become the new text of one's own message or of space.json, as
 * `sed -i` and editors that rename do it. */
static int scratch_to_edit(struct tree_ctx *ctx, struct pending *p, uint64_t onto,
			   struct tree_plan *plan)
{
	_cleanup_close_ int fd = -1;
	struct tree_write w;
	uint64_t state = 0;
	int64_t size;
	int r = tree_open_write(ctx, onto, true, &w);

	if (r)
		return r;
	r = draft_copy(p->draft, &fd, &size, &state);
	if (r == 0)
		r = draft_fill_fd(w.draft, fd);
	if (r == 0 && w.what == TREE_WRITE_OBJECT) {
		r = tree_plan_object(ctx, &w, plan);
	} else if (r == 0) {
		plan->action = TREE_DO_SEND;
		r = take_whole(ctx, &w, &plan->letter);
	}
	plan->state = state;
	tree_write_close(ctx->tree, &w);
	return r;
}

static int scratch_to_upload(struct tree_ctx *ctx, struct pending *p, const char *newname,
			     struct tree_plan *plan)
{
	struct tree_write w = {0};
	int r = tree_open_write(ctx, tree_ino(TREE_ATTACHMENT, p->row), false, &w);

	if (r)
		return r;
	/* It is opened as a scratch file and sent under its new name. */
	r = tree_write_aim(ctx, &w, newname);
	w.is_moved = true;
	if (r == 0)
		r = take_whole(ctx, &w, &plan->letter);
	plan->state = w.state;
	tree_write_close(ctx->tree, &w);
	return r;
}

static int refuse_empty(struct tree_ctx *ctx, const char *name)
{
	return tree_refuse(
		ctx, -ENODATA,
		"%s: what is to be put there is empty, and nothing empty is sent; rm "
		"deletes a message",
		name);
}

/* A file without bytes waits for them under its new name, which must be one that it could be
 * sent by. */
static int check_new_name(struct tree_ctx *ctx, const struct pending *p, const char *newname)
{
	struct tree_write aim = {.dir = p->dir};
	int r = tree_write_aim(ctx, &aim, newname);

	tree_write_close(ctx->tree, &aim);
	return r;
}

static int refuse_sent(struct tree_ctx *ctx, const char *name)
{
	return tree_refuse(ctx, -EPERM,
			   "mv %s: what was sent, or is being sent, keeps its name; to send it "
			   "under another, cp it",
			   name);
}

/* As for a write: a file cannot become a newer version of an older version, nor be called like
 * one. */
static int check_version(struct tree_ctx *ctx, uint64_t onto, const char *name)
{
	struct pending *p = pending_by_row(ctx->tree->pendings, tree_ino_row(onto));
	struct store_content content = {0};
	int r;

	if (p) {
		pending_unref(ctx->tree->pendings, &p);
		return 0;
	}
	r = store_content_get(ctx->conn, tree_ino_row(onto), &content);
	if (r == 0 && !content.gone)
		r = upload_check_newest(ctx, &content, name);
	store_content_clear(&content);
	return r == -ENOENT ? 0 : r;
}

/*
 * True if the rename gives the file a name that is not sent, and a person may believe that it is
 * sent by it (rsync --remove-source-files .bashrc). If there is such a file here, who renames
 * another onto it edits it, but for a program that made the other itself: that is its copy of what
 * it moves.
 */
static bool becomes_meant(struct tree_ctx *ctx, struct pending *p, const char *newname,
			  pid_t by)
{
	struct pendings *pendings = ctx->tree->pendings;
	_cleanup_gfree_ char *name = pending_dup_name(pendings, p);
	struct pending *there = pending_by_name(pendings, p->dir, newname);
	bool is_new = !there;

	pending_unref(pendings, &there);
	if (!name_is_meant(newname))
		return false;
	return is_new ? !name_is_meant(name) || name_is_made_for(name, newname)
		      : pending_is_made_by(pendings, p, by);
}

static int plan_rename_scratch(struct tree_ctx *ctx, struct pending *p, uint64_t newdir,
			       const char *newname, const struct name_birth *by,
			       struct tree_plan *plan)
{
	uint64_t onto = 0;
	int r;

	if (upload_dir(newdir) != p->dir)
		return -EXDEV;
	if (by->is_move && becomes_meant(ctx, p, newname, by->pid))
		return tree_refuse_to_keep(ctx, newname);
	if (name_is_scratch(newname) || name_is_left_by(newname, by->comm)) {
		plan->action = TREE_DO_RENAME_PENDING;
		plan->text = g_strdup(newname);
		return 0;
	}
	r = find(ctx, newdir, newname, &onto);
	if (r && r != -ENOENT)
		return r;
	if (r == 0 && tree_ino_kind(onto) != TREE_ATTACHMENT) {
		if (draft_size(p->draft) == 0)
			return refuse_empty(ctx, newname);
		plan->ino = onto;
		return scratch_to_edit(ctx, p, onto, plan);
	}
	if (onto)
		r = check_version(ctx, onto, newname);
	if (onto && r)
		return r;
	plan->ino = tree_ino(TREE_ATTACHMENT, p->row);
	if (draft_size(p->draft) > 0 && tree_object_in(tree_ino_kind(p->dir)))
		return tree_plan_moved_object(ctx, p, newname, plan);
	plan->text = g_strdup(newname);
	if (draft_size(p->draft) == 0) {
		plan->action = TREE_DO_NAME;
		return check_new_name(ctx, p, newname);
	}
	plan->action = TREE_DO_SEND;
	return scratch_to_upload(ctx, p, newname, plan);
}

/* Looks again for the local file that a letter names, which may exist by now. It is read with
 * the rights of the process that moves the letter; perhaps its writer could not read it. */
static int find_again(struct tree_ctx *ctx, struct outbox_letter *l)
{
	_cleanup_free_ char *reason = NULL;
	int r = tree_find_local(l, NULL, &reason);

	return r && reason ? tree_refuse(ctx, r, "%s", reason) : r;
}

/* A letter is sent as what it is. Moved onto a message it would become one more message under
 * another name, so that is refused. */
static int check_resend_name(struct tree_ctx *ctx, uint64_t dir, const char *name,
			     const char *newname)
{
	const struct tree_row *fixed = tree_fixed_child(tree_ino_kind(dir), newname);
	enum name_twin twin;
	size_t stem_len;

	if (fixed && !(fixed->flags & ROW_POST))
		return tree_refuse(ctx, -EPERM,
				   "%s: a letter cannot be moved onto it; cat it > %s", newname,
				   newname);
	/* `mv LETTER spaces/X/`: its own name has that form, too. */
	if (strcmp(name, newname) == 0 || !name_parse_message(newname, &stem_len, &twin))
		return 0;
	return tree_refuse(ctx, -EPERM,
			   "%s: a letter cannot be moved onto a message, nor get a message's "
			   "name; to send it move it to post, to edit a message cat it > the "
			   "message",
			   newname);
}

/* True for the name of a form, which takes the answers to its card. */
static bool names_form(const char *name)
{
	enum name_twin twin;
	size_t stem_len;

	return name_parse_message(name, &stem_len, &twin) && twin == NAME_SUBMIT_JSON;
}

/* A thread that the letter itself names, and not where it was written, is part of what it says. */
static void aim_again(struct outbox_letter *l, struct destination *to)
{
	if (!to->parent_id && !l->to.thread)
		to->parent_id = steal_ptr(&l->to.parent_id);
	destination_clear(&l->to);
	l->to = steal_destination(to);
	l->is_edit = false;
}

/* Plans to send an unsent letter that is moved to a post file or into a space. */
static int plan_resend(struct tree_ctx *ctx, int64_t n, const char *name, uint64_t newdir,
		       const char *newname, struct tree_plan *plan)
{
	struct outbox_letter *l = NULL;
	struct destination to = {0};
	/* After `mv unsent/LETTER SPACE/` the name is not one that somebody chose. */
	bool is_named = strcmp(name, newname) != 0;
	uint64_t form;
	int r;

	if (names_form(newname)) {
		r = find(ctx, newdir, newname, &form);
		return r ? r : tree_plan_resubmit(ctx, n, form, plan);
	}
	r = check_resend_name(ctx, newdir, name, newname);
	if (r == 0)
		r = tree_destination(ctx, newdir, &to);
	if (r == 0)
		r = tree_check_may_send(ctx, &to);
	if (r == 0)
		r = outbox_take(ctx->tree->config.outbox, n, &l);
	if (r == 0 && (l->form == LETTER_FILE ? !l->size : !l->body_len)) {
		outbox_letter_free(l);
		l = NULL;
		refuse_empty(ctx, newname);
		r = -ENODATA;
	}
	if (r == 0 && l->form == LETTER_JSON)
		r = find_again(ctx, l);
	if (r == 0 && l->form == LETTER_SUBMIT)
		r = tree_refuse(ctx, -EPERM,
				"%s: it answers a card, and is no message: mv it onto that "
				"card's .submit.json",
				name);
	if (r && l)
		outbox_letter_free(l);
	if (r == 0) {
		aim_again(l, &to);
		/* A file that is moved into the space itself under a new name is sent under
		 * that name. */
		if (is_named && (l->form == LETTER_FILE || l->local) &&
		    !tree_fixed_child(tree_ino_kind(upload_dir(newdir)), newname) &&
		    !name_is_scratch(newname)) {
			g_free(l->filename);
			l->filename = g_strdup(newname);
			g_clear_pointer(&l->content_type, g_free);
		}
		plan->action = TREE_DO_SEND;
		plan->letter = l;
		plan->n = n;
	}
	destination_clear(&to);
	return r;
}

/* A message never gives EXDEV, because mv would then copy it and delete the original. */
static int refuse_rename(struct tree_ctx *ctx, uint64_t ino, const char *name)
{
	if (tree_is_message(ino))
		return tree_refuse(
			ctx, -EPERM,
			"mv %s: a message keeps its name and its space (programs rename it "
			"that make a backup of it, as sed -i.bak, cp --backup and perl "
			"-pi.orig: do it without one); to send it elsewhere cat it > "
			"spaces/NAME/post",
			name);
	if (tree_ino_kind(ino) == TREE_MEMBER)
		return tree_refuse(ctx, -EPERM,
				   "mv %s: a membership is not renamed: touch members/ADDRESS "
				   "invites, rm removes",
				   name);
	if (tree_ino_kind(ino) == TREE_TEAM_SPACE)
		return tree_refuse(ctx, -EPERM,
				   "mv %s: a space stays in its team; to give it another title "
				   "mv spaces/%s spaces/NEW",
				   name, name);
	return tree_refuse(ctx, -EPERM,
			   "mv %s: it is part of what is shown here and keeps its name", name);
}

int tree_plan_rename(struct tree_ctx *ctx, uint64_t dir, const char *name, uint64_t newdir,
		     const char *newname, unsigned flags, const struct name_birth *by,
		     struct tree_plan *ret_plan)
{
	struct pendings *pendings = ctx->tree->pendings;
	struct tree_plan plan = {0};
	struct pending *p;
	uint64_t ino;
	int r = tree_check_change(ctx, dir, name);

	if (r == 0)
		r = tree_check_change(ctx, newdir, newname);
	if (r == 0 && (flags & ~(unsigned)RENAME_NOREPLACE))
		r = tree_refuse(ctx, -EINVAL, "%s: no two names can be exchanged here", name);
	if (r == 0)
		r = find(ctx, dir, name, &ino);
	if (r)
		return r;
	switch (tree_ino_kind(ino)) {
	case TREE_SPACE:
	case TREE_TEAM:
		r = plan_rename_room(ctx, ino, newdir, newname, &plan);
		break;
	case TREE_ATTACHMENT:
		p = pending_by_row(pendings, tree_ino_row(ino));
		if (p && (p->is_scratch || pending_waits(pendings, p)))
			r = plan_rename_scratch(ctx, p, newdir, newname, by, &plan);
		else
			r = refuse_sent(ctx, name);
		if (r == 0 && !plan.pending)
			plan.pending = steal_ptr(&p);
		pending_unref(pendings, &p);
		break;
	case TREE_WEBHOOK:
		r = webhook_plan_rename(ctx, ino, name, newdir, newname, &plan);
		if (r && plan.why)
			tree_refuse(ctx, r, "mv %s: %s", name, plan.why);
		break;
	case TREE_LETTER:
		r = plan_resend(ctx, tree_ino_row(ino), name, newdir, newname, &plan);
		break;
	default:
		r = refuse_rename(ctx, ino, name);
	}
	if (r)
		tree_plan_clear(ctx->tree, &plan);
	else
		*ret_plan = plan;
	return r;
}

/* ---- members ---- */

int tree_plan_invite(struct tree_ctx *ctx, uint64_t dir, const char *name,
		     struct tree_plan *ret_plan)
{
	struct tree_plan plan = {.action = TREE_DO_INVITE};
	struct store_room room = {0};
	int r = tree_check_change(ctx, dir, name);

	if (r)
		return r;
	if (!name_is_address(name))
		return tree_refuse(
			ctx, -EINVAL,
			"%s: that is no e-mail address; touch members/ADDRESS invites", name);
	r = tree_room(ctx, tree_ino_row(dir), &room);
	if (r == 0) {
		plan.room = room.rowid;
		plan.type = room.room.type;
		plan.room_id = g_strdup(room.room.id);
		plan.text = g_strdup(name);
		*ret_plan = plan;
	}
	store_room_clear(&room);
	return r;
}
