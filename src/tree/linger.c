/* SPDX-License-Identifier: MIT */
/*
 * A file that waits for its bytes (an empty file) or for its name (a scratch file) does not
 * wait for ever: some time after its last close, and at unmount, it moves to unsent/, with the
 * reason.
 */
#include <errno.h>

#include "base/cleanup.h"
#include "tree/object.h"
#include "tree/submit.h"
#include "webex/media_type.h"

/* Addresses the letter to where the file would have gone. */
static void address(struct tree *t, const struct pending *p, bool is_scratch,
		    struct outbox_letter *l)
{
	struct tree_ctx ctx = {.tree = t};

	const struct tree_object *object = tree_object_in(tree_ino_kind(p->dir));

	if (object || is_scratch)
		l->to.place = g_strdup(object ? object->place : "scratch");
	if (object || store_read_begin(t->config.store, &ctx.conn))
		return;
	if (is_scratch)
		l->to.room = upload_room(&ctx, p->dir);
	else
		tree_destination(&ctx, p->dir, &l->to);
	store_read_end(ctx.conn);
	tree_ctx_clear(&ctx);
}

static const char *reason_of(bool is_scratch, bool at_unmount)
{
	if (!is_scratch)
		return "it is empty, and nothing empty is sent: write something to it, then "
		       "move it "
		       "to where it is to go";
	return at_unmount ? "a passing file that was never renamed, found at unmount"
			  : "a passing file that was not renamed for long after its last close";
}

/* True for a scratch file that nobody misses: it is empty, an editor's lock, or a backup of what
 * the server had when it was made. */
static bool is_litter(struct tree *t, struct pending *p)
{
	_cleanup_gfree_ char *name = pending_dup_name(t->pendings, p);

	return draft_size(p->draft) == 0 || name_is_lock(name) ||
	       pending_is_backup(t->pendings, p);
}

/* Moves it to unsent/. True: it is needed here no more. */
static bool keep(struct tree *t, struct pending *p, bool at_unmount)
{
	bool is_scratch = p->is_scratch;
	struct outbox_letter *l;
	mode_t mode;

	if (is_scratch && is_litter(t, p))
		return true;
	l = outbox_letter_new(LETTER_FILE);
	address(t, p, is_scratch, l);
	l->filename = pending_dup_name(t->pendings, p);
	pending_stat(t->pendings, p, &l->mtime_ms, &mode);
	if (draft_take_raw(p->draft, &l->body, &l->body_len, &l->fd, &l->size)) {
		outbox_letter_free(l);
		return false;
	}
	l->content_type = webex_media_type(l->filename, l->fd);
	return outbox_keep(t->config.outbox, l, reason_of(is_scratch, at_unmount)) == 0;
}

static void tell(const struct tree_invalidate *told, const struct pending *p, const char *name)
{
	told->inode(told->arg, tree_ino(TREE_ATTACHMENT, p->row));
	told->name(told->arg, p->dir, name);
	/* The kernel may know the name in files/ alone, or no longer. */
	told->inode(told->arg, p->dir);
	if (upload_files(p->dir))
		told->inode(told->arg, upload_files(p->dir));
}

static int64_t keep_all(struct tree *t, int64_t age_ms, const struct tree_invalidate *told)
{
	int64_t next_ms;
	GPtrArray *all = pending_take_old(t->pendings, age_ms, &next_ms);

	for (guint i = 0; i < all->len; i++) {
		struct pending *p = all->pdata[i];
		_cleanup_gfree_ char *name = pending_dup_name(t->pendings, p);
		/* A rename of it is on its way to the server. At unmount it is kept all the
		 * same, because nobody else keeps what was written since. */
		bool is_busy =
			age_ms < 0 ? file_is_being_sent(p) : !g_queue_is_empty(&p->changes);
		bool is_kept = !is_busy && keep(t, p, age_ms < 0);

		if (pending_let_go(t->pendings, p, is_kept || age_ms < 0) && told)
			tell(told, p, name);
		pending_unref(t->pendings, &p);
	}
	g_ptr_array_unref(all);
	return next_ms;
}

int64_t tree_keep_old(struct tree *t, const struct tree_invalidate *told)
{
	int64_t next_ms = keep_all(t, t->config.linger_ms, told);

	/* A file that could not be moved waits once more. */
	return next_ms >= 0 ? next_ms : tree_next_old_ms(t);
}

int64_t tree_next_old_ms(struct tree *t)
{
	return pending_next_ms(t->pendings, t->config.linger_ms);
}

void tree_keep_scratch(struct tree *t)
{
	keep_all(t, -1, NULL);
}
