/* SPDX-License-Identifier: MIT */
/* HTML as text and as Markdown: what each tag means to the writer (html_write.h). */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "webex/html_scan.h"
#include "webex/html_write.h"
#include "webex/mention.h"
#include "webex/render.h"

#define TICKS_MAX 16
#define HREF_MAX 2048
/* Longer code within a line is a text, so that each byte is looked at only so often. */
#define CODE_MAX 1024

static const char *const blocks[] = {
	"p", "div", "dl", "dt", "dd", "table", "section", "article", "header", "footer",
};

static bool is_block(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(blocks); i++) {
		if (strcmp(blocks[i], name) == 0)
			return true;
	}
	return false;
}

static void on_text(void *arg, gunichar c, bool is_coded, const char *rest)
{
	struct writer *w = arg;
	bool is_space = c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';

	/* An encoded blank does not collapse. */
	if (!is_space || (is_coded && c == ' '))
		writer_put(w, c, rest);
	else if (w->pre == 0)
		writer_gap(w);
	else if (c == '\n')
		writer_line_break(w);
	else if (c == ' ' || c == '\t')
		writer_put(w, c, rest);
}

/* The length of a coded backtick; 0: it is something else. */
static size_t coded_tick(const char *p)
{
	const char *digits = p + 2;
	bool is_hex;

	if (p[0] != '&' || p[1] != '#')
		return 0;
	is_hex = *digits == 'x' || *digits == 'X';
	digits += is_hex;
	digits += strspn(digits, "0");
	return g_str_has_prefix(digits, is_hex ? "60;" : "96;") ? (size_t)(digits - p) + 3 : 0;
}

/* How many backticks must stand around what goes from `p` up to `close`, so that it can have some; 0:
 * too many. Tags leave nothing, so that those before and behind one are taken for one run. */
static int ticks_around(const char *p, const char *close, int least)
{
	int run = 0, longest = 0;
	bool is_torn = false;

	for (; p < close && longest < TICKS_MAX; p++) {
		size_t coded = coded_tick(p);

		if (*p == '`' || coded)
			run++;
		else if (*p == '<')
			is_torn |= run > 0;
		else if (!is_torn)
			run = 0;
		longest = MAX(longest, run);
		p += coded ? coded - 1 : 0;
	}
	if (longest >= TICKS_MAX)
		return 0;
	return longest == 0 ? least : MAX(longest + 1, MAX(least, 2));
}

/* Where the next "</code" behind `p` is, else the end. It is searched for again only behind it, so
 * that code that nobody closes costs no search each time. */
static const char *code_close(struct writer *w, const char *p)
{
	if (!w->code_close || w->code_close < p) {
		w->code_close = strcasestr(p, "</code");
		w->code_close = w->code_close ? w->code_close : p + strlen(p);
	}
	return w->code_close;
}

/* Backticks for the code behind the tag; 0: it is a text. */
static int ticks_of_code(struct writer *w, const struct html_tag *tag)
{
	const char *close = code_close(w, tag->end);

	return *close && close - tag->end < CODE_MAX ? ticks_around(tag->end, close, 1) : 0;
}

/* Backticks for a <pre>; 0: it is a text. What is looked at here is looked at once, because the
 * next <pre> that counts stands behind the close of this one. */
static int ticks_of_pre(const struct html_tag *tag)
{
	const char *close = strcasestr(tag->end, "</pre");

	return close ? ticks_around(tag->end, close, 3) : 0;
}

/* ---- the tags of Markdown ---- */

/* True for an address that is fit to be followed by a click. */
static bool is_address(const char *href)
{
	static const char *const bad[] = {"javascript:", "data:", "vbscript:"};

	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
		if (g_ascii_strncasecmp(href, bad[i], strlen(bad[i])) == 0)
			return false;
	return href[0] && strlen(href) <= HREF_MAX;
}

static void take_link(struct writer *w, const struct html_tag *tag)
{
	char *href;

	if (tag->is_close) {
		writer_close_mark(w, MARK_LINK);
		return;
	}
	href = html_attribute(tag, "href");
	if (href && is_address(g_strstrip(href)))
		writer_open_mark(w, MARK_LINK, 0, href);
	else
		g_free(href);
}

static void end_mention(struct writer *w)
{
	if (w->is_mention)
		g_string_append_c(w->out, '>');
	w->is_mention = w->is_muted = false;
}

static void take_mention(struct writer *w, const struct html_tag *tag)
{
	GString *head;

	if (tag->is_close)
		return;
	head = g_string_new(NULL);
	if (mention_head(head, tag->at, tag->end)) {
		writer_raw(w, head->str);
		/* That of a person has a name, that of all is complete. */
		w->is_muted = head->str[head->len - 1] == '>';
		w->is_mention = !w->is_muted;
	}
	g_string_free(head, TRUE);
}

static void take_code(struct writer *w, const struct html_tag *tag)
{
	_cleanup_gfree_ char *class = NULL;
	const char *language;
	int ticks;

	if (w->pre == 0 && tag->is_close) {
		writer_close_mark(w, MARK_CODE);
	} else if (w->pre == 0) {
		ticks = ticks_of_code(w, tag);
		if (ticks)
			writer_open_mark(w, MARK_CODE, ticks, NULL);
	} else if (!tag->is_close && !w->is_fenced && (class = html_attribute(tag, "class"))) {
		language =
			g_str_has_prefix(class, "language-") ? class + strlen("language-") : "";
		size_t len = strspn(language, "abcdefghijklmnopqrstuvwxyz0123456789+-_#");
		g_strlcpy(w->language, language, MIN(len + 1, sizeof(w->language)));
	}
}

/* True if the tag is one within a line that means something in Markdown. */
static bool take_inline(struct writer *w, const struct html_tag *tag)
{
	static const struct {
		const char *name;
		enum writer_mark mark;
	} marks[] = {
		{"b", MARK_STRONG},	  {"strong", MARK_STRONG}, {"i", MARK_EMPHASIS},
		{"em", MARK_EMPHASIS},	  {"s", MARK_DELETED},	   {"del", MARK_DELETED},
		{"strike", MARK_DELETED},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(marks); i++) {
		if (strcmp(marks[i].name, tag->name) != 0)
			continue;
		if (tag->is_close)
			writer_close_mark(w, marks[i].mark);
		else
			writer_open_mark(w, marks[i].mark, 0, NULL);
		return true;
	}
	if (strcmp(tag->name, "a") == 0)
		take_link(w, tag);
	else if (strcmp(tag->name, "code") == 0)
		take_code(w, tag);
	else if (strcmp(tag->name, "spark-mention") == 0)
		take_mention(w, tag);
	else
		return false;
	return true;
}

/* ---- the tags of both ---- */

static void take_list(struct writer *w, const struct html_tag *tag)
{
	_cleanup_gfree_ char *start = NULL;
	bool is_ordered = tag->name[0] == 'o';

	if (tag->is_close) {
		writer_close_block(w, false);
		return;
	}
	start = is_ordered ? html_attribute(tag, "start") : NULL;
	writer_open_block(w, false, is_ordered, start ? CLAMP(atoi(start), 0, 99) : 1);
}

static void take_pre(struct writer *w, const struct html_tag *tag)
{
	if (tag->is_close)
		writer_end_pre(w);
	else
		writer_begin_pre(w, w->pre || !w->is_markdown ? 0 : ticks_of_pre(tag));
}

/* True if the tag is a block that has marks of its own. */
static bool take_block(struct writer *w, const struct html_tag *tag)
{
	const char *name = tag->name;

	if (strcmp(name, "ul") == 0 || strcmp(name, "ol") == 0) {
		take_list(w, tag);
	} else if (strcmp(name, "li") == 0) {
		if (tag->is_close)
			writer_break(w, 1);
		else
			writer_item(w);
	} else if (strcmp(name, "blockquote") == 0) {
		if (tag->is_close)
			writer_close_block(w, true);
		else
			writer_open_block(w, true, false, 1);
	} else if (strcmp(name, "pre") == 0) {
		take_pre(w, tag);
	} else if (strcmp(name, "hr") == 0) {
		writer_rule(w);
	} else {
		return false;
	}
	return true;
}

static void on_tag(void *arg, const struct html_tag *tag)
{
	struct writer *w = arg;
	const char *name = tag->name;

	end_mention(w);
	if (strcmp(name, "br") == 0) {
		writer_line_break(w);
	} else if (name[0] == 'h' && name[1] >= '1' && name[1] <= '6' && !name[2]) {
		writer_break(w, 2);
		w->heading = tag->is_close ? 0 : name[1] - '0';
	} else if (strcmp(name, "tr") == 0) {
		writer_break(w, 1);
		w->is_hard = w->ends == 1;
	} else if (strcmp(name, "td") == 0 || strcmp(name, "th") == 0) {
		w->has_cell |= !tag->is_close;
	} else if (is_block(name)) {
		writer_break(w, 2);
	} else if (!take_block(w, tag) && w->is_markdown) {
		take_inline(w, tag);
	}
}

static bool convert(const char *html, bool is_markdown, GString *out)
{
	static const struct html_sink sink = {.text = on_text, .tag = on_tag};
	struct writer w = {
		.out = out, .start = out->len, .is_markdown = is_markdown, .is_exact = true};

	html_scan(html, &sink, &w);
	end_mention(&w);
	if (w.fence)
		writer_end_pre(&w);
	writer_close_marks(&w);
	while (out->len > w.start && strchr(" \t\n", out->str[out->len - 1]))
		g_string_truncate(out, out->len - 1);
	return w.is_exact;
}

bool webex_html_to_text(const char *html, GString *out)
{
	return convert(html, false, out);
}

bool webex_html_to_markdown(const char *html, GString *out)
{
	return convert(html, true, out);
}
