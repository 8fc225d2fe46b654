/* SPDX-License-Identifier: MIT */
/* NEED_DIRECT: the 1:1 space with an address (webex-api.md 5.4). */
#include <errno.h>

#include "pager/fetchers/fetchers.h"
#include "pager/fetchers/list.h"
#include "webex/id.h"

/* True if the store already knows the space, by the address, or by the id if that is known. */
static bool is_known(struct fetch *f, int64_t *ret_room)
{
	struct store_room room = {0};
	struct store_conn *conn;
	bool is_direct;
	int r;

	if (store_read_begin(pager_get_config(f->pager)->store, &conn))
		return false;
	r = f->room_id ? store_room_by_id(conn, f->room_id, &room)
		       : store_room_by_email(conn, f->need.key, &room);
	*ret_room = room.rowid;
	is_direct = r == 0 && room.room.type == WEBEX_ROOM_DIRECT;
	store_room_clear(&room);
	store_read_end(conn);
	return is_direct;
}

static int begin(struct fetch *f)
{
	int64_t room;

	if (is_known(f, &room))
		return FETCH_DONE;
	f->request = webex_list_direct(pager_get_config(f->pager)->client, f->need.key,
				       fetch_answered, f);
	return FETCH_MORE;
}

/* Keeps the messages by which the space was found. */
static int found(struct fetch *f, int64_t room)
{
	const struct pager_config *c = pager_get_config(f->pager);
	GPtrArray *changes = store_changes_new();
	int r = store_set_direct_email(c->store, room, f->need.key);

	if (r == 0)
		r = store_apply_page(c->store, room, f->items, 0, 0, STORE_PAGE_PICKED,
				     clock_wall(c->clock), NULL, changes);
	return pager_published(f->pager, r, changes);
}

static int got_room(struct fetch *f, struct webex_reply *reply)
{
	const struct pager_config *c = pager_get_config(f->pager);
	GPtrArray *changes;
	int64_t room = 0;
	int r;

	const struct webex_room *got;

	if (reply->error)
		return reply->error;
	got = reply->items->pdata[0];
	/* What is written to a person must not come to a group. */
	if (got->type != WEBEX_ROOM_DIRECT || !webex_id_is_same(got->id, f->room_id))
		return fetch_spoil(reply, "the server answered with no 1:1 space");
	changes = store_changes_new();
	r = store_apply_room(c->store, got, 0, &room, changes);
	r = pager_published(f->pager, r, changes);
	return r ? r : found(f, room);
}

static int answer(struct fetch *f, struct webex_reply *reply)
{
	const struct webex_message *first;
	int64_t room;

	if (f->room_id)
		return got_room(f, reply);
	/* There is no such space. It is unconfirmed which answer says so: an empty list, 404 or
	 * 400 (webex-api.md 5.4). */
	if (reply->status == 404 || reply->status == 400 ||
	    (!reply->error && !reply->items->len))
		return 0;
	if (reply->error)
		return reply->error;
	pages_collect(f, reply, webex_message_free);
	first = f->items->pdata[0];
	if (!first->room_id)
		return fetch_spoil(reply, "the server's message names no space");
	f->room_id = g_strdup(first->room_id);
	if (is_known(f, &room))
		return found(f, room);
	f->request = webex_get_room(pager_get_config(f->pager)->client, f->room_id,
				    fetch_answered, f);
	return FETCH_MORE;
}

const struct fetcher fetcher_direct = {
	.kind = NEED_DIRECT,
	.words = "the 1:1 space with",
	.age = FETCH_LIST_AGE,
	.begin = begin,
	.answer = answer,
};
