/* SPDX-License-Identifier: MIT */
/*
 * The forms of a message that has a card: .card.json, the card as it is, and .submit.json, what it asks
 * for. What is written there: write_submit.c.
 */
#include <errno.h>

#include "base/cleanup.h"
#include "tree/internal.h"
#include "webex/card.h"

/* Appends the file; -ENOENT: the message has no card. *ret_is_form (may be NULL): something can be
 * sent. */
static int render(struct tree_ctx *ctx, uint64_t ino, GString *out, bool *ret_is_form)
{
	bool is_submit = tree_ino_kind(ino) == TREE_MESSAGE_SUBMIT;
	struct store_message m = {0};
	_cleanup_gfree_ char *json = NULL;
	int r = tree_message(ctx, tree_ino_row(ino), &m);

	if (r)
		return r;
	json = is_submit ? webex_card_inputs(m.m.attachments)
			 : webex_card_json(m.m.attachments);
	if (ret_is_form)
		*ret_is_form = is_submit && webex_card_is_form(m.m.attachments);
	store_message_clear(&m);
	if (!json)
		return -ENOENT;
	g_string_append(out, json);
	return 0;
}

static int card_render(struct tree_ctx *ctx, uint64_t ino, GString *out)
{
	return render(ctx, ino, out, NULL);
}

static int card_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	_cleanup_(cleanup_free) char *stem = NULL;
	struct store_brief brief;
	GString *text;
	bool deleted, is_form;
	int64_t room;
	int r;

	r = store_message_brief(ctx->conn, tree_ino_row(ino), &brief, &stem, &room, &deleted);
	/* What has no card costs no body. */
	if (r == 0 && (deleted || !brief.has_card))
		r = -ENOENT;
	if (r)
		return r;
	text = g_string_new(NULL);
	r = render(ctx, ino, text, &is_form);
	if (r == 0) {
		tree_set_size(attr, (int64_t)text->len);
		tree_set_times(attr, store_brief_ms(&brief));
		attr->st.st_nlink = 2;
		if (is_form)
			attr->st.st_mode |= 0222;
	}
	g_string_free(text, TRUE);
	return r;
}

/* clang-format off */
const struct tree_row cards_rows[] = {
	{ TREE_MESSAGE_CARD, "message.card.json", TREE_NONE, NULL, FILE_RO, ROW_MESSAGE, .attr = card_attr, .open = message_open, .render = card_render },
	{ TREE_MESSAGE_SUBMIT, "message.submit.json", TREE_NONE, NULL, FILE_RO, ROW_MESSAGE, LETTER_SUBMIT, .attr = card_attr, .open = message_open, .render = card_render },
	ROWS_END,
};
/* clang-format on */
