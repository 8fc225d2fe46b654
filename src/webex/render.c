/* SPDX-License-Identifier: MIT */
#include "webex/render.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/timefmt.h"
#include "webex/id.h"
#include "webex/text.h"

#define REPLACEMENT 0xFFFD

static const char mention_open[] = "<spark-mention";
static const char mention_close[] = "</spark-mention>";

static void end_line(GString *out, size_t start)
{
	if (out->len == start || out->str[out->len - 1] != '\n')
		g_string_append_c(out, '\n');
}

/* The value of the attribute `name` inside the tag [tag, end), or NULL. */
static const char *attribute(const char *tag, const char *end, const char *name,
			     size_t *ret_len)
{
	_cleanup_gfree_ char *wanted = g_strconcat(" ", name, "=\"", NULL);
	const char *at = memmem(tag, (size_t)(end - tag), wanted, strlen(wanted));

	if (!at)
		return NULL;
	at += strlen(wanted);
	const char *quote = memchr(at, '"', (size_t)(end - at));
	if (!quote)
		return NULL;
	*ret_len = (size_t)(quote - at);
	return at;
}

/* True if [tag, gt) with `name` could be written as Markdown's form of a mention. */
static bool append_mention(GString *out, const char *tag, const char *gt, const char *name,
			   size_t name_len)
{
	size_t type_len = 0, id_len = 0;
	const char *type = attribute(tag, gt, "data-object-type", &type_len);

	if (type && type_len == strlen("groupMention") &&
	    memcmp(type, "groupMention", type_len) == 0) {
		const char *group = attribute(tag, gt, "data-group-type", &id_len);
		_cleanup_gfree_ char *word =
			g_strndup(group ? group : "all", group ? id_len : 3);
		if (!webex_id_is_sane(word))
			return false;
		g_string_append_printf(out, "<@%s>", word);
		return true;
	}
	const char *id = attribute(tag, gt, "data-object-id", &id_len);
	_cleanup_gfree_ char *person = g_strndup(id ? id : "", id_len);
	if (!webex_id_is_sane(person))
		return false;
	g_string_append_printf(out, "<@personId:%s|", person);
	for (size_t i = 0; i < name_len; i++) {
		if (name[i] != '|' && name[i] != '>' && name[i] != '\n')
			g_string_append_c(out, name[i]);
	}
	g_string_append_c(out, '>');
	return true;
}

static void append_markdown(GString *out, const char *text)
{
	const char *at;

	while ((at = strstr(text, mention_open))) {
		/* Neither search goes past the next '<', so that each byte is looked at only a
		 * few times. */
		const char *gt = strpbrk(at + 1, "<>");
		const char *name = gt && *gt == '>' ? gt + 1 : NULL;
		const char *close = name ? strchr(name, '<') : NULL;
		if (!gt || (name && !close))
			break;
		g_string_append_len(out, text, at - text);
		if (close && g_str_has_prefix(close, mention_close) &&
		    append_mention(out, at, gt, name, (size_t)(close - name))) {
			text = close + strlen(mention_close);
		} else {
			g_string_append_len(out, at, (gssize)strlen(mention_open));
			text = at + strlen(mention_open);
		}
	}
	g_string_append(out, text);
}

static void append_placeholder(GString *out, const struct webex_message *m)
{
	for (char **name = m->file_names; name && *name; name++)
		g_string_append_printf(out, "[file: %s]\n", *name);
	for (char **url = m->file_names ? NULL : m->files; url && *url; url++) {
		size_t len;
		const char *id = webex_content_id(*url, &len);

		g_string_append_printf(out, "[file: %.*s]\n", (int)len, id);
	}
	if (m->files && *m->files)
		return;
	g_string_append(out, m->attachments ? "[card]\n" : "[empty message]\n");
}

void webex_render_txt(const struct webex_message *m, GString *out)
{
	size_t start = out->len;

	if (m->text)
		g_string_append(out, m->text);
	else if (m->markdown)
		append_markdown(out, m->markdown);
	else if (m->html)
		webex_html_to_text(m->html, out);
	if (out->len == start)
		append_placeholder(out, m);
	end_line(out, start);
}

size_t webex_render_txt_size(const struct webex_message *m)
{
	size_t len = m->text ? strlen(m->text) : 0;

	if (len > 0)
		return len + (m->text[len - 1] != '\n');
	GString *text = g_string_new(NULL);
	webex_render_txt(m, text);
	len = text->len;
	g_string_free(text, TRUE);
	return len;
}

void webex_render_md(const struct webex_message *m, GString *out)
{
	size_t start = out->len;

	if (!m->markdown) {
		webex_render_txt(m, out);
		return;
	}
	append_markdown(out, m->markdown);
	end_line(out, start);
}

static void append_escaped(GString *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
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
			g_string_append_c(out, *text);
			break;
		}
	}
}

void webex_render_html(const struct webex_message *m, GString *out)
{
	size_t start = out->len;

	if (m->html) {
		g_string_append(out, m->html);
		end_line(out, start);
		return;
	}
	GString *text = g_string_new(NULL);
	webex_render_txt(m, text);
	g_string_truncate(text, text->len - 1);
	g_string_append(out, "<p>");
	append_escaped(out, text->str);
	g_string_append(out, "</p>\n");
	g_string_free(text, TRUE);
}

/* `text` fit for a terminal; line ends of any kind become '\n', those at the end go. */
static char *clean_lines(const char *text)
{
	_cleanup_gfree_ char *valid = g_utf8_make_valid(text, -1);
	GString *out = g_string_new(NULL);

	for (const char *p = valid; *p; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);
		if (c == '\r' && p[1] == '\n')
			continue;
		if (c != '\n' && c != '\t' && webex_char_is_unsafe(c))
			c = REPLACEMENT;
		g_string_append_unichar(out, c);
	}
	while (out->len > 0 && out->str[out->len - 1] == '\n')
		g_string_truncate(out, out->len - 1);
	return g_string_free(out, FALSE);
}

void webex_render_transcript(const struct webex_message *m, GString *out)
{
	char when[TIME_LOCAL_SIZE];
	GString *text = g_string_new(NULL);

	webex_render_txt(m, text);
	_cleanup_gfree_ char *lines = clean_lines(text->str);
	_cleanup_gfree_ char *author =
		webex_text_line(m->person_email ? m->person_email : "unknown", 254);
	g_string_free(text, TRUE);
	time_format_local(m->created_ms, when);
	g_string_append_printf(out, "%s %s: %s", when, author, m->parent_id ? "↳ " : "");
	for (const char *p = lines; *p; p++) {
		g_string_append_c(out, *p);
		if (*p == '\n')
			g_string_append(out, "  ");
	}
	g_string_append_c(out, '\n');
}

/* ---- the size, without rendering ---- */

/* True for an address that a transcript shows unchanged. */
static bool is_plain_author(const char *email, size_t *ret_len)
{
	size_t len = 0;

	for (; email[len]; len++)
		if (email[len] <= ' ' || email[len] > '~' || len >= 254)
			return false;
	*ret_len = len;
	return len > 0;
}

/* Three bytes of U+2000..U+2FFF of which none is unsafe (webex_char_is_unsafe). */
static bool is_safe_e2(const uint8_t *p)
{
	return !(p[1] == 0x80 && p[2] >= 0xAA && p[2] <= 0xAE) &&
	       !(p[1] == 0x81 && p[2] >= 0xA6 && p[2] <= 0xA9);
}

/* True if clean_lines() leaves the first `len` bytes unchanged; *ret_newlines counts the line
 * ends in them. */
static bool is_clean(const char *text, size_t len, size_t *ret_newlines)
{
	const uint8_t *p = (const uint8_t *)text, *end = p + len;
	size_t newlines = 0;

	if (!g_utf8_validate(text, (gssize)len, NULL))
		return false;
	for (; p < end; p++) {
		if (*p == '\n')
			newlines++;
		else if ((*p < ' ' && *p != '\t') || *p == 0x7F ||
			 (*p == 0xC2 && p[1] < 0xA0) || (*p == 0xE2 && !is_safe_e2(p)))
			return false;
	}
	*ret_newlines = newlines;
	return true;
}

static size_t size_by_rendering(const struct webex_message *m)
{
	GString *out = g_string_new(NULL);
	size_t len;

	webex_render_transcript(m, out);
	len = out->len;
	g_string_free(out, TRUE);
	return len;
}

size_t webex_render_transcript_size(const struct webex_message *m)
{
	size_t len = m->text ? strlen(m->text) : 0, author, newlines;

	if (len == 0 || !m->person_email || !is_plain_author(m->person_email, &author))
		return size_by_rendering(m);
	while (len > 0 && m->text[len - 1] == '\n')
		len--;
	if (!is_clean(m->text, len, &newlines))
		return size_by_rendering(m);
	/* Time, blank, author, colon, blank; two blanks at the head of each further line. */
	return TIME_LOCAL_SIZE - 1 + 1 + author + 2 + (m->parent_id ? strlen("↳ ") : 0) + len +
	       2 * newlines + 1;
}
