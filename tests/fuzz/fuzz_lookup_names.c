/* SPDX-License-Identifier: MIT */
/* Names that a process looks up and that are read by their form: events@N, months, versions. */
#include <glib.h>

#include "base/names.h"
#include "base/timefmt.h"
#include "fuzz.h"
#include "pager/past/months.h"
#include "tree/events.h"

static void check_cursor(const char *name)
{
	int64_t cursor = tree_events_cursor(name);
	g_autofree char *again = g_strdup_printf("events@%" G_GINT64_FORMAT, cursor);

	fuzz_check(cursor >= -1 && cursor <= TREE_CURSOR_MAX);
	/* One file has one name. */
	fuzz_check(cursor < 0 || strcmp(again, name) == 0);
}

static void check_month(const char *name)
{
	char again[TIME_MONTH_SIZE];
	int month;

	if (time_parse_month(name, &month))
		return;
	time_format_month(month, again);
	fuzz_check(strcmp(again, name) == 0);
	fuzz_check(time_month(time_month_begin(month)) == month);
	fuzz_check(time_month(time_month_begin(month + 1) - 1) == month ||
		   time_month_begin(month + 1) > TIME_MAX_MS);
}

static void check_month_key(const char *name)
{
	char again[MONTHS_KEY_SIZE];
	int64_t room, again_room;
	int month, again_month;

	if (months_parse_key(name, &room, &month))
		return;
	fuzz_check(room >= 0);
	months_key(room, month, again);
	fuzz_check(months_parse_key(again, &again_room, &again_month) == 0);
	fuzz_check(again_room == room && again_month == month);
}

static void check_version(const char *name)
{
	int64_t ms, again;

	if (!name_parse_version(name, &ms))
		return;
	fuzz_check(ms >= TIME_MIN_MS && ms <= TIME_MAX_MS);
	g_autofree char *file = name_from_file(name, NAME_MAX_BYTES);
	g_autofree char *version = name_version(file, ms, "0123456789abcdef");
	fuzz_check(strlen(version) <= NAME_MAX_BYTES && !strchr(version, '/'));
	fuzz_check(name_parse_version(version, &again) && again == ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *name = fuzz_text(data, size);

	check_cursor(name);
	check_month(name);
	check_month_key(name);
	check_version(name);
	free(name);
	return 0;
}
