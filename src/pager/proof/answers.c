/* SPDX-License-Identifier: MIT */
/* What the answer to a GET by id proves (pager/proof/proof.h). */
#include "pager/proof/internal.h"
#include "webex/id.h"

#define HTTP_BAD_REQUEST 400
#define HTTP_NOT_FOUND 404
#define HTTP_GONE 410

/* True unless `id` is surely that of another space. */
static bool is_its_room(const struct thing *t, const char *id)
{
	struct store_room room = {0};
	struct store_conn *conn;
	bool is = true;

	if (!id || store_read_begin(pager_get_config(t->proof->pager)->store, &conn))
		return true;
	if (store_room_get(conn, t->room, &room) == 0)
		is = webex_id_is_same(room.room.id, id);
	store_room_clear(&room);
	store_read_end(conn);
	return is;
}

static enum proof_verdict judge(const struct thing *t, const char *id, const char *room)
{
	if (!id || !webex_id_is_same(id, t->id))
		return PROOF_OPEN;
	return is_its_room(t, room) ? PROOF_THERE : PROOF_GONE;
}

static enum proof_verdict read_item(const struct thing *t, const void *item)
{
	const struct webex_message *message = item;
	const struct webex_membership *member = item;
	const struct webex_room *room = item;

	switch (t->kind) {
	case PROOF_ROOM:
	case PROOF_TEAM:
		return judge(t, room->id, NULL);
	case PROOF_MESSAGE:
		return judge(t, message->id, message->room_id);
	case PROOF_MEMBER:
		return judge(t, member->id, member->room_id);
	case PROOF_WEBHOOK:
		return judge(t, webex_item_id(item), NULL);
	}
	return PROOF_OPEN;
}

/* True if no object of the kind can have this id, so that 400 to it means what 404 does. */
static bool is_no_id(const struct thing *t)
{
	static const enum webex_type types[] = {
		[PROOF_ROOM] = WEBEX_TYPE_ROOM,		[PROOF_MESSAGE] = WEBEX_TYPE_MESSAGE,
		[PROOF_MEMBER] = WEBEX_TYPE_MEMBERSHIP, [PROOF_TEAM] = WEBEX_TYPE_TEAM,
		[PROOF_WEBHOOK] = WEBEX_TYPE_WEBHOOK,
	};
	bool is_of_team = t->kind == PROOF_MEMBER && t->type == WEBEX_ROOM_TEAM;
	enum webex_type type = is_of_team ? WEBEX_TYPE_TEAM_MEMBERSHIP : types[t->kind];
	struct webex_id id;

	return webex_id_decode(t->id, &id) || (id.type != type && id.type != WEBEX_TYPE_OTHER);
}

enum proof_verdict proof_read_answer(const struct thing *t, const struct webex_reply *reply)
{
	if (!reply->error)
		return reply->items && reply->items->len ? read_item(t, reply->items->pdata[0])
							 : PROOF_OPEN;
	if (reply->status == HTTP_NOT_FOUND || reply->status == HTTP_GONE)
		return PROOF_GONE;
	return reply->status == HTTP_BAD_REQUEST && is_no_id(t) ? PROOF_GONE : PROOF_OPEN;
}

/* A change that is made here, of the space or of its members, moves this generation. */
uint64_t proof_generation(const struct thing *t)
{
	const struct need need = {
		.kind = t->kind == PROOF_WEBHOOK ? NEED_WEBHOOKS
			: proof_is_room(t->kind) ? NEED_ROOM
						 : NEED_MEMBERS,
		.row = t->room,
	};

	return pager_generation(t->proof->pager, &need);
}

bool proof_is_untouched(const struct thing *t)
{
	struct store_message message = {0};
	struct store_conn *conn;
	bool is;

	if (t->kind != PROOF_MESSAGE)
		return t->generation == proof_generation(t);
	if (store_read_begin(pager_get_config(t->proof->pager)->store, &conn))
		return false;
	is = store_message_get(conn, t->row, &message) == 0 && !message.deleted &&
	     message.m.updated_ms == t->updated_ms;
	store_message_clear(&message);
	store_read_end(conn);
	return is;
}
