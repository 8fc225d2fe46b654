/* SPDX-License-Identifier: MIT */
/* Where requests go: the base URL that a person typed, and the URLs of contents that a server says. */
#include <glib.h>

#include "fuzz.h"
#include "http/origin.h"
#include "webex/api.h"
#include "webex/url.h"

/* webex and http understand the same by it, so the bearer goes where it belongs. */
static void check_base(const char *text)
{
	char *clean = NULL, *reason = NULL, *again = NULL, *why = NULL;

	if (webex_check_base_url(text, &clean, &reason)) {
		fuzz_check(!clean && reason && *reason);
		g_free(reason);
		return;
	}
	fuzz_check(!reason && !g_str_has_suffix(clean, "/"));
	fuzz_check(webex_check_base_url(clean, &again, &why) == 0 && strcmp(clean, again) == 0);
	g_auto(GStrv) said = webex_allowed_origins(clean);
	GStrvBuilder *builder = g_strv_builder_new();
	for (char **p = said; *p; p++) {
		g_autofree char *origin = http_origin(*p);

		fuzz_check(origin != NULL);
		g_strv_builder_add(builder, origin);
	}
	g_auto(GStrv) origins = g_strv_builder_end(builder);
	g_strv_builder_unref(builder);
	g_autofree char *url = g_strconcat(clean, "/rooms", NULL);
	g_autofree char *origin = http_origin(url);
	/* What curl cannot read is never asked. */
	fuzz_check(!origin || http_origin_is_known(url, origins));
	g_free(clean);
	g_free(again);
}

/* A content is fetched from the configured server, whatever the URL of the message is. */
static void check_content(const char *base, const char *origin, const char *text)
{
	char *url = NULL;

	if (webex_url_content(base, text, &url))
		return;
	g_autofree char *to = http_origin(url);
	fuzz_check(!to || strcmp(to, origin) == 0 ||
		   (strcmp(origin, "https://webexapis.com:443") == 0 &&
		    strcmp(to, "https://api.ciscospark.com:443") == 0));
	fuzz_check(!strchr(url, '#'));
	g_free(url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);

	check_base(text);
	check_content("https://h.example/v1", "https://h.example:443", text);
	check_content("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080", text);
	check_content("https://webexapis.com/v1", "https://webexapis.com:443", text);
	free(text);
	return 0;
}
