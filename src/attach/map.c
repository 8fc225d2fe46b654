/* SPDX-License-Identifier: MIT */
#include "attach/map.h"

#include <stdio.h>
#include <string.h>

#define MAP_HEAD "sparkfs-content 1\n"

bool content_map_parse(const char *text, int64_t bytes, int64_t *ret_length,
		       struct ranges *known)
{
	long long length, lo, hi;
	int n;

	if (!g_str_has_prefix(text, MAP_HEAD))
		return false;
	text += strlen(MAP_HEAD);
	/* The length is counted from the bytes, the last of which is in the file. */
	if (sscanf(text, "length %lld\n%n", &length, &n) != 1 || length < -1 || length > bytes)
		return false;
	text += n;
	*ret_length = length;
	while (sscanf(text, "known %lld %lld\n%n", &lo, &hi, &n) == 2) {
		if (lo < 0 || hi <= lo || hi > (length < 0 ? bytes : length))
			return false;
		ranges_add(known, lo, hi);
		text += n;
	}
	return *text == '\0';
}

GString *content_map_print(int64_t length, const struct ranges *known)
{
	GString *text = g_string_new(MAP_HEAD);

	g_string_append_printf(text, "length %lld\n", (long long)length);
	for (guint i = 0; i < ranges_count(known); i++)
		g_string_append_printf(text, "known %lld %lld\n",
				       (long long)ranges_nth(known, i).lo,
				       (long long)ranges_nth(known, i).hi);
	return text;
}
