/* SPDX-License-Identifier: MIT */
#include "http/retry.h"

#include <curl/curl.h>
#include <glib.h>
#include <stdbool.h>

#define BACKOFF_FIRST_MS 1000
#define BACKOFF_DOUBLINGS 5

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* Whole seconds and nothing else; what does not fit is the maximum. */
static bool parse_seconds(const char *value, int64_t *ret_s)
{
	int64_t seconds = 0;

	if (!g_ascii_isdigit(*value))
		return false;
	for (; g_ascii_isdigit(*value); value++)
		seconds = MIN(seconds * 10 + (*value - '0'), HTTP_RETRY_AFTER_MAX_S);
	while (is_space(*value))
		value++;
	*ret_s = seconds;
	return *value == '\0';
}

int http_retry_after(const char *value, int64_t now_wall_ms)
{
	int64_t seconds;

	if (!value)
		return HTTP_RETRY_AFTER_DEFAULT_S;
	while (is_space(*value))
		value++;
	if (!parse_seconds(value, &seconds)) {
		time_t date = g_ascii_isalpha(*value) ? curl_getdate(value, NULL) : -1;

		if (date == -1)
			return HTTP_RETRY_AFTER_DEFAULT_S;
		seconds = (int64_t)date - now_wall_ms / 1000;
	}
	return (int)CLAMP(seconds, 1, HTTP_RETRY_AFTER_MAX_S);
}

int64_t http_backoff_ms(int attempt, uint32_t random)
{
	int doublings = CLAMP(attempt - 1, 0, BACKOFF_DOUBLINGS);
	int64_t ms = (int64_t)BACKOFF_FIRST_MS << doublings;

	return ms - (ms / 4 * (int64_t)random >> 32);
}
