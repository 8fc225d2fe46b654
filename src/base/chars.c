/* SPDX-License-Identifier: MIT */
#include "base/chars.h"

#include <glib.h>
#include <string.h>

#include "base/cleanup.h"

bool char_is_unsafe(uint32_t c)
{
	return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x202A && c <= 0x202E) ||
	       (c >= 0x2066 && c <= 0x2069);
}

char *chars_line(const char *text)
{
	_cleanup_gfree_ char *valid = g_utf8_make_valid(text, -1);
	GString *line = g_string_sized_new(strlen(valid));

	for (const char *p = valid; *p; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		g_string_append_unichar(line, char_is_unsafe(c) ? '?' : c);
	}
	return g_string_free(line, FALSE);
}
