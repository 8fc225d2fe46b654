/* SPDX-License-Identifier: MIT */
/* Requests that somebody typed (webex-api.md 2, 5). */
#include <errno.h>
#include <string.h>

#include "webex/client.h"

/* As of a list (api_list.c). */
#define REQUEST_BODY_MAX ((size_t)64 << 20)
/* As of an attachment. */
#define REQUEST_BYTES_MAX                                                                      \
	((size_t)(G_MAXSIZE > 0xFFFFFFFFu ? G_GUINT64_CONSTANT(0x100000000) : G_MAXSIZE))

static bool is_change(enum http_method method)
{
	return method != HTTP_GET && method != HTTP_HEAD;
}

/* A next link came back through the caller; it is one of this server all the same. */
static bool is_of_server(const struct webex_client *c, const char *path)
{
	size_t base_len = strlen(c->base_url);

	return path[0] == '/' ||
	       (strncmp(path, c->base_url, base_len) == 0 && path[base_len] == '/');
}

uint64_t webex_request(struct webex_client *c, const struct webex_request *r, webex_done done,
		       void *arg)
{
	bool is_ours = is_of_server(c, r->path);
	struct webex_call *call =
		webex_call_new(c, r->method, is_ours ? r->path : "/",
			       r->take ? WEBEX_FORM_CONTENT : WEBEX_FORM_REQUEST,
			       WEBEX_KIND_PERSON, done, arg);
	struct http_request *req = call->request;

	req->max_body = r->take ? REQUEST_BYTES_MAX : REQUEST_BODY_MAX;
	req->asks_much = r->asks_much;
	req->take = r->take;
	req->take_arg = r->take_arg;
	req->follow_redirects = r->take != NULL;
	if (is_change(r->method) && r->method != HTTP_DELETE) {
		req->body = g_strndup(r->body ? r->body : "", r->body_len);
		req->body_len = r->body_len;
		req->content_type = g_strdup("application/json");
	}
	if (!is_ours)
		webex_call_refuse(call, -EINVAL, "not a page of this server");
	return webex_call_start(call);
}
