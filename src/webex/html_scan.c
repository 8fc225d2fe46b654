/* SPDX-License-Identifier: MIT */
#include "webex/html_scan.h"

#include <string.h>

#include "base/chars.h"
#include "base/cleanup.h"

#define ENTITY_MAX 10

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

struct scan {
	const char *p;
	const struct html_sink *sink;
	void *arg;
	bool no_gt;	/* no '>' is left: every further '<' is text */
	bool no_quotes; /* a tag had an unclosed quote, so quotes are ignored from then on */
};

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
			return CHAR_REPLACEMENT;
	}
	return value != 0 && g_unichar_validate(value) ? value : CHAR_REPLACEMENT;
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

/* The '>' that ends the tag at s->p, honouring quotes; NULL if there is none. */
static const char *tag_end(struct scan *s)
{
	const char *p = s->p;

	while (!s->no_quotes) {
		p += strcspn(p, ">\"'");
		if (*p == '>')
			return p;
		const char *close = *p ? strchr(p + 1, *p) : NULL;
		if (!close)
			s->no_quotes = true;
		else
			p = close + 1;
	}
	p = s->no_gt ? NULL : strchr(s->p, '>');
	s->no_gt = !p;
	return p;
}

/* Moves behind `text` (case is ignored), or to the end. */
static void skip_behind(struct scan *s, const char *text)
{
	size_t len = strlen(text);

	for (; *s->p; s->p++) {
		if (g_ascii_strncasecmp(s->p, text, len) == 0) {
			s->p += len;
			return;
		}
	}
}

/* At a '<': true if it begins a tag or comment; then s->p stands behind that. */
static bool take_tag(struct scan *s)
{
	struct html_tag tag = {.at = s->p, .is_close = s->p[1] == '/'};
	const char *p = s->p + (tag.is_close ? 2 : 1);

	if (strncmp(s->p, "<!--", 4) == 0) {
		s->p += 4;
		skip_behind(s, "-->");
		return true;
	}
	if (!g_ascii_isalpha(*p) && (tag.is_close || (*p != '!' && *p != '?')))
		return false;
	const char *gt = tag_end(s);
	if (!gt)
		return false;
	/* A part of a longer name is none: <spark-mention> is no <spark>. */
	for (size_t i = 0; (g_ascii_isalnum(*p) || *p == '-') && i < HTML_TAG_NAME_MAX; i++)
		tag.name[i] = g_ascii_tolower(*p++);
	tag.end = s->p = gt + 1;
	if (!tag.is_close && strcmp(tag.name, "script") == 0)
		skip_behind(s, "</script>");
	else if (!tag.is_close && strcmp(tag.name, "style") == 0)
		skip_behind(s, "</style>");
	else
		s->sink->tag(s->arg, &tag);
	return true;
}

static void take_char(struct scan *s)
{
	gunichar c = g_utf8_get_char_validated(s->p, -1);

	if (c == (gunichar)-1 || c == (gunichar)-2) {
		s->p++;
		c = CHAR_REPLACEMENT;
	} else {
		s->p = g_utf8_next_char(s->p);
	}
	s->sink->text(s->arg, c, false, s->p);
}

void html_scan(const char *html, const struct html_sink *sink, void *arg)
{
	struct scan s = {.p = html, .sink = sink, .arg = arg};

	while (*s.p) {
		size_t len = 0;
		gunichar c = *s.p == '&' ? decode_entity(s.p, &len) : 0;
		if (c != 0) {
			s.p += len;
			sink->text(arg, c, true, s.p);
		} else if (*s.p != '<' || !take_tag(&s)) {
			take_char(&s);
		}
	}
}

/* ---- attributes ---- */

const char *html_attribute_raw(const char *tag, const char *end, const char *name,
			       size_t *ret_len)
{
	_cleanup_gfree_ char *wanted = g_strconcat(" ", name, "=", NULL);
	const char *at = memmem(tag, (size_t)(end - tag), wanted, strlen(wanted));

	if (!at)
		return NULL;
	at += strlen(wanted);
	if (at >= end || (*at != '"' && *at != '\''))
		return NULL;
	const char *quote = memchr(at + 1, *at, (size_t)(end - at - 1));
	if (!quote)
		return NULL;
	*ret_len = (size_t)(quote - at - 1);
	return at + 1;
}

char *html_attribute(const struct html_tag *tag, const char *name)
{
	size_t size, len;
	const char *raw = html_attribute_raw(tag->at, tag->end, name, &size);
	GString *out;

	if (!raw)
		return NULL;
	_cleanup_gfree_ char *text = g_utf8_make_valid(raw, (gssize)size);
	out = g_string_new(NULL);
	for (const char *p = text; *p;) {
		gunichar c = *p == '&' ? decode_entity(p, &len) : 0;
		g_string_append_unichar(out, c ? c : g_utf8_get_char(p));
		p = c ? p + len : g_utf8_next_char(p);
	}
	return g_string_free(out, FALSE);
}
