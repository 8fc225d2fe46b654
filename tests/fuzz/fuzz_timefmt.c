/* SPDX-License-Identifier: MIT */
#include "base/timefmt.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	char back[TIME_ISO_SIZE];
	int64_t ms, again;

	if (time_parse_iso(text, &ms) == 0) {
		fuzz_check(ms >= TIME_MIN_MS && ms <= TIME_MAX_MS);
		time_format_iso(ms, back);
		fuzz_check(time_parse_iso(back, &again) == 0 && again == ms);
	}
	if (time_parse_name(text, &ms) == 0) {
		time_format_name(ms, back);
		fuzz_check(strcmp(back, text) == 0);
	}
	free(text);
	return 0;
}
