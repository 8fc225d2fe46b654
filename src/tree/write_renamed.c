/* SPDX-License-Identifier: MIT */
/*
 * What is written to a passing file after it got a real name (mkstemp, write, rename, write on,
 * close): the name has changed, not who writes. Of an upload it is a new version; the text of a
 * message is finished by the rename, so it is kept.
 */
#include <errno.h>

#include "base/cleanup.h"
#include "tree/internal.h"
#include "tree/write.h"

bool tree_write_was_renamed(struct tree *t, const struct tree_write *w)
{
	_cleanup_gfree_ char *name = NULL;

	return w->what == TREE_WRITE_SCRATCH && w->pending &&
	       pending_get_fate(t->pendings, w->pending, &name) != PENDING_STAYS;
}

/* Whoever removed the file since did not want what was still to come either. */
static bool was_removed(struct tree_ctx *ctx, int64_t row)
{
	struct store_content content = {0};
	bool is_gone = store_content_get(ctx->conn, row, &content) == 0 && content.gone;

	store_content_clear(&content);
	return is_gone;
}

/* The same bytes under the name that they have now. Drop by tree_write_close. */
static int under_new_name(struct tree_ctx *ctx, const struct tree_write *w,
			  struct tree_write *ret_write)
{
	struct pendings *pendings = ctx->tree->pendings;
	enum pending_fate fate;

	*ret_write = (struct tree_write){
		.what = TREE_WRITE_UPLOAD,
		.kind = TREE_UPLOAD,
		.form = OUTBOX_FILE,
		.ino = w->ino,
		.dir = w->dir,
		.row = w->row,
		.content_row = w->content_row,
		.draft = draft_ref(w->draft),
		.pending = pending_ref(pendings, w->pending),
	};
	/* It is open: by who writes. */
	pending_opened(pendings, ret_write->pending, true);
	fate = pending_get_fate(pendings, w->pending, &ret_write->name);
	if (fate == PENDING_IS_FILE)
		return tree_write_aim_dir(ctx, w->dir, ret_write);
	/* Only kept: where it may be sent to is for the person to say. */
	ret_write->room = w->room;
	ret_write->room_id = g_strdup(w->room_id);
	ret_write->place = g_strdup(w->place);
	return -EIO;
}

int tree_write_take_renamed(struct tree_ctx *ctx, const struct tree_write *w,
			    struct outbox_letter **ret_letter, char **ret_reason)
{
	struct tree_write renamed;
	int r;

	*ret_letter = NULL;
	*ret_reason = NULL;
	if (!draft_is_dirty(w->draft) || was_removed(ctx, w->content_row))
		return 0;
	r = under_new_name(ctx, w, &renamed);
	if (r == 0) {
		r = tree_write_take(ctx, &renamed, ret_letter, ret_reason);
	} else {
		*ret_reason = g_strdup("it was written after its file had become the text of "
				       "something else");
		if (tree_write_take_raw(ctx, &renamed, ret_letter))
			*ret_letter = NULL;
	}
	tree_write_close(ctx->tree, &renamed);
	return r;
}
