/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "webex/client.h"
#include "webex/disposition.h"
#include "webex/id.h"
#include "webex/json.h"
#include "webex/status.h"
#include "webex/text.h"

#define MESSAGE_MAX 500
#define TRACKING_ID_MAX 128
#define CONTENT_TYPE_MAX 128

void webex_reply_clear(struct webex_reply *reply)
{
	g_free(reply->message);
	g_free(reply->tracking_id);
	g_free(reply->advice);
	g_free(reply->next);
	g_free(reply->content_name);
	g_free(reply->content_type);
	g_free(reply->body);
	if (reply->list_items)
		g_array_unref(reply->list_items);
	if (reply->items)
		g_ptr_array_unref(reply->items);
	memset(reply, 0, sizeof(*reply));
}

char *webex_reply_words(const struct webex_reply *reply)
{
	GString *words = g_string_new(reply->message ? reply->message : "no answer");

	if (reply->tracking_id)
		g_string_append_printf(words, ", tracking id %s", reply->tracking_id);
	if (reply->advice)
		g_string_append_printf(words, "; %s", reply->advice);
	return g_string_free(words, FALSE);
}

/* True for errors of the network; the others arise here. */
static bool is_network_error(int error)
{
	switch (-error) {
	case ECONNREFUSED:
	case ECONNRESET:
	case ENETUNREACH:
	case EHOSTUNREACH:
	case EPROTO:
	case ETIMEDOUT:
	case EIO:
		return true;
	default:
		return false;
	}
}

static char *clean_or_null(const char *text, size_t max)
{
	char *line = text ? webex_text_line(text, max) : NULL;

	if (line && *line)
		return line;
	g_free(line);
	return NULL;
}

static void set_error(struct webex_reply *reply, int error, const char *message)
{
	reply->error = error;
	if (!reply->message)
		reply->message = clean_or_null(message, MESSAGE_MAX);
}

static void fill_transport_error(const struct http_response *answer, bool is_unchecked,
				 struct webex_reply *reply)
{
	/* A 401 for which no other token came is an answer, unless that is the network's fault. */
	reply->is_network =
		is_unchecked || (is_network_error(answer->error) && answer->status != 401);
	reply->may_have_applied = answer->may_have_applied;
	/* EMSGSIZE means here that the answer is larger than any sensible one. */
	set_error(reply, answer->error == -EMSGSIZE ? -EIO : answer->error, answer->detail);
}

/* True for a conflict that may be one with an earlier try of ours whose answer was lost. */
static bool is_conflict(enum http_method method, int status)
{
	return status == 409 && (method == HTTP_PUT || method == HTTP_DELETE);
}

/* may_be_ours: who asked reads the object after a conflict, to see whether it is one with an earlier try. */
static void fill_status_error(enum http_method method, const struct http_response *answer,
			      bool may_be_ours, struct webex_reply *reply)
{
	const char *body = answer->body ? answer->body : "";

	reply->message = webex_error_text(body, answer->body_len);
	reply->may_have_applied = answer->may_have_applied ||
				  (may_be_ours && is_conflict(method, answer->status));
	set_error(reply, webex_status_errno(method, answer->status, reply->message),
		  answer->detail);
}

/* The server did what was asked, but its answer cannot be read. */
static void fill_unreadable(struct webex_reply *reply, const char *message)
{
	set_error(reply, -EIO, message);
	reply->may_have_applied = true;
}

static const char *room_of(enum webex_kind kind, const void *item)
{
	switch (kind) {
	case WEBEX_KIND_MESSAGE:
		return ((const struct webex_message *)item)->room_id;
	case WEBEX_KIND_MEMBERSHIP:
	case WEBEX_KIND_TEAM_MEMBERSHIP:
		return ((const struct webex_membership *)item)->room_id;
	case WEBEX_KIND_ROOM:
	case WEBEX_KIND_TEAM:
	case WEBEX_KIND_PERSON:
	case WEBEX_KIND_ACTION:
	case WEBEX_KIND_WEBHOOK:
		break;
	}
	return NULL;
}

/* Takes what belongs to another space from a list of a space, in place: it is no part of it, and
 * stands where something of it may have stood. */
static void drop_strangers(const struct webex_call *call, struct webex_reply *reply)
{
	GPtrArray *items = reply->items;
	GDestroyNotify free_item = webex_free_function(call->kind);
	guint kept = 0;

	g_ptr_array_set_free_func(items, NULL);
	for (guint i = 0; i < items->len; i++) {
		void *item = items->pdata[i];
		const char *room = room_of(call->kind, item);

		if (room && !webex_id_is_same(room, call->room_id))
			free_item(item);
		else
			items->pdata[kept++] = item;
	}
	reply->skipped += (int)(items->len - kept);
	g_ptr_array_set_size(items, (gint)kept);
	g_ptr_array_set_free_func(items, free_item);
}

/* True if the success of a deletion says what a proxy or a server without deletions would say. */
static bool is_unclear(const struct http_response *answer)
{
	_cleanup_json_ cJSON *doc = NULL;

	if (answer->status == 202)
		return true;
	if (answer->status < 200 || answer->status > 299 || answer->status == 204 ||
	    answer->body_len == 0)
		return false;
	doc = json_parse(answer->body, answer->body_len);
	return !json_is_object(doc) || json_get(doc, "errors") || json_get(doc, "error");
}

static void fill_items(const struct webex_call *call, struct webex_reply *reply)
{
	const struct http_response *answer = call->answer;
	bool is_list = call->form == WEBEX_FORM_LIST;

	if (call->form != WEBEX_FORM_OBJECT && !is_list) {
		if (call->method == HTTP_DELETE && is_unclear(answer))
			fill_unreadable(reply,
					"the server's answer does not say that it was done");
		else
			reply->items = g_ptr_array_new();
		return;
	}
	/* A change may be answered without a body; for a read an empty body is no answer. */
	if (!is_list && call->method != HTTP_GET &&
	    (answer->status == 204 || answer->body_len == 0)) {
		reply->items = g_ptr_array_new();
		return;
	}
	if (is_list)
		webex_reply_fill_next(call, reply);
	if (reply->error == 0 &&
	    webex_parse(call->kind, answer->body ? answer->body : "", answer->body_len, is_list,
			&reply->items, &reply->skipped) < 0)
		fill_unreadable(reply, "the server's answer is not of the expected form");
	if (reply->error == 0 && is_list && call->room_id)
		drop_strangers(call, reply);
	if (reply->error != 0)
		g_clear_pointer(&reply->next, g_free);
}

static void fill_content(const struct webex_call *call, struct webex_reply *reply)
{
	const struct http_response *answer = call->answer;
	bool is_head = call->method == HTTP_HEAD;

	reply->content_bytes = is_head ? answer->content_length : answer->position;
	reply->content_total = answer->total;
	reply->content_is_framed = answer->is_framed;
	reply->content_name = webex_disposition_name(answer->content_disposition);
	reply->content_type = clean_or_null(answer->content_type, CONTENT_TYPE_MAX);
}

void webex_reply_fill(const struct webex_call *call, struct webex_reply *reply)
{
	const struct http_response *answer = call->answer;
	enum http_method method = call->method;

	reply->status = answer->status;
	reply->held_ms = answer->held_ms;
	reply->tracking_id = clean_or_null(answer->tracking_id, TRACKING_ID_MAX);
	/* This also holds for a transfer that its taker ended. */
	if (call->form == WEBEX_FORM_CONTENT && answer->status >= 200 && answer->status < 300)
		fill_content(call, reply);
	if (call->form == WEBEX_FORM_REQUEST || call->form == WEBEX_FORM_CONTENT)
		webex_request_fill_body(call, reply);
	if (answer->error != 0) {
		fill_transport_error(answer, call->is_unchecked, reply);
		return;
	}
	/* It is gone already: an earlier try of ours deleted it. */
	bool is_gone = (answer->status == 404 || answer->status == 410) &&
		       method == HTTP_DELETE && answer->may_have_applied;
	if (!is_gone && webex_status_errno(method, answer->status, NULL) != 0) {
		fill_status_error(method, answer, call->form != WEBEX_FORM_REQUEST, reply);
		return;
	}
	if (call->form == WEBEX_FORM_REQUEST)
		webex_request_fill(call, reply);
	else
		fill_items(call, reply);
}
