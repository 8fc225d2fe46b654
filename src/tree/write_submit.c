/* SPDX-License-Identifier: MIT */
/*
 * Answers to cards: what is written into .submit.json goes the way of a post (outbox.h). It is checked
 * against the card as it was when the file was opened, whatever becomes of the message meanwhile.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/session.h"
#include "tree/internal.h"
#include "tree/write.h"
#include "webex/card.h"

static int load(struct tree_write *w)
{
	_cleanup_gfree_ char *inputs = webex_card_inputs(w->card);

	return draft_load(w->draft, inputs, strlen(inputs));
}

int tree_open_submit(struct tree_ctx *ctx, bool truncate, struct tree_write *w)
{
	struct store_message m = {0};
	int r = tree_message(ctx, w->row, &m);

	if (r)
		return r;
	w->what = TREE_WRITE_LETTER;
	w->card = steal_ptr(&m.m.attachments);
	if (!webex_card_is_any(w->card))
		r = -ENOENT;
	else if (!webex_card_is_form(w->card))
		r = tree_refuse(ctx, -EACCES,
				"%s.submit.json: this card has neither an input nor a button "
				"that sends something",
				m.stem);
	if (r == 0)
		r = tree_destination(ctx, tree_ino(TREE_SPACE, m.room), &w->to);
	w->to.message_id = g_strdup(m.m.id);
	store_message_clear(&m);
	if (r == 0)
		r = draft_new(w->form, ctx->tree->config.state_dir, &w->draft);
	return r || truncate ? r : load(w);
}

int tree_fill_submit(const struct tree_write *w, struct outbox_letter *l, char **ret_reason)
{
	return webex_card_submit(w->card, l->body, l->body_len, &l->inputs, ret_reason);
}

void tree_answered(struct tree *t, const struct outbox_letter *letter, const char *json)
{
	answers_put(t->answers, letter->session, json, strlen(json));
}

int tree_plan_resubmit(struct tree_ctx *ctx, int64_t n, uint64_t ino, struct tree_plan *plan)
{
	_cleanup_gfree_ char *reason = NULL;
	struct outbox_letter *l = NULL;
	struct tree_write w;
	int r = tree_open_write(ctx, ino, true, &w);

	if (r)
		return r;
	r = outbox_take(ctx->tree->config.outbox, n, &l);
	if (r == 0 && l->form != LETTER_SUBMIT)
		r = tree_refuse(ctx, -EPERM,
				"this letter answers no card: cat it > the .submit.json");
	if (r == 0)
		r = tree_fill_submit(&w, l, &reason);
	if (reason)
		tree_refuse(ctx, r, "submit.json: %s", reason);
	if (r == 0) {
		destination_clear(&l->to);
		l->to = steal_destination(&w.to);
		l->session = session_of(ctx->pid);
		plan->action = TREE_DO_SEND;
		plan->letter = steal_ptr(&l);
		plan->n = n;
	}
	outbox_letter_free(l);
	tree_write_close(ctx->tree, &w);
	return r;
}
