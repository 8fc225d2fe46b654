/* SPDX-License-Identifier: MIT */
/*
 * One try of a request: an easy handle, what it sends and what comes back. The loop adds and
 * removes the handle. Redirects are followed here, hop by hop, because it is decided for each
 * hop whether it gets the bearer.
 *
 *  1. `may_send` is asked on an established connection, before the first byte of a request
 *     goes out; if it says no, nothing is sent. `may_end` is asked before the last bytes of a file
 *     are handed to curl; if it says no, they are not.
 *  2. curl repeats a request by itself when a kept-alive connection dies without an answer. For
 *     anything but HTTP_REPEAT_ALWAYS such a second sending is refused: -ECONNRESET,
 *     may_have_applied. So a POST may use a kept-alive connection and is still sent once. Where
 *     repeating is allowed, the first sending may have taken effect whatever the second one is
 *     answered: a DELETE that is answered by 404 then did its work.
 *  3. may_have_applied is false only if no byte of the request's body left (of a request without
 *     one: no byte at all), on whatever connection, or if the server's answer was a refusal.
 * Ownership: the request and the context are borrowed until http_try_free.
 * Thread rule: the I/O thread.
 */
#pragma once

#include <curl/curl.h>

#include "http/loop.h"
#include "http/retry.h"
#include "http/route.h"

struct http_try;

struct http_try_context {
	const char *user_agent;
	char *const *origins;		/* as http_origin gives them, NULL-terminated */
	const struct http_route *route; /* NULL: libcurl's choice */
	int connect_timeout_ms;
	bool (*may_send)(void *arg);
	bool (*may_end)(void *arg);
	/* Called when a piece of the body, `len` bytes, was taken, or when the taker paused the transfer. */
	void (*moved)(void *arg, bool is_paused, size_t len);
	int64_t from; /* with take: the first byte of the body that is wanted */
	void *arg;
};

/* NULL without memory. `fresh`: not on a kept-alive connection. Owned. */
struct http_try *http_try_new(const struct http_request *req,
			      const struct http_try_context *context, bool fresh);
void http_try_free(struct http_try *t);

/* CURLINFO_PRIVATE of the handle is `owner`. */
CURL *http_try_handle(struct http_try *t, void *owner);
void http_try_set_timeout(struct http_try *t, int64_t timeout_ms);

/*
 * Called after the handle was removed. True if the answer was a redirect: the handle is set up
 * for it and is to be added again (with a new time-out). A redirect that may not be followed
 * makes *code an error.
 */
bool http_try_follow(struct http_try *t, CURLcode *code);

/* The outcome of the try. `code` is CURLE_ABORTED_BY_CALLBACK for a try that was cut off.
 * Owned. */
struct http_response *http_try_finish(struct http_try *t, CURLcode code,
				      struct http_outcome *ret_outcome);

/* What curl's code means: -errno, and whether another try may succeed. */
int http_curl_error(CURL *easy, CURLcode code, bool *ret_transient);
