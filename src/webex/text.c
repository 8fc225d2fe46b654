/* SPDX-License-Identifier: MIT */
#include "webex/text.h"

#include <stdint.h>
#include <string.h>

#include "base/chars.h"
#include "base/cleanup.h"

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
		g_string_append_unichar(out, char_is_unsafe(c) ? CHAR_REPLACEMENT : c);
	}
	g_string_truncate(out, webex_text_cut(out->str, out->len, max));
	return g_string_free(out, FALSE);
}

/* Three bytes of U+2000..U+2FFF of which none is unsafe. */
static bool is_safe_e2(const uint8_t *p)
{
	return !(p[1] == 0x80 && p[2] >= 0xAA && p[2] <= 0xAE) &&
	       !(p[1] == 0x81 && p[2] >= 0xA6 && p[2] <= 0xA9);
}

bool webex_text_is_clean(const char *text, size_t len)
{
	const uint8_t *p = (const uint8_t *)text, *end = p + len;

	if (!g_utf8_validate(text, (gssize)len, NULL))
		return false;
	for (; p < end; p++) {
		if ((*p < ' ' && *p != '\t' && *p != '\n') || *p == 0x7F ||
		    (*p == 0xC2 && p[1] < 0xA0) || (*p == 0xE2 && !is_safe_e2(p)))
			return false;
	}
	return true;
}

bool webex_text_clean(const char *text, GString *out)
{
	size_t len = strlen(text);
	bool is_exact;

	if (webex_text_is_clean(text, len)) {
		g_string_append_len(out, text, (gssize)len);
		return true;
	}
	_cleanup_gfree_ char *valid = g_utf8_make_valid(text, (gssize)len);
	is_exact = strcmp(valid, text) == 0;
	for (const char *p = valid; *p; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);
		const char *end = p + strspn(p, "\r");
		if (*end == '\n')
			p = end;
		else
			for (; p + 1 < end; p++)
				g_string_append_unichar(out, CHAR_REPLACEMENT);
		c = *p == '\n' ? '\n' : c;
		if (c != '\n' && c != '\t' && char_is_unsafe(c)) {
			is_exact = false;
			c = CHAR_REPLACEMENT;
		}
		g_string_append_unichar(out, c);
	}
	return is_exact;
}
