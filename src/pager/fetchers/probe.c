/* SPDX-License-Identifier: MIT */
/* NEED_PROBE: whether the server is there. It is asked for when that is doubted (pager/server.h). */
#include "pager/fetchers/fetchers.h"

/* Short, because an open waits for it. */
#define PROBE_MS 3000

static int begin(struct fetch *f)
{
	f->request =
		webex_probe(pager_get_config(f->pager)->client, PROBE_MS, fetch_answered, f);
	return FETCH_MORE;
}

static int answer(struct fetch *f, struct webex_reply *reply)
{
	(void)f;
	return reply->error;
}

const struct fetcher fetcher_probe = {
	.kind = NEED_PROBE,
	.words = "whether the server is there",
	.begin = begin,
	.answer = answer,
};
