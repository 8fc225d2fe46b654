/* SPDX-License-Identifier: MIT */
#include "webex/disposition.h"

#include <glib.h>
#include <string.h>

#include "base/cleanup.h"
#include "webex/text.h"

#define NAME_MAX_TAKEN 1024

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t");
}

/* A quoted string at *at (behind the quote) or a token; moves *at behind it. */
static char *take_value(const char **at)
{
	const char *p = *at;
	GString *out = g_string_new(NULL);

	if (*p != '"') {
		size_t len = strcspn(p, "; \t");
		g_string_append_len(out, p, (gssize)len);
		*at = p + len;
		return g_string_free(out, FALSE);
	}
	for (p++; *p && *p != '"'; p++) {
		/* Some senders escape nothing, so a backslash is an escape only before a quote
		 * or backslash. */
		if (*p == '\\' && (p[1] == '"' || p[1] == '\\'))
			p++;
		g_string_append_c(out, *p);
	}
	*at = *p ? p + 1 : p;
	return g_string_free(out, FALSE);
}

/* `text` with its escapes decoded; NULL if one is broken or the result is no UTF-8. */
static char *percent_decode(const char *text)
{
	char *out = g_uri_unescape_string(text, NULL);

	if (out && g_utf8_validate(out, -1, NULL))
		return out;
	g_free(out);
	return NULL;
}

static char *from_latin1(const char *text)
{
	GString *out = g_string_new(NULL);

	for (; *text; text++)
		g_string_append_unichar(out, (guchar)*text);
	return g_string_free(out, FALSE);
}

/* RFC 8187: charset'language'escaped. */
static char *decode_extended(const char *text)
{
	const char *language = strchr(text, '\'');
	const char *value = language ? strchr(language + 1, '\'') : NULL;

	if (!value)
		return NULL;
	if (g_ascii_strncasecmp(text, "iso-8859-1'", 11) == 0) {
		_cleanup_gfree_ char *bytes = g_uri_unescape_string(value + 1, NULL);
		return bytes ? from_latin1(bytes) : NULL;
	}
	return percent_decode(value + 1);
}

static char *decode_plain(const char *text)
{
	char *decoded = strchr(text, '%') ? percent_decode(text) : NULL;

	if (decoded)
		return decoded;
	return g_utf8_validate(text, -1, NULL) ? g_strdup(text) : from_latin1(text);
}

char *webex_disposition_name(const char *value)
{
	_cleanup_gfree_ char *plain = NULL, *extended = NULL;
	const char *p = value ? strchr(value, ';') : NULL;

	while (p && *p == ';') {
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
	char *line = webex_text_line(name, NAME_MAX_TAKEN);
	if (*line)
		return line;
	g_free(line);
	return NULL;
}
