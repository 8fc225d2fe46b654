/* SPDX-License-Identifier: MIT */
/* Making and freeing requests and responses. */
#include <glib.h>
#include <string.h>

#include "http/loop_internal.h"

static _Thread_local struct http_asker asker_now;

struct http_asker http_ask_for(struct http_asker asker)
{
	struct http_asker before = asker_now;

	asker_now = asker;
	return before;
}

struct http_asker http_asker_now(void)
{
	return asker_now;
}

struct http_request *http_request_new(enum http_method method, const char *url)
{
	struct http_request *req = g_new0(struct http_request, 1);
	bool reads = method == HTTP_GET || method == HTTP_HEAD;

	req->method = method;
	req->lane = reads ? HTTP_LANE_READ : HTTP_LANE_WRITE;
	req->repeat = method == HTTP_POST || method == HTTP_PATCH ? HTTP_REPEAT_UNSENT
								  : HTTP_REPEAT_ALWAYS;
	req->url = g_strdup(url);
	req->asker = asker_now;
	return req;
}

static void wipe_free(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	g_free(secret);
}

void http_request_set_bearer(struct http_request *req, char *bearer)
{
	wipe_free(req->bearer);
	req->bearer = bearer;
}

void http_request_free(struct http_request *req)
{
	if (!req)
		return;
	for (size_t i = 0; i < req->n_parts; i++) {
		g_free(req->parts[i].name);
		g_free(req->parts[i].value);
		g_free(req->parts[i].filename);
		g_free(req->parts[i].content_type);
	}
	g_free(req->parts);
	g_free(req->url);
	wipe_free(req->bearer);
	wipe_free(req->basic);
	g_free(req->content_type);
	/* The form that renews a token holds secrets, too. */
	if (req->body)
		explicit_bzero(req->body, req->body_len);
	g_free(req->body);
	g_free(req);
}

static struct http_part *add_part(struct http_request *req, const char *name)
{
	struct http_part *part;

	req->parts = g_renew(struct http_part, req->parts, req->n_parts + 1);
	part = &req->parts[req->n_parts++];
	*part = (struct http_part){.name = g_strdup(name), .fd = -1};
	return part;
}

void http_request_add_value(struct http_request *req, const char *name, const char *value)
{
	add_part(req, name)->value = g_strdup(value);
}

void http_request_add_file(struct http_request *req, const char *name, const char *filename,
			   const char *content_type, int fd, int64_t size)
{
	struct http_part *part = add_part(req, name);

	part->filename = g_strdup(filename);
	part->content_type = g_strdup(content_type);
	part->fd = fd;
	part->size = size;
}

/* Of all loops of this process, because they share its memory. */
static atomic_size_t bodies;

bool http_bodies_take(size_t bytes, bool must)
{
	size_t now = atomic_fetch_add(&bodies, bytes) + bytes;

	if (must || now <= HTTP_BODIES_MAX)
		return true;
	atomic_fetch_sub(&bodies, bytes);
	return false;
}

void http_bodies_give(size_t bytes)
{
	atomic_fetch_sub(&bodies, bytes);
}

bool http_bodies_are_many(void)
{
	return atomic_load(&bodies) > HTTP_BODIES_MAX / 2;
}

void http_response_drop_body(struct http_response *resp)
{
	/* The answer to it holds a token. */
	if (resp->body)
		explicit_bzero(resp->body, resp->body_len);
	g_clear_pointer(&resp->body, g_free);
	http_bodies_give(resp->body_size);
	resp->body_len = resp->body_size = 0;
}

void http_response_free(struct http_response *resp)
{
	if (!resp)
		return;
	http_response_drop_body(resp);
	g_free(resp->link);
	g_free(resp->content_type);
	g_free(resp->content_disposition);
	g_free(resp->tracking_id);
	g_free(resp->detail);
	g_free(resp);
}
