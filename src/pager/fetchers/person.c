/* SPDX-License-Identifier: MIT */
/* NEED_PERSON: who has an address, and who we are (webex-api.md 5.1). */
#include <errno.h>
#include <string.h>

#include "pager/fetchers/fetchers.h"

static int begin(struct fetch *f)
{
	struct webex_client *client = pager_get_config(f->pager)->client;

	if (strcmp(f->need.key, "me") == 0)
		f->request = webex_get_me(client, fetch_answered, f);
	else
		f->request = webex_find_person(client, f->need.key, fetch_answered, f);
	return FETCH_MORE;
}

static int answer(struct fetch *f, struct webex_reply *reply)
{
	const struct pager_config *c = pager_get_config(f->pager);
	GPtrArray *changes;

	if (reply->error)
		return reply->error;
	if (!reply->items->len && reply->skipped)
		return fetch_spoil_partial(reply);
	if (!reply->items->len)
		return -ENOENT;
	changes = store_changes_new();
	return pager_published(f->pager,
			       store_apply_person(c->store, reply->items->pdata[0],
						  clock_wall(c->clock), NULL, changes),
			       changes);
}

const struct fetcher fetcher_person = {
	.kind = NEED_PERSON,
	.words = "the details of",
	.age = FETCH_PERSON_AGE,
	.absent_ms = PAGER_ABSENT_MS,
	.begin = begin,
	.answer = answer,
};
