/* SPDX-License-Identifier: MIT */
/* The attachments of a message, and what somebody writes as their answer, as two lines of any bytes. */
#include <glib.h>

#include "base/chars.h"
#include "fuzz.h"
#include "webex/card.h"
#include "webex/model.h"

/* It goes to a terminal. */
static void check_text(const char *attachments)
{
	GString *out = g_string_new(NULL);

	webex_card_text(attachments, 0, out);
	fuzz_check(strlen(out->str) == out->len);
	fuzz_check(out->len == 0 || out->str[out->len - 1] == '\n');
	fuzz_check(g_utf8_validate(out->str, -1, NULL));
	for (const char *p = out->str; *p; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		fuzz_check(c == '\n' || c == '\t' || !char_is_unsafe(c));
	}
	g_string_free(out, TRUE);
}

/* What .submit.json shows can be written back wherever no button must be chosen and nothing is required. */
static void check_form(const char *attachments, const char *written)
{
	char *shown = webex_card_inputs(attachments), *json = webex_card_json(attachments);
	char *inputs = NULL, *reason = NULL;

	fuzz_check(!shown == !json && !json == !webex_card_is_any(attachments));
	if (webex_card_submit(attachments, written, strlen(written), &inputs, &reason) == 0)
		fuzz_check(inputs && *inputs == '{' && !reason);
	else
		fuzz_check(reason && !inputs);
	g_free(inputs);
	g_free(reason);
	inputs = reason = NULL;
	if (shown && webex_card_submit(attachments, shown, strlen(shown), &inputs, &reason))
		fuzz_check(reason && *reason == '"');
	g_free(inputs);
	g_free(reason);
	g_free(shown);
	g_free(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), *end = strchr(text, '\n');

	if (end)
		*end++ = '\0';
	check_text(text);
	check_form(text, end ? end : "");
	free(text);
	return 0;
}
