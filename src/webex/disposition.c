/* SPDX-License-Identifier: MIT */
#include "webex/disposition.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"
#include "webex/text.h"

/* Of a longer name beginning and end are taken: its ending counts. */
#define NAME_MAX_TAKEN 4096
#define NAME_END_TAKEN 64
#define CHARSET_MAX 32
/* Each may cost a look at all that follows. */
#define PARAMS_MAX 32

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t");
}

/* ---- the parameters ---- */

/* True if another parameter begins here, or nothing. */
static bool begins_param(const char *p)
{
	size_t len;

	p = skip_blanks(p);
	len = strcspn(p, "=; \t\"");
	return !*p || (len > 0 && *skip_blanks(p + len) == '=');
}

/* The quote that ends the string at `p`: the first one that is not escaped and that a parameter
 * follows, because some senders escape nothing; else the first one; else the end. */
static const char *closing_quote(const char *p)
{
	const char *first = NULL;

	for (; *p; p++) {
		if (*p == '\\' && (p[1] == '"' || p[1] == '\\')) {
			p++;
			continue;
		}
		if (*p != '"')
			continue;
		const char *next = skip_blanks(p + 1);
		if (!*next || *next == ';')
			return p;
		first = first ? first : p;
	}
	return first ? first : p;
}

/* A quoted string at *at (behind the quote); moves *at behind it. */
static char *take_quoted(const char **at)
{
	GString *out = g_string_new(NULL);
	const char *p = *at + 1, *end = closing_quote(p);

	for (; p < end; p++) {
		/* A backslash is an escape only before a quote or backslash. */
		if (*p == '\\' && (p[1] == '"' || p[1] == '\\'))
			p++;
		g_string_append_c(out, *p);
	}
	*at = *end ? end + 1 : end;
	return g_string_free(out, FALSE);
}

/* Up to the next parameter: some senders quote no blanks, and no semicolons. */
static char *take_bare(const char **at)
{
	const char *p = *at, *end;

	do
		end = p + strcspn(p, ";");
	while (*end && !begins_param(end + 1) && (p = end + 1));
	p = *at;
	*at = end;
	return g_strchomp(g_strndup(p, (gsize)(end - p)));
}

static char *take_value(const char **at)
{
	return **at == '"' ? take_quoted(at) : take_bare(at);
}

/* ---- decoding ---- */

static char *from_latin1(const char *text)
{
	GString *out = g_string_new(NULL);

	for (; *text; text++)
		g_string_append_unichar(out, (guchar)*text);
	return g_string_free(out, FALSE);
}

/* `bytes` of a charset that the sender names, as UTF-8; NULL if they are none of it. */
static char *from_charset(const char *bytes, const char *charset, size_t len)
{
	_cleanup_gfree_ char *name = g_strndup(charset, MIN(len, CHARSET_MAX));

	if (len == 0 || len > CHARSET_MAX ||
	    name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			      "0123456789-_")])
		return NULL;
	if (g_ascii_strcasecmp(name, "utf-8") == 0)
		return g_utf8_validate(bytes, -1, NULL) ? g_strdup(bytes) : NULL;
	if (g_ascii_strcasecmp(name, "iso-8859-1") == 0)
		return from_latin1(bytes);
	return g_convert(bytes, -1, "UTF-8", name, NULL, NULL, NULL);
}

/* RFC 8187: charset'language'escaped. */
static char *decode_extended(const char *text)
{
	const char *language = strchr(text, '\'');
	const char *value = language ? strchr(language + 1, '\'') : NULL;
	_cleanup_gfree_ char *bytes = value ? g_uri_unescape_string(value + 1, NULL) : NULL;

	return bytes ? from_charset(bytes, text, (size_t)(language - text)) : NULL;
}

/* The characters of one word of RFC 2047's "=?charset?B?text?="; moves *at behind it. */
static char *decode_word(const char **at)
{
	const char *charset = *at + 2, *kind, *text, *end;
	GString *bytes;

	if (!g_str_has_prefix(*at, "=?") || !(kind = strchr(charset, '?')) || !kind[1] ||
	    kind[2] != '?')
		return NULL;
	text = kind + 3;
	end = strstr(text, "?=");
	if (!end || !strchr("BbQq", kind[1]))
		return NULL;
	bytes = g_string_new_len(text, end - text);
	if (g_ascii_toupper(kind[1]) == 'B') {
		gsize size = 0;
		if (bytes->len > 1)
			g_base64_decode_inplace(bytes->str, &size);
		g_string_truncate(bytes, size);
	} else {
		g_string_replace(bytes, "%", "%25", 0);
		g_string_replace(bytes, "=", "%", 0);
		g_string_replace(bytes, "_", " ", 0);
		_cleanup_gfree_ char *plain = g_uri_unescape_string(bytes->str, NULL);
		g_string_assign(bytes, plain ? plain : "");
	}
	_cleanup_gfree_ char *raw = g_string_free(bytes, FALSE);
	*at = end + 2;
	return *raw ? from_charset(raw, charset, strcspn(charset, "?*")) : NULL;
}

/* Words alone, with blanks between them that do not count; NULL: it is something else. */
static char *decode_words(const char *text)
{
	GString *out;

	if (!g_str_has_prefix(text, "=?"))
		return NULL;
	out = g_string_new(NULL);
	while (*text) {
		_cleanup_gfree_ char *word = decode_word(&text);
		if (!word) {
			g_string_free(out, TRUE);
			return NULL;
		}
		g_string_append(out, word);
		text = skip_blanks(text);
	}
	return g_string_free(out, FALSE);
}

/*
 * Escapes in a plain name are letters of it (RFC 6266), as in "100%20.txt". Only a sender that escapes
 * all names does so with one that needs it: then there is nothing left that needs an escape, and what
 * comes out is not ASCII.
 */
static char *decode_escaped(const char *text)
{
	_cleanup_gfree_ char *out = NULL;

	for (const char *p = text; *p; p++) {
		if (*p == ' ' || *p & 0x80 ||
		    (*p == '%' && !(g_ascii_isxdigit(p[1]) && g_ascii_isxdigit(p[2]))))
			return NULL;
	}
	out = g_uri_unescape_string(text, NULL);
	if (!out || g_str_is_ascii(out) || !g_utf8_validate(out, -1, NULL))
		return NULL;
	return steal_ptr(&out);
}

static char *decode_plain(const char *text)
{
	char *decoded = strchr(text, '%') ? decode_escaped(text) : decode_words(text);

	if (decoded)
		return decoded;
	return g_utf8_validate(text, -1, NULL) ? g_strdup(text) : from_latin1(text);
}

/* ---- the name ---- */

/* `name` without control characters: those within it become one blank. All else stays as it is. */
static char *without_controls(const char *name)
{
	GString *out = g_string_new(NULL);
	bool gap = false;

	for (const char *p = name; *p; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);
		if (g_unichar_iscntrl(c)) {
			gap = out->len > 0;
			continue;
		}
		if (gap)
			g_string_append_c(out, ' ');
		gap = false;
		g_string_append_unichar(out, c);
	}
	return g_string_free(out, FALSE);
}

static char *cut_in_the_middle(char *name)
{
	size_t len = strlen(name), from;

	if (len <= NAME_MAX_TAKEN)
		return name;
	from = webex_text_cut(name, len, len - NAME_END_TAKEN);
	len = webex_text_cut(name, len, NAME_MAX_TAKEN - NAME_END_TAKEN - 4);
	memmove(name + len, name + from, strlen(name + from) + 1);
	return name;
}

char *webex_disposition_name(const char *value)
{
	_cleanup_gfree_ char *plain = NULL, *extended = NULL;
	const char *p = value ? strchr(value, ';') : NULL;

	for (int n = 0; p && *p == ';' && n < PARAMS_MAX; n++) {
		p = skip_blanks(p + 1);
		size_t len = strcspn(p, "=; \t");
		const char *key = p;
		p = skip_blanks(p + len);
		if (*p != '=') {
			p = strchr(p, ';');
			continue;
		}
		p = skip_blanks(p + 1);
		_cleanup_gfree_ char *text = take_value(&p);
		if (len == 9 && g_ascii_strncasecmp(key, "filename*", 9) == 0 && !extended)
			extended = decode_extended(text);
		else if (len == 8 && g_ascii_strncasecmp(key, "filename", 8) == 0 && !plain)
			plain = decode_plain(text);
		p = strchr(p, ';');
	}
	const char *name = extended && *extended ? extended : plain;
	if (!name)
		return NULL;
	char *clean = without_controls(name);
	if (*clean)
		return cut_in_the_middle(clean);
	g_free(clean);
	return NULL;
}
