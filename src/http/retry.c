/* SPDX-License-Identifier: MIT */
#include "http/retry.h"

#include <curl/curl.h>
#include <glib.h>

#define BACKOFF_FIRST_MS 1000
#define BACKOFF_DOUBLINGS 5

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* Parses whole seconds and nothing else; a number that does not fit counts as the maximum. */
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

/* How long to wait where the server said when: never shorter, and up to a tenth longer, so that
 * not all requests come at once. */
static int64_t told_wait_ms(const struct http_outcome *outcome, uint32_t random)
{
	int64_t ms = (int64_t)outcome->retry_after_s * 1000;

	return ms + (ms / 10 * (int64_t)random >> 32);
}

static int64_t backoff_wait_ms(const struct http_history *history, uint32_t random)
{
	return history->tries < HTTP_MAX_TRIES ? http_backoff_ms(history->tries, random) : -1;
}

static int64_t locked_wait_ms(const struct http_outcome *outcome,
			      const struct http_history *history, uint32_t random)
{
	int64_t ms = outcome->has_retry_after ? told_wait_ms(outcome, random)
					      : HTTP_LOCKED_DEFAULT_S * 1000;
	int64_t max_ms = history->locked_max_ms ? history->locked_max_ms : HTTP_LOCKED_MAX_MS;

	return history->locked_ms + ms <= max_ms ? ms : -1;
}

static int64_t limited_wait_ms(const struct http_outcome *outcome,
			       const struct http_history *history, uint32_t random)
{
	int64_t ms = told_wait_ms(outcome, random);

	/* The first may be longer; whether the request waits for it is a question of its deadline. */
	return !history->limited_ms || history->limited_ms + ms <= HTTP_LIMITED_MAX_MS ? ms
										       : -1;
}

static int64_t status_wait_ms(enum http_repeat repeat, const struct http_outcome *outcome,
			      const struct http_history *history, uint32_t random)
{
	switch (outcome->status) {
	case 423:
		return locked_wait_ms(outcome, history, random);
	case 429:
		return limited_wait_ms(outcome, history, random);
	case 500:
		if (repeat != HTTP_REPEAT_ALWAYS || history->server_errors > 1)
			return -1;
		return backoff_wait_ms(history, random);
	case 502:
	case 503:
	case 504:
		if (outcome->status != 503 && history->asks_much)
			return -1;
		if (outcome->status == 503 && outcome->has_retry_after)
			return told_wait_ms(outcome, random);
		return repeat == HTTP_REPEAT_ALWAYS ? backoff_wait_ms(history, random) : -1;
	default:
		return -1;
	}
}

int64_t http_retry_wait_ms(enum http_repeat repeat, const struct http_outcome *outcome,
			   const struct http_history *history, uint32_t random)
{
	/* These are short because a person waits to be told that there is no network. */
	static const int64_t unreached_ms[] = {250, 1000};

	if (repeat == HTTP_REPEAT_NEVER)
		return -1;
	if (outcome->error == 0)
		return status_wait_ms(repeat, outcome, history, random);
	if (!outcome->transient || (repeat == HTTP_REPEAT_UNSENT && outcome->may_have_applied))
		return -1;
	if (history->reached)
		return backoff_wait_ms(history, random);
	return history->tries <= 2 ? unreached_ms[history->tries - 1] : -1;
}
