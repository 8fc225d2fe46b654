/* SPDX-License-Identifier: MIT */
/* The answers to requests that somebody typed. */
#include <errno.h>
#include <string.h>

#include "webex/client.h"
#include "webex/json_text.h"

void webex_request_fill_body(const struct webex_call *call, struct webex_reply *reply)
{
	const struct http_response *answer = call->answer;

	if (!answer->body || !answer->body_len)
		return;
	reply->body = g_malloc(answer->body_len + 1);
	memcpy(reply->body, answer->body, answer->body_len + 1);
	reply->body_len = answer->body_len;
}

static void fill_unreadable(struct webex_reply *reply, const char *message)
{
	reply->error = -EIO;
	reply->message = g_strdup(message);
	reply->may_have_applied = true;
}

static void fill_json(const struct webex_call *call, struct webex_reply *reply)
{
	int r = json_text_list(reply->body, reply->body_len, &reply->list, &reply->list_items);

	if (r == -EBADMSG)
		fill_unreadable(reply, "the server's answer is no JSON");
	else if (r == 0)
		webex_reply_fill_next(call, reply);
	else if (call->answer->link && strstr(call->answer->link, "next"))
		fill_unreadable(reply, "the answer has further pages, but no list");
}

void webex_request_fill(const struct webex_call *call, struct webex_reply *reply)
{
	if (reply->body)
		fill_json(call, reply);
	else if (call->method == HTTP_GET && call->answer->status == 200)
		fill_unreadable(reply, "the server's answer is empty");
}
