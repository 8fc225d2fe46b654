/* SPDX-License-Identifier: MIT */
/* Names of files, whose endings stay whatever is cut, and of their older versions. */
#include <glib.h>
#include <string.h>

#include "base/names.h"
#include "base/timefmt.h"

/* What is longer is no ending. */
#define ENDING_MAX 16

/* Where ".ext" begins; the end of the name if there is none. */
static const char *ending_of(const char *name)
{
	const char *dot = strrchr(name, '.');

	if (!dot || dot == name || !dot[1] || strlen(dot) > ENDING_MAX || strchr(dot, ' '))
		return name + strlen(name);
	return dot;
}

/* `stem`, cut to what is left of max_bytes, with `tail` behind it. */
static char *stem_and_tail(const char *stem, size_t len, const char *tail, size_t max_bytes)
{
	g_autofree char *whole = g_strndup(stem, len), *cut = NULL;

	cut = name_from_title(whole, max_bytes - MIN(strlen(tail), max_bytes));
	return g_strconcat(cut, tail, NULL);
}

char *name_from_file(const char *name, size_t max_bytes)
{
	const char *ending = ending_of(name);
	g_autofree char *whole = name_from_title(name, max_bytes), *dotted = NULL;

	/* With a letter before it, since a name that begins with the dot would get a mark. */
	dotted = g_strconcat("x", ending, NULL);
	g_autofree char *clean = name_from_title(dotted, NAME_MAX_BYTES);
	if (g_str_has_suffix(whole, clean + 1) || strlen(clean + 1) + 8 > max_bytes)
		return g_steal_pointer(&whole);
	return stem_and_tail(name, (gsize)(ending - name), clean + 1, max_bytes);
}

char *name_file_with_suffix(const char *name, const char *hex, size_t digits)
{
	const char *ending = ending_of(name);
	g_autofree char *tail =
		g_strdup_printf(" ~%.*s%s", (int)CLAMP(digits, 8, 32), hex, ending);

	return stem_and_tail(name, (gsize)(ending - name), tail, NAME_MAX_BYTES);
}

char *name_version(const char *name, int64_t created_ms, const char *tie_hex)
{
	const char *ending = ending_of(name);
	g_autofree char *tail = NULL;
	char when[TIME_ISO_SIZE];

	time_format_name(created_ms, when);
	tail = g_strconcat("~", when, tie_hex ? "~" : "", tie_hex ? tie_hex : "", ending, NULL);
	return stem_and_tail(name, (gsize)(ending - name), tail, NAME_MAX_BYTES);
}

bool name_parse_version(const char *name, int64_t *ret_created_ms)
{
	bool is_version = false;

	/* The file's own name may have the form of a version's, too: the last time is ours. */
	for (const char *at = strchr(name, '~'); at; at = strchr(at + 1, '~')) {
		char when[TIME_ISO_SIZE];
		int64_t ms;

		if (g_strlcpy(when, at + 1, sizeof(when)) < sizeof(when) - 1 ||
		    time_parse_name(when, &ms) != 0)
			continue;
		*ret_created_ms = ms;
		is_version = true;
	}
	return is_version;
}
