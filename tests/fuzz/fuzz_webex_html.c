/* SPDX-License-Identifier: MIT */
#include <glib.h>

#include "base/chars.h"
#include "fuzz.h"
#include "webex/render.h"

/* Both go to a terminal. */
static void check(const GString *out, size_t size)
{
	fuzz_check(out->len <= 16 * size && strlen(out->str) == out->len);
	fuzz_check(g_utf8_validate(out->str, -1, NULL));
	for (const char *p = out->str; *p; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		fuzz_check(c == '\n' || c == '\t' || !char_is_unsafe(c));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *html = fuzz_text(data, size);
	GString *out = g_string_new(NULL);

	webex_html_to_text(html, out);
	check(out, size);
	g_string_truncate(out, 0);
	webex_html_to_markdown(html, out);
	check(out, size);
	g_string_free(out, TRUE);
	free(html);
	return 0;
}
