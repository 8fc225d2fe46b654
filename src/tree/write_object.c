/* SPDX-License-Identifier: MIT */
/*
 * What was written into an object's file (object.h) gives a change, and a letter with the
 * written bytes, which is kept if the change fails.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "tree/api_internal.h"
#include "tree/internal.h"
#include "tree/object.h"
#include "tree/write.h"

/* ---- opening ---- */

int tree_open_object(struct tree_ctx *ctx, bool truncate, struct tree_write *w)
{
	GString *text;
	int r = w->kind == TREE_SPACE_JSON || w->kind == TREE_TEAM_JSON
			? tree_check_may_change(ctx, w->row)
			: 0;

	if (r)
		return r;
	w->what = TREE_WRITE_OBJECT;
	r = draft_new(w->form, ctx->tree->config.state_dir, &w->draft);
	if (r || truncate)
		return r;
	text = g_string_new(NULL);
	r = tree_render(ctx, w->ino, text);
	if (r == 0)
		r = draft_load(w->draft, text->str, text->len);
	g_string_free(text, TRUE);
	return r;
}

int tree_check_new_name(struct tree_ctx *ctx, uint64_t dir, const char *name)
{
	const struct tree_object *object = tree_object_in(tree_ino_kind(dir));

	return object ? object->check_name(ctx, name, 0, NULL)
		      : tree_check_file_name(ctx, name);
}

/* ---- what was written ---- */

/* What was taken of a draft: a text in memory, or a file. */
struct taken {
	char *json; /* owned; NULL: nothing was taken */
	size_t len;
	int fd; /* owned; -1: it was in memory */
	int64_t size;
};

static void taken_clear(struct taken *t)
{
	if (t->json)
		explicit_bzero(t->json, t->len);
	g_free(t->json);
	if (t->fd >= 0)
		close(t->fd);
}

/* Reads the text out of the file that was taken. -EFBIG: no object is that long. */
static int read_text(struct taken *t)
{
	size_t n = 0;

	if (t->size > DRAFT_JSON_MAX)
		return -EFBIG;
	t->json = g_malloc0((size_t)t->size + 1);
	t->len = (size_t)t->size;
	while (n < t->len) {
		ssize_t got = pread(t->fd, t->json + n, t->len - n, (off_t)n);

		if (got < 0 && errno != EINTR)
			return -errno;
		if (got == 0)
			return -EIO;
		n += got > 0 ? (size_t)got : 0;
	}
	return 0;
}

/* ---- the letter ---- */

static char *file_name(struct tree_ctx *ctx, const struct tree_write *w)
{
	const struct tree_object *object = tree_object_at(w->kind);
	const char *path = tree_is_asked(w->ino) ? w->name : NULL;
	char *name = NULL;

	if (path && g_str_has_prefix(path, API_PREFIX))
		path += strlen(API_PREFIX);
	if (path)
		return name_from_file(path, NAME_MAX_BYTES);
	if (w->pending)
		return w->is_moved ? g_strdup(w->name)
				   : pending_dup_name(ctx->tree->pendings, w->pending);
	g_assert(object);
	if (object->name)
		name = object->name(ctx, w->row);
	return name ? name : g_strdup(object->file);
}

/* The bytes in a file of the disk that will keep them. */
static int spool(struct tree_ctx *ctx, struct outbox_letter *l, const struct taken *t)
{
	_cleanup_free_ char *text = NULL;
	struct draft *draft = NULL;
	size_t len;
	ssize_t n;
	int r;

	if (t->fd >= 0) {
		l->fd = fd_dup_last(t->fd);
		l->size = t->size;
		return l->fd < 0 ? l->fd : 0;
	}
	r = tree_spool_draft(ctx, &l->to, l->filename, &draft);
	if (r)
		return r;
	n = draft_write(draft, t->json, t->len, 0, false);
	r = n < 0 ? (int)n : draft_take(draft, &text, &len, &l->fd, &l->size);
	draft_unref(&draft);
	return r;
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

/* Makes the letter, from which the text can be read and written again (cat LETTER >
 * space.json). */
static int new_letter(struct tree_ctx *ctx, const struct tree_write *w, const struct taken *t,
		      struct outbox_letter **ret_letter)
{
	const struct tree_object *object =
		w->pending ? tree_object_in(w->kind) : tree_object_at(w->kind);
	struct outbox_letter *l = outbox_letter_new(LETTER_FILE);
	int r;

	l->filename = file_name(ctx, w);
	if (tree_is_asked(w->ino))
		l->to.place = g_strdup("api");
	else if (object->place)
		l->to.place = g_strdup(object->place);
	else
		set_place(ctx, object->room(ctx, w->row), &l->to);
	r = spool(ctx, l, t);
	if (r)
		outbox_letter_free(l);
	else
		*ret_letter = l;
	return r;
}

int tree_keep_object(struct tree_ctx *ctx, struct tree_write *w,
		     struct outbox_letter **ret_letter)
{
	struct taken t = {.fd = -1};
	int r;

	*ret_letter = NULL;
	if (w->pending && pending_is_unlinked(ctx->tree->pendings, w->pending))
		return 0;
	r = draft_take_raw(w->draft, &t.json, &t.len, &t.fd, &t.size);
	if (r == 0 && (t.fd >= 0 ? t.size > 0 : t.len > 0))
		r = new_letter(ctx, w, &t, ret_letter);
	taken_clear(&t);
	return r;
}

bool tree_write_is_object(struct tree *t, struct tree_write *w)
{
	_cleanup_gfree_ char *name = NULL;

	if (w->what == TREE_WRITE_SCRATCH && tree_object_in(tree_ino_kind(w->dir)) &&
	    pending_get_fate(t->pendings, w->pending, &name) != PENDING_STAYS) {
		w->what = TREE_WRITE_OBJECT;
		w->kind = tree_ino_kind(w->dir);
	}
	return w->what == TREE_WRITE_OBJECT;
}

/* ---- the plan ---- */

static int plan_edit(struct tree_ctx *ctx, const struct tree_write *w, const struct taken *t,
		     struct tree_plan *plan)
{
	const struct tree_object *object = tree_object_at(w->kind);
	int r;

	if (tree_is_asked(w->ino))
		return api_plan_write(ctx, w, t->json, t->len, plan);
	r = object->plan(ctx, w->row, t->json, t->len, plan);

	if (r)
		return r;
	plan->action = object->update;
	/* The written text equals what is known; whether the server has the same is asked when the
	 * plan is submitted. */
	if (!plan->text) {
		plan->action = object->check;
		plan->text = g_strndup(t->json, t->len);
	}
	return 0;
}

static int plan_new(struct tree_ctx *ctx, const struct tree_write *w, struct taken *t,
		    struct tree_plan *plan)
{
	const struct tree_object *object = tree_object_in(w->kind);
	_cleanup_gfree_ char *name = file_name(ctx, w), *now = NULL;
	int r = read_text(t);

	if (r == 0 &&
	    pending_get_fate(ctx->tree->pendings, w->pending, &now) == PENDING_IS_TEXT)
		r = tree_refuse(ctx, -EIO,
				"%s: it was written after its file had become the %s: write "
				"to that",
				name, object->what);
	if (r == 0)
		r = object->make(ctx, name, t->json, t->len, plan);
	if (r)
		return r;
	plan->action = object->create;
	plan->pending = pending_ref(ctx->tree->pendings, w->pending);
	return 0;
}

/* Takes what is to be sent; nothing: *ret stays empty. */
static int take(struct tree_ctx *ctx, struct tree_write *w, struct taken *ret,
		uint64_t *ret_state)
{
	int r = 0;

	if (w->is_moved)
		r = draft_copy(w->draft, &ret->fd, &ret->size, ret_state);
	else if (w->pending && pending_is_unlinked(ctx->tree->pendings, w->pending))
		r = 0;
	else if (w->pending && draft_size(w->draft) > 0)
		r = draft_take_by(w->draft, w->by ? w->by : &w->writer, &ret->json, &ret->len,
				  &ret->fd, &ret->size);
	else if (!w->pending && draft_is_dirty(w->draft))
		r = draft_take(w->draft, &ret->json, &ret->len, &ret->fd, &ret->size);
	return r == -EAGAIN ? 0 : r;
}

int tree_plan_object(struct tree_ctx *ctx, struct tree_write *w, struct tree_plan *ret_plan)
{
	struct tree_plan plan = {.action = TREE_DO_NOTHING};
	struct taken t = {.fd = -1};
	bool is_there;
	int r = take(ctx, w, &t, &plan.state);

	is_there = r == 0 && (t.fd >= 0 || t.len);
	/* If the disk has no room for it, nothing is sent and the writer gets the error
	 * (outbox.h 2). */
	if (is_there)
		r = new_letter(ctx, w, &t, &plan.kept);
	if (r == 0 && is_there)
		r = w->pending ? plan_new(ctx, w, &t, &plan) : plan_edit(ctx, w, &t, &plan);
	if (r && plan.why) {
		_cleanup_gfree_ char *name = file_name(ctx, w);

		tree_refuse(ctx, r, "%s: %s", w->name ? w->name : name, plan.why);
	}
	taken_clear(&t);
	*ret_plan = plan;
	return r;
}

int tree_plan_moved_object(struct tree_ctx *ctx, struct pending *p, const char *newname,
			   struct tree_plan *plan)
{
	struct tree_write w = {0};
	int r = tree_open_write(ctx, tree_ino(TREE_ATTACHMENT, p->row), false, &w);

	if (r)
		return r;
	r = tree_write_aim(ctx, &w, newname);
	w.is_moved = true;
	if (r == 0)
		r = tree_plan_object(ctx, &w, plan);
	tree_write_close(ctx->tree, &w);
	return r;
}
