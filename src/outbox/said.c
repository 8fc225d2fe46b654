/* SPDX-License-Identifier: MIT */
#include "outbox/said.h"

#include <glib.h>
#include <string.h>

#include "outbox/letter.h"
#include "webex/model.h"
#include "webex/render.h"
#include "webex/same.h"

void said_clear(struct said *said)
{
	g_clear_pointer(&said->text, g_free);
	g_clear_pointer(&said->markdown, g_free);
}

bool said_by(const struct outbox_letter *l, struct said *ret_said)
{
	struct webex_local raw = {0};

	*ret_said = (struct said){0};
	switch (l->form) {
	case LETTER_SUBMIT:
		return false;
	case LETTER_TEXT:
		ret_said->text = g_strdup(l->body);
		break;
	case LETTER_MARKDOWN:
		ret_said->markdown = g_strdup(l->body);
		break;
	case LETTER_FILE:
		ret_said->text = g_strdup(l->text);
		ret_said->markdown = g_strdup(l->markdown);
		break;
	case LETTER_JSON:
		if (!l->body || !webex_post_says(l->body, l->body_len, &raw))
			return false;
		ret_said->text = raw.text;
		ret_said->markdown = raw.markdown;
		g_free(raw.parent_id);
		break;
	}
	return true;
}

bool said_is_comparable(const struct outbox_letter *l)
{
	struct said said;
	bool is = said_by(l, &said);

	said_clear(&said);
	return is;
}

/* The server rewrites mentions; webex_markdown_source writes them back. */
static bool is_same_markdown(const struct webex_message *m, const char *markdown)
{
	GString *source;
	bool is_same;

	if (!m->markdown)
		return false;
	if (webex_is_same_text(m->markdown, markdown))
		return true;
	source = g_string_new(NULL);
	webex_markdown_source(m->markdown, source);
	is_same = webex_is_same_text(source->str, markdown);
	g_string_free(source, TRUE);
	return is_same;
}

bool said_is_in(const struct said *said, const struct webex_message *m)
{
	/* A text beside Markdown is for programs that cannot show that; the server may make its own. */
	return said->markdown ? is_same_markdown(m, said->markdown)
			      : webex_is_same_text(m->text, said->text);
}

static bool is_same(const char *a, const char *b)
{
	return !a || !b ? a == b : webex_is_same_text(a, b);
}

bool said_is_same(const struct outbox_letter *a, const struct outbox_letter *b)
{
	struct said left = {0}, right = {0};
	bool is = (a->form == LETTER_FILE) == (b->form == LETTER_FILE);

	if (is && a->form == LETTER_FILE)
		return g_strcmp0(a->filename, b->filename) == 0;
	is = is && said_by(a, &left) && said_by(b, &right);
	if (is && (left.markdown || right.markdown))
		is = is_same(left.markdown, right.markdown);
	else if (is)
		is = is_same(left.text, right.text);
	said_clear(&left);
	said_clear(&right);
	return is;
}

bool said_may_change(const struct outbox_letter *l)
{
	struct said said;
	bool may = said_by(l, &said) && l->form != LETTER_FILE && said.markdown &&
		   (said.text || strstr(said.markdown, "<@"));

	said_clear(&said);
	return may;
}
