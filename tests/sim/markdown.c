/* SPDX-License-Identifier: MIT */
#include "markdown.h"

#include <cmark.h>
#include <stdlib.h>
#include <string.h>

/*
 * Mentions are taken out before cmark and put back after it: as private characters they
 * pass through emphasis, lists and links unharmed.
 */
#define MARK_OPEN "\xee\x80\x80"  /* U+E000 */
#define MARK_CLOSE "\xee\x80\x81" /* U+E001 */

static void escape(GString *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '&')
			g_string_append(out, "&amp;");
		else if (*text == '<')
			g_string_append(out, "&lt;");
		else if (*text == '>')
			g_string_append(out, "&gt;");
		else if (*text == '"')
			g_string_append(out, "&quot;");
		else
			g_string_append_c(out, *text);
	}
}

static bool add_mentioned(struct rendered *r, struct person *p)
{
	if (!r->mentioned)
		r->mentioned = g_ptr_array_new();
	if (!g_ptr_array_find(r->mentioned, p, NULL))
		g_ptr_array_add(r->mentioned, p);
	return true;
}

/* The element for the inside of <@...>, or NULL when it names nobody. */
static char *mention_element(struct sim *sim, const char *inside, struct rendered *r)
{
	const char *colon = strchr(inside, ':');
	const char *bar = strchr(inside, '|');
	struct person *p = NULL;
	GString *out;
	char *key;

	if (!strcmp(inside, "all") || g_str_has_prefix(inside, "all|")) {
		r->mention_all = true;
		return g_strdup("<spark-mention data-object-type=\"groupMention\" "
				"data-group-type=\"all\">All</spark-mention>");
	}
	if (!colon || (bar && bar < colon))
		return NULL;
	key = bar ? g_strndup(colon + 1, (gsize)(bar - colon - 1)) : g_strdup(colon + 1);
	g_strstrip(key);
	if (g_str_has_prefix(inside, "personEmail:"))
		p = data_person_by_email(sim, key);
	else if (g_str_has_prefix(inside, "personId:"))
		p = data_person_by_id(sim, key);
	g_free(key);
	if (!p)
		return NULL;
	add_mentioned(r, p);
	out = g_string_new("<spark-mention data-object-type=\"person\" data-object-id=\"");
	ids_append_uuid(out, "us", "PEOPLE", &p->uuid);
	g_string_append(out, "\">");
	escape(out, bar && bar[1] ? bar + 1 : p->display);
	g_string_append(out, "</spark-mention>");
	return g_string_free(out, FALSE);
}

/* Replaces mentions by marks; the elements go to `elements` in order of their marks. */
static char *extract_mentions(struct sim *sim, const char *source, struct rendered *r,
			      GPtrArray *elements)
{
	GString *out = g_string_new(NULL);
	const char *p = source;

	while (*p) {
		const char *end = g_str_has_prefix(p, "<@") ? strchr(p, '>') : NULL;
		char *inside, *element;

		if (!end) {
			g_string_append_c(out, *p++);
			continue;
		}
		inside = g_strndup(p + 2, (gsize)(end - p - 2));
		element = mention_element(sim, inside, r);
		if (!element) {
			GString *lit = g_string_new("&lt;@");

			escape(lit, inside);
			g_string_append(lit, "&gt;");
			element = g_string_free(lit, FALSE);
		}
		g_string_append_printf(out, MARK_OPEN "%u" MARK_CLOSE, elements->len);
		g_ptr_array_add(elements, element);
		g_free(inside);
		p = end + 1;
	}
	return g_string_free(out, FALSE);
}

static char *insert_mentions(const char *with_marks, const GPtrArray *elements)
{
	GString *out = g_string_new(NULL);
	const char *p = with_marks;
	const char *mark;

	while ((mark = strstr(p, MARK_OPEN))) {
		char *end;
		unsigned long n = strtoul(mark + 3, &end, 10);

		g_string_append_len(out, p, mark - p);
		if (end != mark + 3 && g_str_has_prefix(end, MARK_CLOSE) && n < elements->len) {
			g_string_append(out, elements->pdata[n]);
			p = end + 3;
		} else {
			g_string_append(out, MARK_OPEN); /* typed by somebody */
			p = mark + 3;
		}
	}
	g_string_append(out, p);
	return g_string_free(out, FALSE);
}

static bool allowed_tag(const char *name, size_t len)
{
	static const char *const tags[] = {"p",	   "br",  "strong", "em",	  "b",	"i",
					   "code", "pre", "ul",	    "blockquote", "ol", "li",
					   "a",	   "h1",  "h2",	    "h3",	  "hr"};

	for (size_t i = 0; i < G_N_ELEMENTS(tags); i++) {
		if (strlen(tags[i]) == len && !g_ascii_strncasecmp(tags[i], name, len))
			return true;
	}
	return false;
}

/* Raw html of the author: bare whitelisted tags stay, everything else becomes text. */
static char *sanitize(const char *html)
{
	GString *out = g_string_new(NULL);

	while (*html) {
		const char *name = html + 1 + (*html == '<' && html[1] == '/');
		size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					  "0123456789-");
		const char *end = *html == '<' ? strchr(html, '>') : NULL;

		if (*html == '<' && end && len && allowed_tag(name, len)) {
			g_string_append(out, html[1] == '/' ? "</" : "<");
			g_string_append_len(out, name, (gssize)len);
			g_string_append_c(out, '>');
			html = end + 1;
			continue;
		}
		if (*html == '<')
			g_string_append(out, "&lt;");
		else
			g_string_append_c(out, *html);
		html++;
	}
	return g_string_free(out, FALSE);
}

static bool safe_url(const char *url)
{
	return g_str_has_prefix(url, "http://") || g_str_has_prefix(url, "https://") ||
	       g_str_has_prefix(url, "mailto:") || g_str_has_prefix(url, "webexteams:");
}

static void replace_link(cmark_node *link)
{
	const char *url = cmark_node_get_url(link);
	cmark_node *box = cmark_node_new(CMARK_NODE_CUSTOM_INLINE);
	GString *open = g_string_new("<a");
	cmark_node *child;

	if (safe_url(url)) {
		g_string_append(open, " href=\"");
		escape(open, url);
		g_string_append_c(open, '"');
	}
	g_string_append(open, " rel=\"nofollow\">");
	cmark_node_set_on_enter(box, open->str);
	cmark_node_set_on_exit(box, "</a>");
	while ((child = cmark_node_first_child(link)))
		cmark_node_append_child(box, child);
	cmark_node_replace(link, box);
	cmark_node_free(link);
	g_string_free(open, TRUE);
}

static void fix_tree(cmark_node *root)
{
	cmark_iter *it = cmark_iter_new(root);
	GPtrArray *links = g_ptr_array_new();
	cmark_event_type ev;

	while ((ev = cmark_iter_next(it)) != CMARK_EVENT_DONE) {
		cmark_node *node = cmark_iter_get_node(it);
		cmark_node_type type = cmark_node_get_type(node);

		if (ev != CMARK_EVENT_ENTER)
			continue;
		if (type == CMARK_NODE_HTML_INLINE || type == CMARK_NODE_HTML_BLOCK) {
			char *clean = sanitize(cmark_node_get_literal(node));

			cmark_node_set_literal(node, clean);
			g_free(clean);
		} else if (type == CMARK_NODE_LINK) {
			g_ptr_array_add(links, node);
		}
	}
	cmark_iter_free(it);
	/* Changing the tree under the iterator is not allowed; so afterwards. */
	for (guint i = 0; i < links->len; i++)
		replace_link(links->pdata[i]);
	g_ptr_array_free(links, TRUE);
}

/* The newlines that cmark writes between block tags mean nothing; the service has none. */
static char *tighten(const char *html)
{
	GString *out = g_string_new(NULL);
	bool pre = false;

	for (const char *p = html; *p; p++) {
		if (g_str_has_prefix(p, "<pre>"))
			pre = true;
		else if (g_str_has_prefix(p, "</pre>"))
			pre = false;
		if (*p == '\n' && !pre && out->len && out->str[out->len - 1] == '>' &&
		    (p[1] == '<' || !p[1]) && !g_str_has_suffix(out->str, "</a>") &&
		    !g_str_has_suffix(out->str, "</strong>") &&
		    !g_str_has_suffix(out->str, "</em>") &&
		    !g_str_has_suffix(out->str, "</code>") &&
		    !g_str_has_suffix(out->str, "</spark-mention>"))
			continue;
		g_string_append_c(out, *p);
	}
	while (out->len && out->str[out->len - 1] == '\n')
		g_string_truncate(out, out->len - 1);
	return g_string_free(out, FALSE);
}

void markdown_render(struct sim *sim, const char *source, struct rendered *ret_rendered)
{
	GPtrArray *elements = g_ptr_array_new_with_free_func(g_free);
	struct rendered r = {0};
	char *marked = extract_mentions(sim, source, &r, elements);
	cmark_node *root =
		cmark_parse_document(marked, strlen(marked), CMARK_OPT_VALIDATE_UTF8);
	char *raw, *tight;

	fix_tree(root);
	raw = cmark_render_html(root, CMARK_OPT_UNSAFE);
	cmark_node_free(root);
	r.markdown = insert_mentions(marked, elements);
	tight = tighten(raw);
	r.html = insert_mentions(tight, elements);
	r.text = html_to_text(r.html);
	free(raw);
	g_free(tight);
	g_free(marked);
	g_ptr_array_free(elements, TRUE);
	*ret_rendered = r;
}

static bool is_block_tag(const char *tag)
{
	static const char *const blocks[] = {"p",  "br", "li", "ul", "ol", "blockquote", "h1",
					     "h2", "h3", "h4", "h5", "h6", "hr",	 "pre"};
	size_t len;

	if (*tag == '/')
		tag++;
	len = strspn(tag, "abcdefghijklmnopqrstuvwxyz0123456789-");
	for (size_t i = 0; i < G_N_ELEMENTS(blocks); i++) {
		if (strlen(blocks[i]) == len && !strncmp(blocks[i], tag, len))
			return true;
	}
	return false;
}

static size_t entity(GString *out, const char *p)
{
	static const struct {
		const char *name, *text;
	} table[] = {{"&amp;", "&"},   {"&lt;", "<"},  {"&gt;", ">"},
		     {"&quot;", "\""}, {"&#39;", "'"}, {"&nbsp;", "\xc2\xa0"}};

	for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
		if (g_str_has_prefix(p, table[i].name)) {
			g_string_append(out, table[i].text);
			return strlen(table[i].name);
		}
	}
	return 0;
}

static void space(GString *out)
{
	if (out->len && out->str[out->len - 1] != ' ')
		g_string_append_c(out, ' ');
}

char *html_to_text(const char *html)
{
	GString *out = g_string_new(NULL);

	while (*html) {
		size_t n;

		if (*html == '<') {
			const char *end = strchr(html, '>');

			if (is_block_tag(html + 1))
				space(out);
			html = end ? end + 1 : html + strlen(html);
		} else if (*html == '\n') {
			space(out);
			html++;
		} else if (*html == '&' && (n = entity(out, html))) {
			html += n;
		} else {
			g_string_append_c(out, *html++);
		}
	}
	while (out->len && out->str[out->len - 1] == ' ')
		g_string_truncate(out, out->len - 1);
	return g_string_free(out, FALSE);
}
