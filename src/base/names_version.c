/* SPDX-License-Identifier: MIT */
/* Names of the older versions of a file. */
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

char *name_version(const char *name, int64_t created_ms, const char *tie_hex)
{
	const char *ending = ending_of(name);
	g_autofree char *whole = g_strndup(name, (gsize)(ending - name)), *stem = NULL;
	char when[TIME_ISO_SIZE];
	size_t used;

	time_format_name(created_ms, when);
	used = 1 + strlen(when) + (tie_hex ? 1 + strlen(tie_hex) : 0) + strlen(ending);
	stem = name_from_title(whole, NAME_MAX_BYTES - used);
	return g_strconcat(stem, "~", when, tie_hex ? "~" : "", tie_hex ? tie_hex : "", ending,
			   NULL);
}

bool name_parse_version(const char *name, int64_t *ret_created_ms)
{
	for (const char *at = strchr(name, '~'); at; at = strchr(at + 1, '~')) {
		char when[TIME_ISO_SIZE];

		if (g_strlcpy(when, at + 1, sizeof(when)) >= sizeof(when) - 1 &&
		    time_parse_name(when, ret_created_ms) == 0)
			return true;
	}
	return false;
}
