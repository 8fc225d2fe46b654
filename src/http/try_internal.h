/* SPDX-License-Identifier: MIT */
/* What the files of a try share: try.c sets it up and runs it, answer.c reads the answer,
 * body.c hands a body on as it comes. */
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
	char *url;			/* of this hop */
	const struct http_proxy *proxy; /* of this hop; NULL: none */
	int redirects;
	bool bearer_dropped; /* stays true for the rest of the request: a foreign host must not
			      * get the bearer back by a redirect */

	bool connected; /* this hop's request was about to go out */
	/* Bytes of this hop's request left, on whatever connection. */
	bool head_left, body_left;
	bool sent_before; /* curl had sent the request on another connection, which died without
			   * an answer */

	int fail; /* -errno of a callback of ours that ended the transfer; 0 */
	const char *fail_words;
	size_t header_bytes;
	int header_fields;
	char *body; /* NUL-terminated */
	size_t body_len;
	size_t body_size;
	bool is_begun; /* the first piece of the body has come, and the fields below are set */
	bool is_part;
	int64_t at; /* offset of the next byte */
	int64_t total;
	bool body_is_enough; /* as much of an error's body came as is kept */
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

/* A length that the server states; -1 if it states none, or one that no file has: who was told it
 * would make room for it. */
static inline int64_t try_length(struct http_try *t)
{
	int64_t said = try_size(t, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T);

	return said > HTTP_LENGTH_MAX ? -1 : said;
}

/* True if something left on which the server may act: nobody acts on half a request. */
bool try_has_left(const struct http_try *t);
/* The first field of that name, NULL if there is none. Valid until the next transfer. */
const char *try_header(struct http_try *t, const char *name, size_t index);
/* True if the body is compressed on the wire. */
bool try_is_packed(struct http_try *t);
/* In body.c. Hands a piece of the body to the taker; returns what CURLOPT_WRITEFUNCTION
 * returns. */
size_t try_take(struct http_try *t, const char *data, size_t len);
/* In body.c. Reads the Content-Range field (http/content_range.h). */
bool try_content_range(struct http_try *t, int64_t *ret_first, int64_t *ret_total);
/* body.c: the status is a success, but not of an answer that has the bytes that were asked for. */
bool try_is_no_file(const struct http_try *t, long status);
#define TRY_NO_FILE "the answer is a success without the file"
void try_set_fail(struct http_try *t, int error, const char *words);
