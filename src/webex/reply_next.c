/* SPDX-License-Identifier: MIT */
/* Where a list goes on (webex-api.md 2). */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "http/link.h"
#include "webex/client.h"
#include "webex/page.h"

/* A next link that leads nowhere must not look like the end of the list. What the page has is good. */
static void cut_list(struct webex_reply *reply, const char *message)
{
	reply->is_cut = true;
	reply->message = g_strdup(message);
}

void webex_reply_fill_next(const struct webex_call *call, struct webex_reply *reply)
{
	const char *link = call->answer->link;
	_cleanup_gfree_ char *target = link ? http_link_next(link) : NULL;

	if (!target) {
		if (link && (strcasestr(link, "rel=next") || strcasestr(link, "rel=\"next\"")))
			cut_list(reply, "the next link cannot be read");
		return;
	}
	int r = webex_page_next(call->url, target, &reply->next);
	if (r == -ELOOP)
		cut_list(reply, "the next link leads to the same page again");
	else if (r < 0)
		cut_list(reply, "the next link cannot be used");
}
