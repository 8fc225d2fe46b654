/* SPDX-License-Identifier: MIT */
/* What comes in header fields: next links and names of contents; and URLs of contents. */
#include <glib.h>

#include "fuzz.h"
#include "webex/disposition.h"
#include "webex/page.h"
#include "webex/url.h"

#define BASE "http://127.0.0.1:80/v1"
#define ASKED BASE "/messages?roomId=R&max=5"

static void check_page(const char *link)
{
	char *url;

	if (webex_page_next(ASKED, link, &url) < 0)
		return;
	fuzz_check(g_str_has_prefix(url, BASE "/messages?") && !strchr(url, '#'));
	fuzz_check(strlen(url) <= WEBEX_PAGE_URL_MAX && strcmp(url, ASKED) != 0);
	/* The room is ours, and there is no other. */
	char **params = g_strsplit(strchr(url, '?') + 1, "&", -1);
	int rooms = 0;
	for (char **p = params; *p; p++) {
		rooms += g_str_has_prefix(*p, "roomId=");
		fuzz_check(!g_str_has_prefix(*p, "roomId=") || strcmp(*p, "roomId=R") == 0);
	}
	fuzz_check(rooms == 1);
	g_strfreev(params);
	g_free(url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	char *name = webex_disposition_name(text);
	char *url = NULL;

	fuzz_check(!name || (*name && g_utf8_validate(name, -1, NULL) && !strchr(name, '\n')));
	fuzz_check(!name || strlen(name) <= 4096);
	g_free(name);
	check_page(text);
	if (webex_url_content(BASE, text, &url) == 0)
		fuzz_check(g_str_has_prefix(url, "http://127.0.0.1") ||
			   g_ascii_strncasecmp(url, "http://127.0.0.1", 16) == 0);
	g_free(url);
	free(text);
	return 0;
}
