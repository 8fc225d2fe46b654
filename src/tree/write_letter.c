/* SPDX-License-Identifier: MIT */
/*
 * Editing letters in .sparkfs/unsent/.
 */
#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tree/internal.h"
#include "tree/write.h"

/* Loads the text of a letter. Its last newline was dropped and is added again, so that what is
 * appended begins a line. */
static int load_text(const struct outbox_letter *l, struct draft *draft)
{
	GString *text = g_string_new_len(l->body, (gssize)l->body_len);
	int r;

	if (!letter_form_is_json(l->form) && text->len)
		g_string_append_c(text, '\n');
	r = draft_load(draft, text->str, text->len);
	g_string_free(text, TRUE);
	return r;
}

/* Makes the draft for a letter, with the bytes of a file unless `truncate`; those of a text
 * come later. */
static int letter_draft(struct tree_ctx *ctx, const struct tree_write *w, bool truncate, int fd,
			struct draft **ret_draft)
{
	const char *name = w->name ? w->name : "file";

	if (w->form != LETTER_FILE)
		return draft_new(w->form, ctx->tree->config.state_dir, ret_draft);
	return truncate ? tree_spool_draft(ctx, &w->to, name, ret_draft)
			: tree_begin_with(ctx, w, name, fd, ret_draft);
}

/* Editing changes only the bytes of a letter; its destination stays. */
int tree_open_letter(struct tree_ctx *ctx, bool truncate, struct tree_write *w)
{
	struct outbox_letter *l;
	int r = outbox_take(ctx->tree->config.outbox, w->row, &l);

	if (r)
		return r;
	w->what = TREE_WRITE_LETTER;
	w->form = l->form;
	w->rewrites = w->row;
	w->is_edit = l->is_edit;
	w->to = steal_destination(&l->to);
	w->name = steal_ptr(&l->filename);
	r = letter_draft(ctx, w, truncate, l->fd, &w->draft);
	if (r == 0 && !truncate && l->form != LETTER_FILE)
		r = load_text(l, w->draft);
	outbox_letter_free(l);
	return r;
}
