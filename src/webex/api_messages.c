/* SPDX-License-Identifier: MIT */
/* Messages and contents (webex-api.md 5.4, 5.5). */
#include <errno.h>

#include "base/cleanup.h"
#include "webex/client.h"
#include "webex/json.h"
#include "webex/url.h"

/* The vendor's apps send files of up to 2 GB. */
#define CONTENT_MAX                                                                            \
	((size_t)(G_MAXSIZE > 0xFFFFFFFFu ? G_GUINT64_CONSTANT(0x100000000) : G_MAXSIZE))

uint64_t webex_get_message(struct webex_client *c, const char *id, webex_done done, void *arg)
{
	return webex_call_start(webex_call_new_item(c, HTTP_GET, "/messages", id,
						    WEBEX_FORM_OBJECT, WEBEX_KIND_MESSAGE, done,
						    arg));
}

uint64_t webex_delete_message(struct webex_client *c, const char *id, webex_done done,
			      void *arg)
{
	return webex_call_start(webex_call_new_item(c, HTTP_DELETE, "/messages", id,
						    WEBEX_FORM_NOTHING, WEBEX_KIND_MESSAGE,
						    done, arg));
}

uint64_t webex_edit_message(struct webex_client *c, const char *id, const char *room_id,
			    const char *text, const char *markdown, webex_done done, void *arg)
{
	struct webex_call *call = webex_call_new_item(
		c, HTTP_PUT, "/messages", id, WEBEX_FORM_OBJECT, WEBEX_KIND_MESSAGE, done, arg);
	GString *body = g_string_new("{");

	json_append_member(body, "roomId", room_id);
	json_append_member(body, "text", text);
	json_append_member(body, "markdown", markdown);
	g_string_append_c(body, '}');
	webex_call_set_json(call, g_string_free(body, FALSE));
	if (!text == !markdown)
		webex_call_refuse(call, -EINVAL, "either text or markdown");
	return webex_call_start(call);
}

static void add_part(struct http_request *req, const char *name, const char *value)
{
	if (value)
		http_request_add_value(req, name, value);
}

static void set_multipart(struct http_request *req, const struct webex_post *p)
{
	add_part(req, "roomId", p->room_id);
	add_part(req, "toPersonEmail", p->to_email);
	add_part(req, "parentId", p->parent_id);
	add_part(req, "text", p->text);
	add_part(req, "markdown", p->markdown);
	http_request_add_file(req, "files", p->filename ? p->filename : "file",
			      p->content_type ? p->content_type : "application/octet-stream",
			      p->fd, p->size);
}

static char *post_json(const struct webex_post *p)
{
	GString *body;

	if (p->json_body)
		return g_strdup(p->json_body);
	body = g_string_new("{");
	json_append_member(body, "roomId", p->room_id);
	json_append_member(body, "toPersonEmail", p->to_email);
	json_append_member(body, "parentId", p->parent_id);
	json_append_member(body, "text", p->text);
	json_append_member(body, "markdown", p->markdown);
	g_string_append_c(body, '}');
	return g_string_free(body, FALSE);
}

/* What is wrong with a post, or NULL. */
static const char *post_problem(const struct webex_post *p)
{
	bool has_text = p->text || p->markdown;

	if (p->json_body)
		return has_text || p->fd >= 0 ? "a raw body stands alone" : NULL;
	if (!p->room_id == !p->to_email)
		return "exactly one destination";
	if (p->text && p->markdown)
		return "either text or markdown";
	return has_text || p->fd >= 0 ? NULL : "nothing to post";
}

uint64_t webex_post_message(struct webex_client *c, const struct webex_post *p, webex_done done,
			    void *arg)
{
	const char *problem = post_problem(p);
	struct webex_call *call = webex_call_new(c, HTTP_POST, "/messages", WEBEX_FORM_OBJECT,
						 WEBEX_KIND_MESSAGE, done, arg);

	if (p->fd >= 0)
		set_multipart(call->request, p);
	else
		webex_call_set_json(call, post_json(p));
	call->request->sent = p->sent;
	if (p->timeout_ms > 0)
		call->request->timeout_ms = p->timeout_ms;
	if (problem)
		webex_call_refuse(call, -EINVAL, problem);
	return webex_call_start(call);
}

uint64_t webex_submit_card(struct webex_client *c, const char *message_id, const char *inputs,
			   webex_done done, void *arg)
{
	struct webex_call *call =
		webex_call_new(c, HTTP_POST, "/attachment/actions", WEBEX_FORM_OBJECT,
			       WEBEX_KIND_ACTION, done, arg);
	GString *body = g_string_new("{");

	json_append_member(body, "type", "submit");
	json_append_member(body, "messageId", message_id);
	g_string_append_printf(body, ",\"inputs\":%s}", inputs);
	webex_call_set_json(call, g_string_free(body, FALSE));
	return webex_call_start(call);
}

uint64_t webex_get_content(struct webex_client *c, const struct webex_download *d,
			   webex_done done, void *arg)
{
	_cleanup_gfree_ char *target = NULL;
	int r = webex_url_content(c->base_url, d->url, &target);
	g_autoptr(GString) url = g_string_new(r == 0 ? target : "/contents");
	struct webex_call *call;

	if (d->unscannable)
		webex_url_add(url, "allow", "unscannable");
	call = webex_call_new(c, HTTP_GET, url->str, WEBEX_FORM_CONTENT, WEBEX_KIND_MESSAGE,
			      done, arg);
	call->request->take = d->take;
	call->request->take_arg = d->take_arg;
	call->request->from = d->from;
	call->request->to = d->to;
	call->request->locked_max_ms = d->scan_ms;
	call->request->max_body = CONTENT_MAX;
	call->request->follow_redirects = true;
	if (r < 0)
		webex_call_refuse(call, r, "not a content URL of this server");
	return webex_call_start(call);
}

uint64_t webex_head_content(struct webex_client *c, const char *url, webex_done done, void *arg)
{
	_cleanup_gfree_ char *target = NULL;
	int r = webex_url_content(c->base_url, url, &target);
	struct webex_call *call =
		webex_call_new(c, HTTP_HEAD, r == 0 ? target : "/contents", WEBEX_FORM_CONTENT,
			       WEBEX_KIND_MESSAGE, done, arg);

	call->request->follow_redirects = true;
	if (r < 0)
		webex_call_refuse(call, r, "not a content URL of this server");
	return webex_call_start(call);
}
