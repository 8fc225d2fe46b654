/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <string.h>

#include "webex/render.h"
#include "webex/text.h"

#define REPLACEMENT 0xFFFD
#define ENTITY_MAX 10
#define TAG_NAME_MAX 15

static const struct {
	const char *name;
	gunichar c;
} entities[] = {
	{"amp", '&'},	   {"lt", '<'},	      {"gt", '>'},	  {"quot", '"'},
	{"apos", '\''},	   {"nbsp", ' '},     {"hellip", 0x2026}, {"ndash", 0x2013},
	{"mdash", 0x2014}, {"lsquo", 0x2018}, {"rsquo", 0x2019},  {"ldquo", 0x201C},
	{"rdquo", 0x201D}, {"bdquo", 0x201E}, {"laquo", 0xAB},	  {"raquo", 0xBB},
	{"bull", 0x2022},  {"middot", 0xB7},  {"copy", 0xA9},	  {"reg", 0xAE},
	{"trade", 0x2122}, {"euro", 0x20AC},  {"pound", 0xA3},	  {"yen", 0xA5},
	{"cent", 0xA2},	   {"sect", 0xA7},    {"para", 0xB6},	  {"deg", 0xB0},
	{"plusmn", 0xB1},  {"times", 0xD7},   {"divide", 0xF7},	  {"micro", 0xB5},
	{"frac12", 0xBD},  {"auml", 0xE4},    {"ouml", 0xF6},	  {"uuml", 0xFC},
	{"Auml", 0xC4},	   {"Ouml", 0xD6},    {"Uuml", 0xDC},	  {"szlig", 0xDF},
	{"eacute", 0xE9},  {"egrave", 0xE8},  {"agrave", 0xE0},	  {"aacute", 0xE1},
	{"ccedil", 0xE7},  {"ntilde", 0xF1},  {"oacute", 0xF3},	  {"iacute", 0xED},
	{"rarr", 0x2192},  {"larr", 0x2190},
};

static const char *const blocks[] = {
	"p",  "div", "h1", "h2", "h3", "h4",	     "h5",  "h6",    "ul", "ol",
	"li", "dl",  "dt", "dd", "hr", "blockquote", "pre", "table", "tr", "section",
};

struct walk {
	const char *p;
	GString *out;
	size_t start;	/* where our part of `out` begins */
	int pre;	/* open <pre> elements: white space counts */
	bool gap;	/* white space was seen since the last character */
	bool no_gt;	/* no '>' is left: every further '<' is text */
	bool no_quotes; /* a tag had an unclosed quote, so quotes are ignored from then on */
};

static bool at_line_start(const struct walk *w)
{
	return w->out->len == w->start || w->out->str[w->out->len - 1] == '\n';
}

static void put_char(struct walk *w, gunichar c)
{
	if (w->gap && !at_line_start(w))
		g_string_append_c(w->out, ' ');
	w->gap = false;
	g_string_append_unichar(w->out, webex_char_is_unsafe(c) && c != '\t' ? REPLACEMENT : c);
}

static void put_newline(struct walk *w)
{
	w->gap = false;
	g_string_append_c(w->out, '\n');
}

/* Adds a character of the text; white space collapses outside of <pre>. */
static void put_text(struct walk *w, gunichar c)
{
	bool is_space = c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';

	if (!is_space)
		put_char(w, c);
	else if (w->pre == 0)
		w->gap = true;
	else if (c == '\n')
		put_newline(w);
	else if (c == ' ' || c == '\t')
		put_char(w, c);
}

static gunichar numeric_entity(const char *digits, size_t len)
{
	bool is_hex = len > 0 && (digits[0] == 'x' || digits[0] == 'X');
	gunichar value = 0;
	size_t i = is_hex ? 1 : 0;

	if (i == len)
		return 0;
	for (; i < len; i++) {
		int digit = is_hex ? g_ascii_xdigit_value(digits[i])
				   : g_ascii_digit_value(digits[i]);
		if (digit < 0)
			return 0;
		value = value * (is_hex ? 16 : 10) + (gunichar)digit;
		if (value > 0x10FFFF)
			return REPLACEMENT;
	}
	return value != 0 && g_unichar_validate(value) ? value : REPLACEMENT;
}

/* The entity at `p` ('&'), its length in *ret_len; 0 if it is none. */
static gunichar decode_entity(const char *p, size_t *ret_len)
{
	size_t len = strnlen(p + 1, ENTITY_MAX + 1);
	const char *end = memchr(p + 1, ';', len);

	if (!end)
		return 0;
	len = (size_t)(end - p - 1);
	*ret_len = len + 2;
	if (len > 1 && p[1] == '#')
		return numeric_entity(p + 2, len - 1);
	for (size_t i = 0; i < G_N_ELEMENTS(entities); i++) {
		if (strlen(entities[i].name) == len &&
		    memcmp(entities[i].name, p + 1, len) == 0)
			return entities[i].c;
	}
	return 0;
}

/* The '>' that ends the tag at w->p, honouring quotes; NULL if there is none. */
static const char *tag_end(struct walk *w)
{
	const char *p = w->p;

	while (!w->no_quotes) {
		p += strcspn(p, ">\"'");
		if (*p == '>')
			return p;
		const char *close = *p ? strchr(p + 1, *p) : NULL;
		if (!close)
			w->no_quotes = true;
		else
			p = close + 1;
	}
	p = w->no_gt ? NULL : strchr(w->p, '>');
	w->no_gt = !p;
	return p;
}

static bool is_block(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(blocks); i++) {
		if (strcmp(blocks[i], name) == 0)
			return true;
	}
	return false;
}

/* Moves behind `text` (case is ignored), or to the end. */
static void skip_behind(struct walk *w, const char *text)
{
	size_t len = strlen(text);

	for (; *w->p; w->p++) {
		if (g_ascii_strncasecmp(w->p, text, len) == 0) {
			w->p += len;
			return;
		}
	}
}

static void apply_tag(struct walk *w, const char *name, bool is_close)
{
	if (strcmp(name, "br") == 0) {
		put_newline(w);
		return;
	}
	if (!is_close && (strcmp(name, "script") == 0 || strcmp(name, "style") == 0)) {
		skip_behind(w, strcmp(name, "style") == 0 ? "</style>" : "</script>");
		return;
	}
	if (!is_block(name))
		return;
	w->gap = false;
	if (!at_line_start(w))
		put_newline(w);
	if (strcmp(name, "pre") == 0)
		w->pre = is_close ? MAX(w->pre - 1, 0) : w->pre + 1;
}

/* At a '<': true if it begins a tag or comment; then w->p stands behind that. */
static bool take_tag(struct walk *w)
{
	char name[TAG_NAME_MAX + 1];
	bool is_close = w->p[1] == '/';
	const char *p = w->p + (is_close ? 2 : 1);
	size_t len = 0;

	if (strncmp(w->p, "<!--", 4) == 0) {
		w->p += 4;
		skip_behind(w, "-->");
		return true;
	}
	if (!g_ascii_isalpha(*p) && (is_close || (*p != '!' && *p != '?')))
		return false;
	const char *end = tag_end(w);
	if (!end)
		return false;
	for (; g_ascii_isalnum(p[len]) && len < TAG_NAME_MAX; len++)
		name[len] = g_ascii_tolower(p[len]);
	name[len] = '\0';
	/* <spark-mention> and the like are no blocks, and neither is a part of such a name. */
	bool is_whole = !g_ascii_isalnum(p[len]) && p[len] != '-';
	w->p = end + 1;
	if (is_whole)
		apply_tag(w, name, is_close);
	return true;
}

static void take_char(struct walk *w)
{
	gunichar c = g_utf8_get_char_validated(w->p, -1);

	if (c == (gunichar)-1 || c == (gunichar)-2) {
		put_char(w, REPLACEMENT);
		w->p++;
		return;
	}
	w->p = g_utf8_next_char(w->p);
	put_text(w, c);
}

void webex_html_to_text(const char *html, GString *out)
{
	struct walk w = {.p = html, .out = out, .start = out->len};

	while (*w.p) {
		size_t len = 0;
		gunichar c = *w.p == '&' ? decode_entity(w.p, &len) : 0;
		if (c != 0) {
			/* An encoded space does not collapse; an encoded newline is treated as
			 * a plain one. */
			if (c == ' ')
				put_char(&w, c);
			else
				put_text(&w, c);
			w.p += len;
		} else if (*w.p != '<' || !take_tag(&w)) {
			take_char(&w);
		}
	}
	while (out->len > w.start && strchr(" \t\n", out->str[out->len - 1]))
		g_string_truncate(out, out->len - 1);
}
