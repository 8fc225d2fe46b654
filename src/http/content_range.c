/* SPDX-License-Identifier: MIT */
#include "http/content_range.h"

#include <glib.h>
#include <string.h>

/* What is above is no length of a file, and sums of two such numbers do not fit. */
#define NUMBER_MAX (G_MAXINT64 / 2)

/* Digits, or a star, which is -1. Returns the text behind them; NULL if there are none, or too many. */
static const char *read_number(const char *text, int64_t *ret_number)
{
	char *end;
	guint64 n;

	*ret_number = -1;
	if (*text == '*')
		return text + 1;
	if (!g_ascii_isdigit(*text))
		return NULL;
	n = g_ascii_strtoull(text, &end, 10);
	if (n > NUMBER_MAX)
		return NULL;
	*ret_number = (int64_t)n;
	return end;
}

/* The part, "0-499" or a star; returns the text behind it. */
static const char *read_part(const char *text, int64_t *ret_first, int64_t *ret_last)
{
	*ret_last = -1;
	text = read_number(text, ret_first);
	if (!text || *ret_first < 0)
		return text;
	if (*text != '-')
		return NULL;
	text = read_number(text + 1, ret_last);
	return *ret_last < *ret_first ? NULL : text;
}

static bool parse(const char *text, int64_t *ret_first, int64_t *ret_total)
{
	int64_t last;

	if (!text || g_ascii_strncasecmp(text, "bytes", 5) != 0)
		return false;
	text += 5;
	text += strspn(text, " =");
	text = read_part(text, ret_first, &last);
	if (!text || *text != '/')
		return false;
	text = read_number(text + 1, ret_total);
	if (!text)
		return false;
	text += strspn(text, " \t");
	return !*text && (*ret_total < 0 || last < *ret_total);
}

bool http_content_range(const char *value, int64_t *ret_first, int64_t *ret_total)
{
	bool is_good = parse(value, ret_first, ret_total);

	if (!is_good)
		*ret_first = *ret_total = -1;
	return is_good;
}
