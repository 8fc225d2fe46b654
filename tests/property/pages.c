/* SPDX-License-Identifier: MIT */
#include "pages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dice.h"
#include "fake_time.h"
#include "model.h"
#include "mount.h"
#include "pager/fetch.h"
#include "pager/proof/proof.h"
#include "wire.h"

void question_set(struct question *q, enum question_kind kind, const struct webex_list *l,
		  const char *id)
{
	*q = (struct question){.kind = kind, .id = g_strdup(id)};
	if (!l)
		return;
	q->next = g_strdup(l->next);
	q->before_message = g_strdup(l->before_message);
	q->sort_by = g_strdup(l->sort_by);
	q->before_ms = l->before_ms;
	q->max = l->max;
	q->mentioned_me = l->mentioned_me;
}

void question_clear(struct question *q)
{
	g_free(q->id);
	g_free(q->next);
	g_free(q->before_message);
	g_free(q->sort_by);
}

static void refuse(struct webex_reply *reply, int error, int status)
{
	reply->error = error;
	reply->status = status;
}

/* ---- messages ---- */

/* A page under way, newest first. */
struct page {
	struct model_room *room;
	GPtrArray *items;
	int taken; /* also what is left out */
	int max;
	guint at;	  /* index below which it goes on */
	const char *last; /* id of the last one taken */
};

static bool find(const struct model_room *room, const char *id, guint *ret_index)
{
	for (guint i = 0; i < room->messages->len; i++) {
		const struct truth *t = room->messages->pdata[i];

		if (strcmp(t->id, id) == 0) {
			*ret_index = i;
			return t->deleted_ms < 0;
		}
	}
	return false;
}

/* Where the page begins; false: its anchor is not there. */
static bool place(const struct question *q, struct page *p)
{
	const char *anchor = q->next ? q->next : q->before_message;

	p->at = p->room->messages->len;
	if (anchor) {
		if (!find(p->room, anchor, &p->at))
			return false;
		if (wire.repeats && q->next)
			p->at++;
		return true;
	}
	while (q->before_ms > 0 && p->at > 0) {
		const struct truth *t = p->room->messages->pdata[p->at - 1];

		if (t->created_ms < q->before_ms ||
		    (wire.is_inclusive && t->created_ms == q->before_ms))
			break;
		p->at--;
	}
	return true;
}

static void take(struct page *p, struct webex_reply *reply)
{
	const struct truth *t = p->room->messages->pdata[--p->at];

	if (t->deleted_ms >= 0)
		return;
	p->taken++;
	p->last = t->id;
	if (t->broken && !wire.is_calm)
		reply->skipped++;
	else if (!t->hidden)
		g_ptr_array_add(reply->items, truth_message(t));
}

static bool has_more(const struct page *p)
{
	for (guint i = 0; i < p->at; i++)
		if (((const struct truth *)p->room->messages->pdata[i])->deleted_ms < 0)
			return true;
	return false;
}

static void answer_messages(const struct question *q, struct webex_reply *reply)
{
	struct page p = {.room = model_room_by_id(q->id)};

	if (!p.room || p.room->left || !place(q, &p)) {
		refuse(reply, -ENOENT, 404);
		return;
	}
	if (model.is_bot && p.room->type == WEBEX_ROOM_GROUP && !q->mentioned_me) {
		refuse(reply, -EACCES, 403);
		return;
	}
	p.max = MIN(q->max > 0 ? q->max : 50, wire.cap);
	if (!wire.is_calm && dice_percent(wire.short_percent))
		p.max = (int)dice_between(1, p.max);
	/* The repeated one is one more. */
	p.max += wire.repeats && q->next;
	reply->items = g_ptr_array_new_with_free_func(webex_message_free);
	while (p.at > 0 && p.taken < p.max)
		take(&p, reply);
	p.room->listed_ms = MAX(p.room->listed_ms, time_server());
	if (p.last && (has_more(&p) || (wire.ends_empty && p.taken == p.max)))
		reply->next = g_strdup(p.last);
	/* The same page for ever. */
	if (q->next && reply->next && !wire.is_calm && dice_percent(wire.loop_percent)) {
		g_free(reply->next);
		reply->next = g_strdup(q->next);
	}
}

/* Messages that nobody may see, or that nobody can read, are not there. */
static void answer_message(const struct question *q, struct webex_reply *reply)
{
	const struct truth *t = g_hash_table_lookup(model.by_id, q->id);

	if (!t || !truth_is_live(t) || t->room->left) {
		refuse(reply, -ENOENT, 404);
		return;
	}
	reply->items = g_ptr_array_new_with_free_func(webex_message_free);
	g_ptr_array_add(reply->items, truth_message(t));
}

/* ---- spaces, members ---- */

static gint compare_rooms(gconstpointer a, gconstpointer b)
{
	const struct model_room *x = *(const struct model_room *const *)a;
	const struct model_room *y = *(const struct model_room *const *)b;
	int64_t i = model_activity(x), k = model_activity(y);

	return i > k ? -1 : i < k;
}

static void answer_rooms(const struct question *q, struct webex_reply *reply)
{
	g_autoptr(GPtrArray) rooms = g_ptr_array_new();
	guint from = q->next ? (guint)atoi(q->next) : 0, max = (guint)MAX(q->max, 1);

	for (guint i = 0; i < model.rooms->len; i++)
		g_ptr_array_add(rooms, model.rooms->pdata[i]);
	/* The order of a sorted list moves while it is read; that of the other one stays, since
	 * spaces that were left keep their places. */
	if (q->sort_by)
		g_ptr_array_sort(rooms, compare_rooms);
	if (!q->sort_by)
		max = MIN(max, (guint)wire.cap);
	reply->items = g_ptr_array_new_with_free_func(webex_room_free);
	for (guint i = from; i < rooms->len && i - from < max; i++)
		if (!((struct model_room *)rooms->pdata[i])->left)
			g_ptr_array_add(reply->items, model_webex_room(rooms->pdata[i]));
	if (from + max < rooms->len)
		reply->next = g_strdup_printf("%u", from + max);
}

static void answer_room(const struct question *q, struct webex_reply *reply)
{
	struct model_room *room = model_room_by_id(q->id);

	if (!room || room->left) {
		refuse(reply, -ENOENT, 404);
		return;
	}
	reply->items = g_ptr_array_new_with_free_func(webex_room_free);
	g_ptr_array_add(reply->items, model_webex_room(room));
}

static void answer_members(const struct question *q, struct webex_reply *reply)
{
	struct model_room *room = model_room_by_id(q->id);

	if (!room || room->left) {
		refuse(reply, -ENOENT, 404);
		return;
	}
	reply->items = g_ptr_array_new_with_free_func(webex_membership_free);
	for (guint i = 0; i < room->members->len; i++)
		g_ptr_array_add(reply->items,
				model_webex_member(room, room->members->pdata[i]));
}

static void answer_member(const struct question *q, struct webex_reply *reply)
{
	for (guint i = 0; i < model.rooms->len; i++) {
		struct model_room *room = model.rooms->pdata[i];

		for (guint k = 0; !room->left && k < room->members->len; k++) {
			struct model_member *m = room->members->pdata[k];

			if (strcmp(m->id, q->id) != 0)
				continue;
			reply->items = g_ptr_array_new_with_free_func(webex_membership_free);
			g_ptr_array_add(reply->items, model_webex_member(room, m));
			return;
		}
	}
	refuse(reply, -ENOENT, 404);
}

/* ---- lies ---- */

static bool is_known(struct store_conn *conn, enum question_kind kind, const void *item)
{
	struct store_room room = {0};
	int64_t row;
	bool is;

	if (kind == QUESTION_MESSAGES)
		return store_message_by_id(conn, ((const struct webex_message *)item)->id,
					   &row) == 0;
	/* Of memberships more may go: what is not known would come with the next list. */
	if (kind == QUESTION_MEMBERS)
		return true;
	is = store_room_by_id(conn, ((const struct webex_room *)item)->id, &room) == 0;
	store_room_clear(&room);
	return is;
}

/* Half of what the client knows: of the rest it would have to believe that. */
static void leave_out(const struct question *q, GPtrArray *items)
{
	struct store_conn *conn;

	g_assert(store_read_begin(mount.store, &conn) == 0);
	for (guint i = items->len; i-- > 0;)
		if (dice_percent(50) && is_known(conn, q->kind, items->pdata[i]))
			g_ptr_array_remove_index(items, i);
	store_read_end(conn);
}

/*
 * Gives one answer that is not true, and then the truth as long as anything is doubted: nothing
 * may be forgotten by it. What several wrong answers prove would be forgotten, and rightly so.
 */
static void lie(const struct question *q, struct webex_reply *reply)
{
	if (wire.is_calm || reply->error || !mount.pager || !dice_percent(wire.lie_percent) ||
	    !proof_is_quiet(pager_proof(mount.pager)))
		return;
	wire.lies++;
	if (q->kind == QUESTION_ROOMS || dice_percent(70)) {
		leave_out(q, reply->items);
		return;
	}
	g_ptr_array_unref(g_steal_pointer(&reply->items));
	g_clear_pointer(&reply->next, g_free);
	refuse(reply, -ENOENT, 404);
}

void pages_answer(const struct question *q, struct webex_reply *reply)
{
	reply->status = 200;
	switch (q->kind) {
	case QUESTION_ROOMS:
		answer_rooms(q, reply);
		break;
	case QUESTION_ROOM:
		answer_room(q, reply);
		break;
	case QUESTION_MEMBERS:
		answer_members(q, reply);
		break;
	case QUESTION_MEMBER:
		answer_member(q, reply);
		break;
	case QUESTION_MESSAGES:
		answer_messages(q, reply);
		break;
	case QUESTION_MESSAGE:
		answer_message(q, reply);
		break;
	}
	if (q->kind == QUESTION_ROOMS || q->kind == QUESTION_MEMBERS ||
	    q->kind == QUESTION_MESSAGES)
		lie(q, reply);
}
