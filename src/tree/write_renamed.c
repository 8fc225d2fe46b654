/* SPDX-License-Identifier: MIT */
/*
 * What is written to a scratch file after it got a real name (mkstemp, write, rename, write on,
 * close). For an upload it becomes a new version. If the file became the text of a message,
 * that was finished by the rename, so what is written later is kept in unsent/.
 */
#include <errno.h>

#include "base/cleanup.h"
#include "tree/internal.h"
#include "tree/object.h"
#include "tree/write.h"

bool tree_write_was_renamed(struct tree *t, const struct tree_write *w)
{
	_cleanup_gfree_ char *name = NULL;

	return w->what == TREE_WRITE_SCRATCH && w->pending &&
	       pending_get_fate(t->pendings, w->pending, &name) != PENDING_STAYS;
}

/* True if the file was removed since; then what was written later is not wanted, either. */
static bool was_removed(struct tree_ctx *ctx, int64_t row)
{
	struct store_content content = {0};
	bool is_gone = store_content_get(ctx->conn, row, &content) == 0 && content.gone;

	store_content_clear(&content);
	return is_gone;
}

/* Opens the same draft under its new name. The caller drops it by tree_write_close. */
static int under_new_name(struct tree_ctx *ctx, struct pending *p, struct tree_write *ret_write)
{
	struct pendings *pendings = ctx->tree->pendings;
	enum pending_fate fate;

	*ret_write = (struct tree_write){
		.what = TREE_WRITE_UPLOAD,
		.kind = TREE_ATTACHMENT,
		.form = LETTER_FILE,
		.ino = tree_ino(TREE_ATTACHMENT, p->row),
		.dir = p->dir,
		.row = p->row,
		.content_row = p->content_row,
		.draft = draft_ref(p->draft),
		.pending = pending_ref(pendings, p),
	};
	/* Counts the open of the writer, if the entry is still there. */
	if (pending_opened(pendings, p, true))
		pending_unref(pendings, &ret_write->pending);
	fate = pending_get_fate(pendings, p, &ret_write->name);
	return fate == PENDING_IS_FILE ? tree_destination(ctx, p->dir, &ret_write->to) : -EIO;
}

static int take_renamed(struct tree_ctx *ctx, struct tree_write *renamed,
			struct outbox_letter **ret_letter, char **ret_reason, int r)
{
	if (r == 0)
		return tree_write_take(ctx, renamed, ret_letter, ret_reason);
	*ret_reason = g_strdup("it was written after its file had become the text of something "
			       "else");
	if (tree_write_take_raw(ctx, renamed, ret_letter))
		*ret_letter = NULL;
	return r;
}

int tree_write_take_renamed(struct tree_ctx *ctx, struct tree_write *w,
			    struct outbox_letter **ret_letter, char **ret_reason)
{
	struct tree_write renamed;
	int r;

	*ret_letter = NULL;
	*ret_reason = NULL;
	if (!draft_is_dirty(w->draft) || was_removed(ctx, w->content_row))
		return 0;
	r = under_new_name(ctx, w->pending, &renamed);
	renamed.by = &w->writer;
	if (r) {
		/* It is only kept; the person decides where to send it. */
		destination_clear(&renamed.to);
		renamed.to = destination_copy(&w->to);
	}
	r = take_renamed(ctx, &renamed, ret_letter, ret_reason, r);
	tree_write_close(ctx->tree, &renamed);
	return r;
}

static void nobody_waits(void *arg, int error, int64_t room, int64_t message)
{
	/* An error needs no handling here: unsent/ has the letter and last-error the reason. */
	(void)arg;
	(void)error;
	(void)room;
	(void)message;
}

void tree_write_send_left(struct tree *t, struct pending *p)
{
	const struct tree_object *object = tree_object_in(tree_ino_kind(p->dir));
	struct tree_ctx ctx = {.tree = t};
	struct outbox_letter *letter = NULL;
	_cleanup_gfree_ char *reason = NULL;
	struct tree_write renamed;
	int r;

	/* If it is open, the close of that handle sends it and comes here again. */
	if (draft_is_open(p->draft) || !draft_is_dirty(p->draft) ||
	    store_read_begin(t->config.store, &ctx.conn))
		return;
	r = under_new_name(&ctx, p, &renamed);
	if (r)
		renamed.to.place = g_strdup(object ? object->place : "scratch");
	r = take_renamed(&ctx, &renamed, &letter, &reason, r);
	store_read_end(ctx.conn);
	tree_say_why(&ctx);
	tree_write_close(t, &renamed);
	if (letter && r)
		outbox_keep(t->config.outbox, letter, reason ? reason : g_strerror(-r));
	else if (letter)
		outbox_send(t->config.outbox, letter, nobody_waits, NULL);
}
