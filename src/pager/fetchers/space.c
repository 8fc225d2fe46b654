/* SPDX-License-Identifier: MIT */
/* NEED_ROOM: the details of one space, or team (webex-api.md 5.2, 5.7). */
#include <errno.h>

#include "base/cleanup.h"
#include "pager/fetchers/fetchers.h"
#include "pager/proof/proof.h"
#include "webex/id.h"

static int begin(struct fetch *f)
{
	bool filtered;
	int r = pager_load_room(f->pager, f->need.row, &f->room_id, &filtered);

	if (r)
		return r;
	f->request = pager_place(f->pager, f->need.row)
			     ->get(pager_get_config(f->pager)->client, f->room_id,
				   fetch_answered, f);
	return FETCH_MORE;
}

static int answer(struct fetch *f, struct webex_reply *reply)
{
	_cleanup_gfree_ char *id = NULL;
	const struct webex_room *room;
	GPtrArray *changes;
	bool filtered;

	if (reply->status == 404) {
		int r = proof_room_vanished(pager_proof(f->pager), f->need.row);

		/* The details from the answer to mkdir are enough. */
		return r == -EAGAIN ? 0 : r;
	}
	if (reply->error)
		return reply->error;
	/* It was found to be gone since the request. */
	if (pager_load_room(f->pager, f->need.row, &id, &filtered))
		return -ENOENT;
	room = reply->items->pdata[0];
	if (!webex_id_is_same(room->id, id))
		return fetch_spoil(reply, "the server answered with another space");
	changes = store_changes_new();
	return pager_published(
		f->pager,
		store_apply_room(pager_get_config(f->pager)->store, room, 0, NULL, changes),
		changes);
}

const struct fetcher fetcher_room = {
	.kind = NEED_ROOM,
	.words = "the details of",
	.is_of_space = true,
	.age = FETCH_LIST_AGE,
	.begin = begin,
	.answer = answer,
};
