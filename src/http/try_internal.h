/* SPDX-License-Identifier: MIT */
/* A try as its two halves see it: try.c sets it up and runs it, answer.c reads what came. */
#pragma once

#include <stddef.h>

#include "http/try.h"

struct part_reader;

struct http_try {
	const struct http_request *req;
	const struct http_try_context *context;
	CURL *easy;
	struct curl_slist *headers;
	curl_mime *mime;
	struct part_reader *readers;
	char *url; /* of this hop */
	int redirects;
	bool bearer_dropped; /* for good: a stranger's redirect does not earn it back */

	bool connected;	  /* this hop's request was about to go out */
	bool is_first;	  /* first request on its connection */
	long size_before; /* CURLINFO_REQUEST_SIZE then: a proxy's CONNECT */
	bool sent_before; /* curl sent it on another connection, which died without an answer */

	int fail; /* -errno of a callback of ours that ended the transfer; 0 */
	const char *fail_words;
	size_t header_bytes;
	char *body; /* NUL-terminated */
	size_t body_len;
	size_t body_size;
	bool is_begun; /* the body's first piece was looked at; with it: */
	bool is_part;
	int64_t at; /* place of the next byte */
	int64_t total;
	bool body_is_enough; /* of an error's body */
	char words[CURL_ERROR_SIZE];
};

static inline long try_long(struct http_try *t, CURLINFO what)
{
	long value = 0;

	curl_easy_getinfo(t->easy, what, &value);
	return value;
}

static inline int64_t try_size(struct http_try *t, CURLINFO what)
{
	curl_off_t value = 0;

	curl_easy_getinfo(t->easy, what, &value);
	return value;
}

/* The first field of that name, NULL if there is none. Valid until the next transfer. */
const char *try_header(struct http_try *t, const char *name, size_t index);
/* Whether the body is another than the bytes on the wire. */
bool try_is_packed(struct http_try *t);
/* body.c: a piece of a body that is taken as it comes. As CURLOPT_WRITEFUNCTION. */
size_t try_take(struct http_try *t, const char *data, size_t len);
/* body.c: the place that a Content-Range field names, its first byte (-1: none, "*") and the whole's
 * length (-1: not said). False if there is no such field. */
bool try_content_range(struct http_try *t, int64_t *ret_first, int64_t *ret_total);
void try_set_fail(struct http_try *t, int error, const char *words);
