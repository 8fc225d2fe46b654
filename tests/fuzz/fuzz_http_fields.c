/* SPDX-License-Identifier: MIT */
/* What comes in header fields and is read by http: when to come again, which part it is, where to go. */
#include <glib.h>

#include "fuzz.h"
#include "http/content_range.h"
#include "http/origin.h"
#include "http/retry.h"

/* As in RFC 9110: a part lies within the whole. */
static void check_range(const char *text)
{
	int64_t first, total, again_first, again_total;
	g_autofree char *said = NULL;

	if (!http_content_range(text, &first, &total)) {
		fuzz_check(first == -1 && total == -1);
		return;
	}
	fuzz_check(first >= -1 && total >= -1);
	fuzz_check(first < 0 || total < 0 || first < total);
	if (first < 0)
		return;
	said = total < 0 ? g_strdup_printf("bytes %" G_GINT64_FORMAT "-%" G_GINT64_FORMAT "/*",
					   first, first)
			 : g_strdup_printf("bytes %" G_GINT64_FORMAT "-%" G_GINT64_FORMAT
					   "/%" G_GINT64_FORMAT,
					   first, total - 1, total);
	fuzz_check(http_content_range(said, &again_first, &again_total));
	fuzz_check(again_first == first && again_total == total);
}

static void check_retry(const char *text)
{
	static const int64_t nows[] = {0, INT64_C(1700000000000), INT64_MIN, INT64_MAX};

	for (size_t i = 0; i < G_N_ELEMENTS(nows); i++) {
		int s = http_retry_after(text, nows[i]);

		fuzz_check(s >= 1 && s <= HTTP_RETRY_AFTER_MAX_S);
	}
}

static void check_origin(const char *url)
{
	g_autofree char *origin = http_origin(url), *again = NULL;

	if (!origin) {
		fuzz_check(http_origin_check(url) < 0);
		return;
	}
	again = http_origin(origin);
	fuzz_check(again && strcmp(again, origin) == 0);
	fuzz_check(http_origin_is_known(url, (char *[]){origin, NULL}));
	fuzz_check(!http_origin_is_known(url, (char *[]){NULL}));
	(void)http_origin_names_user("https://h.example/v1/x", url);
	/* Plain http leads to this machine alone. */
	if (http_origin_check(url) == 0)
		fuzz_check(g_str_has_prefix(origin, "https://") ||
			   http_origin_is_loopback(url));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);

	check_range(text);
	check_retry(text);
	check_origin(text);
	free(text);
	return 0;
}
