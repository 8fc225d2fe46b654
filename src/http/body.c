/* SPDX-License-Identifier: MIT */
/* Bodies that are handed to their taker as they come: whole or in part, from the beginning or
 * from where the try before broke. */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "http/content_range.h"
#include "http/try_internal.h"

#define TAKEN_MAX_DEFAULT (1024u * 1024 * 1024)

const char *try_header(struct http_try *t, const char *name, size_t index)
{
	struct curl_header *found;

	if (curl_easy_header(t->easy, name, index, CURLH_HEADER, -1, &found) != CURLHE_OK)
		return NULL;
	return found->value;
}

bool try_is_packed(struct http_try *t)
{
	const char *encoding = try_header(t, "Content-Encoding", 0);

	return encoding && g_ascii_strcasecmp(encoding, "identity") != 0;
}

bool try_content_range(struct http_try *t, int64_t *ret_first, int64_t *ret_total)
{
	return http_content_range(try_header(t, "Content-Range", 0), ret_first, ret_total);
}

bool try_is_no_file(const struct http_try *t, long status)
{
	return t->req->take && status / 100 == 2 && status != 200 && status != 203 &&
	       status != 206;
}

static int begin_body(struct http_try *t)
{
	int64_t first;

	t->is_begun = true;
	t->is_part = try_long(t, CURLINFO_RESPONSE_CODE) == 206;
	if (!t->is_part) {
		t->at = 0;
		if (!try_is_packed(t))
			t->total = try_length(t);
		return 0;
	}
	if (!try_content_range(t, &first, &t->total) || first != t->context->from ||
	    try_is_packed(t))
		return -EIO;
	if (t->total > HTTP_LENGTH_MAX)
		t->total = -1;
	t->at = first;
	return 0;
}

size_t try_take(struct http_try *t, const char *data, size_t len)
{
	size_t limit = t->req->max_body ? t->req->max_body : TAKEN_MAX_DEFAULT;
	struct http_piece piece;
	int r;

	if (try_is_no_file(t, try_long(t, CURLINFO_RESPONSE_CODE))) {
		try_set_fail(t, -EIO, TRY_NO_FILE);
		return 0;
	}
	if (!t->is_begun && begin_body(t) < 0) {
		try_set_fail(t, -EIO, "not the part that was asked for");
		return 0;
	}
	if (t->at > (int64_t)limit || len > limit - (size_t)t->at) {
		try_set_fail(t, -EMSGSIZE, "body too large");
		return 0;
	}
	piece = (struct http_piece){
		.offset = t->at,
		.total = t->total,
		.data = data,
		.len = len,
		.is_part = t->is_part,
	};
	r = t->req->take(t->req->take_arg, &piece);
	if (r < 0) {
		try_set_fail(t, r, "cannot store the body");
		return 0;
	}
	t->context->moved(t->context->arg, r == HTTP_PAUSE, r == HTTP_PAUSE ? 0 : len);
	if (r == HTTP_PAUSE)
		return CURL_WRITEFUNC_PAUSE;
	t->at += (int64_t)len;
	return len;
}
