/* SPDX-License-Identifier: MIT */
#include "webex/render.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/chars.h"
#include "base/cleanup.h"
#include "base/timefmt.h"
#include "webex/card.h"
#include "webex/id.h"
#include "webex/mention.h"
#include "webex/text.h"

static const char reply_mark[] = "↳ ";

static void end_line(GString *out, size_t start)
{
	if (out->len == start || out->str[out->len - 1] != '\n')
		g_string_append_c(out, '\n');
}

/* ---- the text that tells most ---- */

static size_t line_ends_within(const char *text)
{
	size_t len = strlen(text), n = 0;

	while (len > 0 && text[len - 1] == '\n')
		len--;
	for (size_t i = strspn(text, "\n"); i < len; i++)
		n += text[i] == '\n';
	return n;
}

/* True if `text` has the words of `source` and fewer lines: lists and paragraphs that the server has
 * put into one line (webex-api.md 6.1). */
static bool is_flattened(const char *text, const char *source)
{
	const char *p = source;

	if (line_ends_within(text) >= line_ends_within(source) ||
	    !g_utf8_validate(text, -1, NULL) || !g_utf8_validate(source, -1, NULL))
		return false;
	for (; *text; text = g_utf8_next_char(text)) {
		gunichar c = g_utf8_get_char(text);
		if (!g_unichar_isalnum(c))
			continue;
		while (*p && g_utf8_get_char(p) != c)
			p = g_utf8_next_char(p);
		if (!*p)
			return false;
		p = g_utf8_next_char(p);
	}
	return true;
}

/* Appends the text as the server has it. False: what stands there is not quite that. */
static bool append_raw_text(const struct webex_message *m, GString *out)
{
	GString *own = g_string_new(NULL);
	bool is_exact = true;

	if (m->html && !m->markdown)
		is_exact = webex_html_to_text(m->html, own);
	else if (m->markdown)
		mention_rewrite(own, m->markdown, MENTION_NAME);
	if (m->text && !(own->len > 0 && is_flattened(m->text, own->str))) {
		g_string_append(out, m->text);
		is_exact = true;
	} else {
		g_string_append_len(out, own->str, (gssize)own->len);
	}
	g_string_free(own, TRUE);
	return is_exact;
}

/* ---- .txt, .md, .html ---- */

/* A line for each file; what a file is called costs a request, which reading does not make. */
static void append_files(GString *out, const struct webex_message *m)
{
	for (char **name = m->file_names; name && *name; name++)
		g_string_append_printf(out, "[file: %s]\n", *name);
	for (char **url = m->file_names ? NULL : m->files; url && *url; url++)
		g_string_append(out, "[a file]\n");
}

static void append_placeholder(GString *out, const struct webex_message *m)
{
	append_files(out, m);
	if ((!m->files || !*m->files) && !m->attachments)
		g_string_append(out, "[empty message]\n");
}

/* Appends the words of the cards below what `out` has from `start` on. */
static void append_cards(GString *out, size_t start, const struct webex_message *m)
{
	if (!m->attachments)
		return;
	if (out->len > start)
		end_line(out, start);
	webex_card_text(m->attachments, start, out);
}

/* Appends the text fit for a terminal. True if it is exact. */
static bool append_text(const struct webex_message *m, GString *out)
{
	GString *raw;
	bool is_exact;

	if (m->text && !m->markdown && !m->html)
		return webex_text_clean(m->text, out);
	raw = g_string_new(NULL);
	is_exact = append_raw_text(m, raw);
	is_exact &= webex_text_clean(raw->str, out);
	g_string_free(raw, TRUE);
	return is_exact;
}

/* *ret_has_text: else there is a placeholder. True: it is exact. */
static bool append_txt_of(const struct webex_message *m, GString *out, bool *ret_has_text)
{
	size_t start = out->len;
	bool is_exact = append_text(m, out);

	*ret_has_text = out->len > start;
	if (!*ret_has_text)
		append_placeholder(out, m);
	append_cards(out, start, m);
	end_line(out, start);
	return is_exact;
}

static bool append_txt(const struct webex_message *m, GString *out)
{
	bool has_text;

	return append_txt_of(m, out, &has_text);
}

void webex_render_txt(const struct webex_message *m, GString *out)
{
	append_txt(m, out);
}

void webex_markdown_source(const char *markdown, GString *out)
{
	mention_rewrite(out, markdown, MENTION_SOURCE);
}

static bool append_md(const struct webex_message *m, GString *out)
{
	size_t start = out->len;
	bool is_exact = true;
	GString *source;

	if (m->markdown) {
		source = g_string_new(NULL);
		webex_markdown_source(m->markdown, source);
		is_exact = webex_text_clean(source->str, out);
		g_string_free(source, TRUE);
	} else if (m->html) {
		is_exact = webex_html_to_markdown(m->html, out);
	}
	if (!m->markdown && out->len == start)
		return append_txt(m, out);
	append_cards(out, start, m);
	end_line(out, start);
	return is_exact;
}

void webex_render_md(const struct webex_message *m, GString *out)
{
	append_md(m, out);
}

bool webex_render_is_exact(const struct webex_message *m)
{
	GString *out = g_string_new(NULL);
	bool is_exact = m->markdown ? append_md(m, out) : append_txt(m, out);

	g_string_free(out, TRUE);
	return is_exact;
}

/* What a terminal would obey is written as a reference, which a browser reads as the character.
 * It reads one to C1 as another character. */
static void append_escaped_char(GString *out, gunichar c)
{
	switch (c) {
	case '&':
		g_string_append(out, "&amp;");
		break;
	case '<':
		g_string_append(out, "&lt;");
		break;
	case '>':
		g_string_append(out, "&gt;");
		break;
	case '\n':
		g_string_append(out, "<br/>");
		break;
	default:
		if (c == '\t' || !char_is_unsafe(c))
			g_string_append_unichar(out, c);
		else if (c >= 0x7F && c < 0xA0)
			g_string_append_unichar(out, CHAR_REPLACEMENT);
		else
			g_string_append_printf(out, "&#%u;", c);
		break;
	}
}

static void append_escaped(GString *out, const char *text)
{
	for (const char *p = text; *p; p = g_utf8_next_char(p)) {
		if (*p != '\r' || p[1] != '\n')
			append_escaped_char(out, g_utf8_get_char(p));
	}
}

void webex_render_html(const struct webex_message *m, GString *out)
{
	size_t start = out->len;
	GString *text;

	if (m->html) {
		g_string_append(out, m->html);
		end_line(out, start);
		return;
	}
	text = g_string_new(NULL);
	append_raw_text(m, text);
	if (!text->len)
		append_placeholder(text, m);
	append_cards(text, 0, m);
	if (text->str[text->len - 1] == '\n')
		g_string_truncate(text, text->len - 1);
	_cleanup_gfree_ char *valid = g_utf8_make_valid(text->str, (gssize)text->len);
	g_string_append(out, "<p>");
	append_escaped(out, valid);
	g_string_append(out, "</p>\n");
	g_string_free(text, TRUE);
}

/* ---- transcripts ---- */

static void trim_line_ends(GString *text)
{
	while (text->len > 0 && text->str[text->len - 1] == '\n')
		g_string_truncate(text, text->len - 1);
}

/* Makes what append_txt_of() gave what a transcript says after the author: lines, of which the last
 * has no end. */
static void make_lines(const struct webex_message *m, GString *txt, bool has_text)
{
	trim_line_ends(txt);
	if (!has_text || !m->files || !m->files[0])
		return;
	g_string_append_c(txt, '\n');
	append_files(txt, m);
	trim_line_ends(txt);
}

/* Of an address what stands before the "@": the line of the root itself has all of it. */
static size_t short_len(const struct webex_root *root)
{
	const char *at = root->author_len ? memrchr(root->author, '@', root->author_len) : NULL;

	return at && at > root->author ? (size_t)(at - root->author) : root->author_len;
}

/* What stands in place of a time, "unknown-" and digits of the root's id. */
#define UNKNOWN "unknown-"
#define UNKNOWN_DIGITS 8

static void append_unknown(const char *root_id, GString *out)
{
	char hex[WEBEX_ID_HEX_SIZE];

	webex_id_hex(root_id, hex);
	g_string_append_printf(out, UNKNOWN "%.*s", UNKNOWN_DIGITS, hex);
}

/* The parts of what time_format_local() gives. */
#define DATE_BYTES 10
#define TIME_BYTES 5

static void append_root(const struct webex_message *m, const struct webex_root *root,
			GString *out)
{
	char when[TIME_LOCAL_SIZE];
	size_t skip, name = short_len(root);

	g_string_append_c(out, '(');
	if (name) {
		g_string_append_len(out, root->author, (gssize)name);
		g_string_append_c(out, ' ');
	}
	if (root->created_ms >= 0) {
		time_format_local(root->created_ms, when);
		skip = time_is_same_day(m->created_ms, root->created_ms) ? DATE_BYTES + 1 : 0;
		g_string_append_len(out, when + skip,
				    (gssize)(DATE_BYTES + 1 + TIME_BYTES - skip));
	} else {
		append_unknown(m->parent_id, out);
	}
	g_string_append(out, ") ");
}

size_t webex_render_root_size(int64_t created_ms, const struct webex_root *root)
{
	size_t name = short_len(root), when = strlen(UNKNOWN) + UNKNOWN_DIGITS;

	if (root->created_ms >= 0)
		when = time_is_same_day(created_ms, root->created_ms)
			       ? TIME_BYTES
			       : DATE_BYTES + 1 + TIME_BYTES;
	return 1 + name + (name ? 1 : 0) + when + 2;
}

void webex_render_transcript(const struct webex_message *m, const char *author,
			     size_t author_len, const struct webex_root *root, GString *out)
{
	GString *lines = g_string_new(NULL);
	char when[TIME_LOCAL_SIZE];
	bool has_text;

	append_txt_of(m, lines, &has_text);
	make_lines(m, lines, has_text);
	time_format_local(m->created_ms, when);
	g_string_append_printf(out, "%s %.*s: %s", when, (int)author_len, author,
			       m->parent_id ? reply_mark : "");
	if (m->parent_id && root)
		append_root(m, root, out);
	for (const char *p = lines->str; *p; p++) {
		g_string_append_c(out, *p);
		if (*p == '\n')
			g_string_append(out, "  ");
	}
	g_string_append_c(out, '\n');
	g_string_free(lines, TRUE);
}

/* ---- the sizes ---- */

/* Of a line of a transcript: time, blank, author, colon, blank, the mark of a reply; two blanks at the
 * head of each further line. */
static size_t transcript_size(const struct webex_message *m, size_t author_len, size_t len,
			      size_t newlines)
{
	return TIME_LOCAL_SIZE - 1 + 1 + author_len + 2 +
	       (m->parent_id ? strlen(reply_mark) : 0) + len + 2 * newlines + 1;
}

static size_t count_line_ends(const char *text, size_t len)
{
	size_t n = 0;

	for (const char *p = text; (p = memchr(p, '\n', len - (size_t)(p - text))); p++)
		n++;
	return n;
}

/* The sizes of a message that is nothing but a text that is shown as it is. */
static bool sizes_of_plain(const struct webex_message *m, size_t author_len,
			   struct webex_sizes *ret_sizes)
{
	size_t len = m->text ? strlen(m->text) : 0;

	if (len == 0 || m->markdown || m->html || (m->files && m->files[0]) || m->attachments ||
	    !webex_text_is_clean(m->text, len))
		return false;
	ret_sizes->txt = len + (m->text[len - 1] != '\n');
	while (len > 0 && m->text[len - 1] == '\n')
		len--;
	ret_sizes->transcript =
		transcript_size(m, author_len, len, count_line_ends(m->text, len));
	ret_sizes->is_exact = true;
	return true;
}

void webex_render_sizes(const struct webex_message *m, size_t author_len,
			struct webex_sizes *ret_sizes)
{
	GString *text;
	bool has_text;

	if (sizes_of_plain(m, author_len, ret_sizes))
		return;
	text = g_string_new(NULL);
	ret_sizes->is_exact = append_txt_of(m, text, &has_text);
	ret_sizes->txt = text->len;
	make_lines(m, text, has_text);
	ret_sizes->transcript = transcript_size(m, author_len, text->len,
						count_line_ends(text->str, text->len));
	g_string_free(text, TRUE);
	if (m->markdown)
		ret_sizes->is_exact = webex_render_is_exact(m);
}
