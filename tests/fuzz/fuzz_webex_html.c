/* SPDX-License-Identifier: MIT */
#include <glib.h>

#include "fuzz.h"
#include "webex/render.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *html = fuzz_text(data, size);
	GString *out = g_string_new(NULL);

	webex_html_to_text(html, out);
	fuzz_check(out->len <= 3 * size && strlen(out->str) == out->len);
	fuzz_check(g_utf8_validate(out->str, -1, NULL));
	g_string_free(out, TRUE);
	free(html);
	return 0;
}
