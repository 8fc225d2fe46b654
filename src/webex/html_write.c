/* SPDX-License-Identifier: MIT */
#include "webex/html_write.h"

#include <string.h>

#include "base/chars.h"
#include "base/cleanup.h"

#define NUMBER_MAX 99
#define ENTITY_NAME_MAX 32

static bool is_empty(const struct writer *w)
{
	return w->out->len == w->start;
}

/* ---- the beginnings of lines ---- */

static void put_item_mark(struct writer *w, struct writer_block *b)
{
	gsize before = w->out->len;

	if (b->is_ordered)
		g_string_append_printf(w->out, "%d. ", MIN(b->number, NUMBER_MAX));
	else
		g_string_append(w->out, "- ");
	b->indent = (int)(w->out->len - before);
	b->is_new = false;
}

/* The marks of the quotes and items that the line is in. */
static void put_prefix(struct writer *w)
{
	for (int i = 0; i < w->depth; i++) {
		struct writer_block *b = &w->blocks[i];

		if (b->is_quote)
			g_string_append(w->out, "> ");
		else if (b->is_new)
			put_item_mark(w, b);
		else if (b->has_item)
			g_string_append_printf(w->out, "%*s", b->indent, "");
	}
}

/* An empty line has only the marks of quotes. */
static void put_empty_line(struct writer *w)
{
	for (int i = 0; i < w->depth && w->blocks[i].is_quote; i++)
		g_string_append_c(w->out, '>');
	g_string_append_c(w->out, '\n');
}

static void put_fence(struct writer *w)
{
	for (int i = 0; i < w->fence; i++)
		g_string_append_c(w->out, '`');
}

static void put_line_ends(struct writer *w)
{
	if (w->is_markdown && w->is_hard && w->ends == 1 && !w->fence)
		g_string_append(w->out, "  ");
	g_string_append_c(w->out, '\n');
	for (int i = 1; i < w->ends; i++)
		put_empty_line(w);
	w->ends = 0;
	w->is_hard = w->gap = w->has_cell = false;
}

/* Writes all that waits for the next character of the text. */
static void begin_char(struct writer *w)
{
	bool is_new_line = is_empty(w) || w->ends > 0;

	if (w->ends > 0)
		put_line_ends(w);
	if (is_new_line) {
		put_prefix(w);
		w->on_line = false;
		w->digits = 0;
	}
	if (w->fence && !w->is_fenced) {
		put_fence(w);
		g_string_append_printf(w->out, "%s\n", w->language);
		put_prefix(w);
		w->is_fenced = true;
	}
	if (w->heading && w->is_markdown) {
		for (int i = 0; i < w->heading; i++)
			g_string_append_c(w->out, '#');
		g_string_append_c(w->out, ' ');
		w->on_line = true;
	}
	w->heading = 0;
	if (w->has_cell && w->on_line)
		g_string_append(w->out, " | ");
	else if (w->gap && w->on_line)
		g_string_append_c(w->out, ' ');
	if ((w->has_cell || w->gap) && w->on_line)
		w->digits = -1;
	w->has_cell = w->gap = false;
}

/* ---- emphasis, code and links ---- */

static const char *mark_text(enum writer_mark mark)
{
	switch (mark) {
	case MARK_STRONG:
		return "**";
	case MARK_EMPHASIS:
		return "*";
	case MARK_DELETED:
		return "~~";
	case MARK_CODE:
	case MARK_LINK:
		break;
	}
	return "";
}

static bool in_code(const struct writer *w)
{
	for (int i = 0; i < w->opens; i++)
		if (w->open[i].mark == MARK_CODE)
			return true;
	return w->fence > 0;
}

static void put_ticks(struct writer *w, const struct writer_open *o, bool is_close)
{
	/* More than one: there are backticks inside, perhaps at an end. */
	if (is_close && o->ticks > 1)
		g_string_append_c(w->out, ' ');
	for (int i = 0; i < o->ticks; i++)
		g_string_append_c(w->out, '`');
	if (!is_close && o->ticks > 1)
		g_string_append_c(w->out, ' ');
}

static void write_mark(struct writer *w, struct writer_open *o)
{
	const char *text = mark_text(o->mark);

	if (w->closed_end == w->out->len && w->closed == o->mark && text[0]) {
		g_string_truncate(w->out, w->out->len - strlen(text));
	} else if (o->mark == MARK_CODE) {
		put_ticks(w, o, false);
	} else if (o->mark == MARK_LINK) {
		/* An image is another thing. */
		if (w->on_line && w->out->str[w->out->len - 1] == '!')
			g_string_insert_c(w->out, (gssize)w->out->len - 1, '\\');
		g_string_append_c(w->out, '[');
		o->begin = w->out->len;
	} else {
		g_string_append(w->out, text);
	}
	o->is_written = true;
	w->digits = -1;
	w->on_line = true;
}

static void begin_marks(struct writer *w)
{
	for (int i = 0; i < w->opens; i++)
		if (!w->open[i].is_written)
			write_mark(w, &w->open[i]);
}

static void put_href(struct writer *w, const char *href)
{
	for (const char *p = href; *p; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);
		const char *next = g_utf8_next_char(p);

		if (c > ' ' && !char_is_unsafe(c) && !strchr("()<>\\\"", (int)MIN(c, 0x7F))) {
			g_string_append_len(w->out, p, next - p);
			continue;
		}
		for (const char *b = p; b < next; b++)
			g_string_append_printf(w->out, "%%%02X", (guchar)*b);
	}
}

static void end_link(struct writer *w, const struct writer_open *o)
{
	const char *text = w->out->str + o->begin;

	/* An address that is shown as it is. */
	if (strcmp(text, o->href) == 0 && !strpbrk(text, " ()<>\\\"")) {
		g_string_erase(w->out, (gssize)o->begin - 1, 1);
		return;
	}
	g_string_append(w->out, "](");
	put_href(w, o->href);
	g_string_append_c(w->out, ')');
}

static void end_mark(struct writer *w, struct writer_open *o)
{
	if (o->is_written && o->mark == MARK_LINK) {
		end_link(w, o);
	} else if (o->is_written && o->mark == MARK_CODE) {
		put_ticks(w, o, true);
	} else if (o->is_written) {
		g_string_append(w->out, mark_text(o->mark));
		w->closed = o->mark;
		w->closed_end = w->out->len;
	}
	g_clear_pointer(&o->href, g_free);
}

void writer_open_mark(struct writer *w, enum writer_mark mark, int ticks, char *href)
{
	bool is_open = false;

	for (int i = 0; i < w->opens; i++)
		is_open |= w->open[i].mark == mark;
	if (is_open || w->opens == WRITER_MARKS || in_code(w)) {
		g_free(href);
		return;
	}
	w->open[w->opens++] = (struct writer_open){.mark = mark, .ticks = ticks, .href = href};
}

void writer_close_mark(struct writer *w, enum writer_mark mark)
{
	int i = w->opens;

	while (i > 0 && w->open[i - 1].mark != mark)
		i--;
	while (i > 0 && w->opens >= i)
		end_mark(w, &w->open[--w->opens]);
}

void writer_close_marks(struct writer *w)
{
	while (w->opens > 0)
		end_mark(w, &w->open[--w->opens]);
}

/* ---- characters ---- */

/* True if what follows the '&' would make an entity of it. */
static bool makes_entity(const char *rest)
{
	size_t len = *rest == '#';

	while (len < ENTITY_NAME_MAX && g_ascii_isalnum(rest[len]))
		len++;
	return len > (size_t)(*rest == '#') && rest[len] == ';';
}

/* True if a line that begins with the character would be something else than a paragraph. */
static bool begins_block(const struct writer *w, gunichar c, const char *rest)
{
	if (c == '.' || c == ')')
		return w->digits > 0 && w->digits < 10;
	if (w->on_line)
		return false;
	if (c == '-' || c == '+')
		return !*rest || strchr(" \t\n-+<&", *rest);
	return c == '#' || c == '>' || c == '=';
}

static bool is_markup(const struct writer *w, gunichar c)
{
	const char *end = w->out->str + w->out->len;
	gunichar before = w->on_line ? g_utf8_get_char(g_utf8_prev_char(end)) : ' ';

	if (c == '_')
		return !g_unichar_isalnum(before);
	if (c == '~')
		return before == '~' || !w->on_line;
	return c == '\\' || c == '`' || c == '*' || c == '[' || c == ']';
}

static void put_escaped(struct writer *w, gunichar c, const char *rest)
{
	if (c == '<' && (g_ascii_isalpha(*rest) || strchr("/!?@&<", *rest))) {
		g_string_append(w->out, "&lt;");
		return;
	}
	if (c == '&' && makes_entity(rest)) {
		g_string_append(w->out, "&amp;");
		return;
	}
	if (is_markup(w, c) || begins_block(w, c, rest))
		g_string_append_c(w->out, '\\');
	g_string_append_unichar(w->out, c);
}

static gunichar shown(struct writer *w, gunichar c)
{
	if (!char_is_unsafe(c) || c == '\t')
		return c;
	w->is_exact = false;
	return CHAR_REPLACEMENT;
}

void writer_put(struct writer *w, gunichar c, const char *rest)
{
	if (w->is_muted)
		return;
	c = shown(w, c);
	if (w->is_mention) {
		if (c != '|' && c != '<' && c != '>')
			g_string_append_unichar(w->out, c);
		return;
	}
	begin_char(w);
	begin_marks(w);
	if (w->is_markdown && !in_code(w))
		put_escaped(w, c, rest);
	else
		g_string_append_unichar(w->out, c);
	w->digits = w->digits >= 0 && c < 0x80 && g_ascii_isdigit((char)c) ? w->digits + 1 : -1;
	w->on_line = true;
}

void writer_gap(struct writer *w)
{
	if (w->is_mention)
		g_string_append_c(w->out, ' ');
	else if (!w->is_muted)
		w->gap = true;
}

void writer_raw(struct writer *w, const char *text)
{
	begin_char(w);
	begin_marks(w);
	g_string_append(w->out, text);
	w->digits = -1;
	w->on_line = true;
}

/* ---- lines and blocks ---- */

static bool is_at_item(const struct writer *w)
{
	return w->depth > 0 && !w->blocks[w->depth - 1].is_quote &&
	       w->blocks[w->depth - 1].is_new;
}

void writer_break(struct writer *w, int ends)
{
	writer_close_marks(w);
	w->gap = false;
	w->heading = 0;
	if (is_empty(w) || is_at_item(w))
		return;
	w->is_hard = false;
	w->ends = MAX(w->ends, w->is_markdown ? ends : 1);
}

void writer_line_break(struct writer *w)
{
	w->gap = false;
	/* Markdown has no empty lines within a paragraph. */
	if (w->is_markdown && !w->pre) {
		if (is_empty(w) || is_at_item(w))
			return;
		w->is_hard = w->ends == 0;
		w->ends = MIN(w->ends + 1, 2);
		/* An emphasis does not reach over an empty line. */
		if (w->ends == 2)
			writer_close_marks(w);
		return;
	}
	w->ends++;
}

void writer_open_block(struct writer *w, bool is_quote, bool is_ordered, int first)
{
	writer_break(w, w->depth > 0 && !is_quote ? 1 : 2);
	if (w->depth == WRITER_DEPTH)
		return;
	w->blocks[w->depth++] = (struct writer_block){
		.is_quote = is_quote, .is_ordered = is_ordered, .number = first - 1};
}

void writer_close_block(struct writer *w, bool is_quote)
{
	int i = w->depth;

	while (i > 0 && w->blocks[i - 1].is_quote != is_quote)
		i--;
	if (i > 0) {
		/* An item without a text leaves no mark. */
		w->blocks[i - 1].is_new = false;
		writer_break(w, i > 1 && !is_quote ? 1 : 2);
		w->depth = i - 1;
	} else {
		writer_break(w, 2);
	}
}

void writer_item(struct writer *w)
{
	int i = w->depth;
	struct writer_block *b;

	while (i > 0 && w->blocks[i - 1].is_quote)
		i--;
	if (i == 0) {
		writer_break(w, 1);
		return;
	}
	w->depth = i;
	b = &w->blocks[i - 1];
	b->is_new = false;
	writer_break(w, b->has_item ? 1 : w->ends);
	b->number++;
	b->has_item = b->is_new = true;
}

void writer_rule(struct writer *w)
{
	writer_break(w, 2);
	if (w->is_markdown)
		writer_raw(w, "---");
	writer_break(w, 2);
}

void writer_begin_pre(struct writer *w, int ticks)
{
	writer_break(w, 2);
	w->pre++;
	if (w->pre > 1 || !w->is_markdown)
		return;
	w->fence = ticks;
	w->is_fenced = false;
	w->language[0] = '\0';
}

void writer_end_pre(struct writer *w)
{
	if (w->pre == 0)
		return;
	w->pre--;
	if (w->pre == 0 && w->fence && w->is_fenced) {
		w->ends = 1;
		put_line_ends(w);
		put_prefix(w);
		put_fence(w);
	}
	if (w->pre == 0)
		w->fence = 0;
	writer_break(w, 2);
}
