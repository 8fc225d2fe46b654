/* SPDX-License-Identifier: MIT */
/* The .map of a content: a file that anything may have happened to. The first two bytes are the size of
 * the .bin beside it. */
#include <glib.h>

#include "attach/map.h"
#include "fuzz.h"

static void check_known(const struct ranges *known, int64_t end)
{
	int64_t last = -1;

	for (guint i = 0; i < ranges_count(known); i++) {
		struct range r = ranges_nth(known, i);

		fuzz_check(r.lo > last && r.hi > r.lo && r.hi <= end);
		last = r.hi;
	}
}

/* What was understood is said in the same words again. */
static void check_again(int64_t bytes, int64_t length, const struct ranges *known)
{
	g_autoptr(GString) text = content_map_print(length, known);
	g_autoptr(GString) same = NULL;
	struct ranges again = {0};
	int64_t again_length;

	fuzz_check(content_map_parse(text->str, bytes, &again_length, &again));
	same = content_map_print(again_length, &again);
	fuzz_check(strcmp(text->str, same->str) == 0);
	ranges_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ranges known = {0};
	int64_t bytes, length;
	char *text;

	if (size < 2)
		return 0;
	bytes = data[0] * 256 + data[1];
	text = fuzz_text(data + 2, size - 2);
	if (content_map_parse(text, bytes, &length, &known)) {
		fuzz_check(length >= -1 && length <= bytes);
		check_known(&known, length < 0 ? bytes : length);
		check_again(bytes, length, &known);
	}
	ranges_clear(&known);
	free(text);
	return 0;
}
