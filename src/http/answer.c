/* SPDX-License-Identifier: MIT */
/* Reads the outcome of a try. */
#include <errno.h>
#include <glib.h>

#include "base/server_clock.h"
#include "http/try_internal.h"

#define HTTP_PROXY_AUTH 407

static bool is_cut(struct http_try *t, long status)
{
	int64_t said = try_size(t, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T);

	if (t->req->method == HTTP_HEAD || status == 204 || status == 304 || t->body_is_enough)
		return false;
	return said >= 0 && said != try_size(t, CURLINFO_SIZE_DOWNLOAD_T);
}

/* True if the answer says that nothing was done. 303 ("see other") says that it was done, and
 * where to look at it. */
static bool is_refusal(long status, bool has_retry_after)
{
	return (status >= 300 && status < 500 && status != 303) ||
	       (status == 503 && has_retry_after);
}

static char *all_links(struct http_try *t)
{
	GString *all = NULL;
	const char *value;

	for (size_t i = 0; (value = try_header(t, "Link", i)); i++) {
		if (!all)
			all = g_string_new(value);
		else
			g_string_append_printf(all, ", %s", value);
	}
	return all ? g_string_free(all, FALSE) : NULL;
}

/* The header Date, in milliseconds (RFC 9110, 6.6.1); -1: there is none. */
static int64_t date_ms(struct http_try *t)
{
	const char *text = try_header(t, "Date", 0);
	time_t date = text ? curl_getdate(text, NULL) : -1;

	return date == -1 ? -1 : (int64_t)date * 1000;
}

/* Sets the clock by an answer of the server itself: not by one from a cache, or from a host that it
 * redirects to. Its Date is of when it began, and the body may have taken long. */
static void set_clock(struct http_try *t, const struct http_response *resp, int64_t ms)
{
	int64_t us;

	if (ms < 0 || resp->status / 100 != 2 || !resp->bearer_shown || try_header(t, "Age", 0))
		return;
	us = try_size(t, CURLINFO_TOTAL_TIME_T) - try_size(t, CURLINFO_STARTTRANSFER_TIME_T);
	clock_note_server(ms + MAX(us, 0) / 1000);
}

static void take_answer(struct http_try *t, struct http_response *resp,
			struct http_outcome *outcome)
{
	const char *retry_after = try_header(t, "Retry-After", 0);
	int64_t ms = date_ms(t);

	resp->status = outcome->status = (int)try_long(t, CURLINFO_RESPONSE_CODE);
	outcome->has_retry_after = retry_after != NULL;
	/* A date in the answer was written by the same clock as its Date. */
	outcome->retry_after_s =
		http_retry_after(retry_after, ms < 0 ? clock_wall(clock_server()) : ms);
	set_clock(t, resp, ms);
	resp->retry_after_s = retry_after ? outcome->retry_after_s : 0;
	resp->link = all_links(t);
	resp->content_type = g_strdup(try_header(t, "Content-Type", 0));
	resp->content_disposition = g_strdup(try_header(t, "Content-Disposition", 0));
	resp->tracking_id = g_strdup(try_header(t, "TrackingID", 0));
	resp->is_packed = try_is_packed(t);
	if (!resp->is_packed)
		resp->content_length = try_length(t);
}

/* Notes the offset up to which a taken body came. */
static void take_place(struct http_try *t, struct http_response *resp,
		       struct http_outcome *outcome)
{
	long version = try_long(t, CURLINFO_HTTP_VERSION);
	int64_t first, total;

	resp->position = t->at;
	resp->total = t->total;
	resp->is_framed = try_size(t, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T) >= 0 ||
			  try_header(t, "Transfer-Encoding", 0) ||
			  version >= CURL_HTTP_VERSION_2_0;
	/* The try before broke just behind the last byte, so there was no more to come. */
	if (outcome->status == 416 && t->context->from > t->req->from &&
	    try_content_range(t, &first, &total) && total == t->context->from) {
		resp->status = outcome->status = 206;
		resp->total = total;
		resp->is_framed = true;
	}
	/* An empty body never called the taker. */
	if (outcome->status / 100 == 2 && outcome->status != 206 && !t->is_begun)
		resp->position = 0;
}

static void take_body(struct http_try *t, struct http_response *resp)
{
	if (t->req->take && resp->status / 100 == 2)
		return;
	resp->body = t->body ? t->body : g_strdup("");
	resp->body_len = t->body_len;
	resp->body_size = t->body_size;
	t->body = NULL;
	t->body_len = 0;
	t->body_size = 0;
}

/* What a proxy answered in place of the server; 0: nothing. */
static long proxy_status(struct http_try *t)
{
	long status = t->connected ? try_long(t, CURLINFO_RESPONSE_CODE)
				   : try_long(t, CURLINFO_HTTP_CONNECTCODE);

	if (!t->proxy)
		return 0;
	/* Of what comes in place of an answer only this is certainly the proxy's own. */
	if (t->connected)
		return status == HTTP_PROXY_AUTH ? status : 0;
	return status / 100 == 2 ? 0 : status;
}

/* A proxy refused, or failed. */
static void take_proxy_error(struct http_try *t, long status, struct http_response *resp,
			     struct http_outcome *outcome)
{
	bool is_failure = status >= 500;
	const char *words = status == HTTP_PROXY_AUTH ? "wants another user or password"
			    : is_failure	      ? "does not reach the server"
						      : "does not let this through";

	outcome->error = is_failure ? -EHOSTUNREACH : -ECONNREFUSED;
	outcome->transient = is_failure;
	outcome->may_have_applied = false;
	resp->error = outcome->error;
	resp->detail = g_strdup_printf("the proxy %s %s (%ld)", t->proxy->name, words, status);
}

static void take_error(struct http_try *t, CURLcode code, struct http_response *resp,
		       struct http_outcome *outcome)
{
	const char *words = t->words[0] ? t->words : curl_easy_strerror(code);
	long by_proxy = t->fail == 0 ? proxy_status(t) : 0;

	if (by_proxy) {
		take_proxy_error(t, by_proxy, resp, outcome);
		return;
	}

	outcome->error = http_curl_error(t->easy, code, &outcome->transient);
	if (t->fail != 0) {
		outcome->error = t->fail;
		outcome->transient = t->fail == -ECONNRESET || t->fail == -EBUSY;
		words = t->fail_words;
	}
	resp->error = outcome->error;
	resp->detail = t->proxy ? g_strdup_printf("by the proxy %s: %s", t->proxy->name, words)
				: g_strdup(words);
	outcome->may_have_applied = try_has_left(t);
}

struct http_response *http_try_finish(struct http_try *t, CURLcode code,
				      struct http_outcome *ret_outcome)
{
	struct http_response *resp = g_new0(struct http_response, 1);
	struct http_outcome outcome = {.reached = t->connected};

	resp->content_length = -1;
	resp->bearer_shown = t->req->bearer && !t->bearer_dropped;
	if (t->connected)
		take_answer(t, resp, &outcome);
	if (t->req->take)
		take_place(t, resp, &outcome);
	if (code == CURLE_WRITE_ERROR && t->body_is_enough && t->fail == 0)
		code = CURLE_OK;
	if (code == CURLE_OK && is_cut(t, outcome.status)) {
		code = CURLE_PARTIAL_FILE;
		g_strlcpy(t->words, "the body was cut short", sizeof(t->words));
	}
	if (code == CURLE_OK && try_is_no_file(t, outcome.status)) {
		try_set_fail(t, -EIO, TRY_NO_FILE);
		code = CURLE_WRITE_ERROR;
	}
	if (code == CURLE_OK && t->connected && proxy_status(t)) {
		take_error(t, CURLE_RECV_ERROR, resp, &outcome);
	} else if (code == CURLE_OK) {
		take_body(t, resp);
		resp->detail = g_strdup_printf("HTTP status %d", outcome.status);
		outcome.is_refused = outcome.status == 401 && resp->bearer_shown;
		outcome.may_have_applied = !is_refusal(outcome.status, outcome.has_retry_after);
	} else {
		take_error(t, code, resp, &outcome);
	}
	/* The answer is that to the second sending and says nothing of the first. */
	outcome.may_have_applied |= t->sent_before;
	resp->may_have_applied = outcome.may_have_applied;
	*ret_outcome = outcome;
	return resp;
}
