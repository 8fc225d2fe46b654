/* SPDX-License-Identifier: MIT */
#include "webex/text.h"

#include <string.h>

#include "base/cleanup.h"

#define REPLACEMENT 0xFFFD

bool webex_char_is_unsafe(gunichar c)
{
	return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x202A && c <= 0x202E) ||
	       (c >= 0x2066 && c <= 0x2069);
}

size_t webex_text_cut(const char *text, size_t len, size_t max)
{
	if (len <= max)
		return len;
	while (max > 0 && ((unsigned char)text[max] & 0xC0) == 0x80)
		max--;
	return max;
}

char *webex_text_line(const char *text, size_t max)
{
	/* The input is cut before it is copied, since it may have megabytes. */
	_cleanup_gfree_ char *valid =
		g_utf8_make_valid(text ? text : "", (gssize)strnlen(text ? text : "", 8 * max));
	GString *out = g_string_new(NULL);
	bool gap = false;

	for (const char *p = valid; *p && out->len <= max; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);
		if (c < 0x20 || (c >= 0x7F && c < 0xA0) || g_unichar_isspace(c)) {
			gap = true;
			continue;
		}
		if (gap && out->len > 0)
			g_string_append_c(out, ' ');
		gap = false;
		g_string_append_unichar(out, webex_char_is_unsafe(c) ? REPLACEMENT : c);
	}
	g_string_truncate(out, webex_text_cut(out->str, out->len, max));
	return g_string_free(out, FALSE);
}
