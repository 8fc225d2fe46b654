/* SPDX-License-Identifier: MIT */
#include <glib.h>

#include "fuzz.h"
#include "http/link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *value = fuzz_text(data, size);
	char *next = http_link_next(value);

	if (next) {
		size_t len = strlen(next);

		fuzz_check(len > 0 && len <= 8192);
		fuzz_check(strstr(value, next) != NULL);
		for (size_t i = 0; i < len; i++)
			fuzz_check((unsigned char)next[i] > 0x20 && next[i] != 0x7F);
	}
	g_free(next);
	free(value);
	return 0;
}
