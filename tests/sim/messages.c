/* SPDX-License-Identifier: MIT */
/* Reading messages: lists, one message, and how they look as JSON. */
#include "handlers.h"

#include <string.h>

void message_id(const struct message *msg, GString *out)
{
	ids_append_uuid(out, msg->room->cluster, "MESSAGE", &msg->uuid);
}

void jw_message_id(GString *out, const char *key, const struct message *msg)
{
	jw_key(out, key);
	g_string_append_c(out, '"');
	message_id(msg, out);
	g_string_append_c(out, '"');
}

static void jw_parent(GString *out, const struct message *msg)
{
	jw_key(out, "parentId");
	g_string_append_c(out, '"');
	ids_append_uuid(out, msg->room->cluster, "MESSAGE", &msg->parent);
	g_string_append_c(out, '"');
}

static void jw_files(struct req *rq, GString *out, const struct message *msg)
{
	char uuid[UUID_TEXT], rest[UUID_TEXT + 16];

	uuid_format(&msg->uuid, uuid);
	jw_open(out, "files", '[');
	for (guint i = 0; i < msg->files->len; i++) {
		g_snprintf(rest, sizeof(rest), "%s/%u", uuid, i);
		jw_key(out, NULL);
		g_string_append_printf(out, "\"%s/v1/contents/", rq->origin);
		ids_append(out, msg->room->cluster, "CONTENT", rest);
		g_string_append_c(out, '"');
	}
	jw_close(out, ']');
}

static void jw_mentions(GString *out, const struct message *msg)
{
	if (msg->mentioned) {
		jw_open(out, "mentionedPeople", '[');
		for (guint i = 0; i < msg->mentioned->len; i++)
			jw_person_id(out, NULL, msg->mentioned->pdata[i]);
		jw_close(out, ']');
	}
	if (msg->mention_all)
		jw_raw(out, "mentionedGroups", "[\"all\"]");
}

void jw_message(struct req *rq, GString *out, const struct message *msg)
{
	jw_open(out, NULL, '{');
	jw_message_id(out, "id", msg);
	if (msg->has_parent)
		jw_parent(out, msg);
	jw_room_id(out, "roomId", msg->room);
	jw_room_type(out, "roomType", msg->room);
	jw_str(out, "text", msg->text);
	if (msg->files)
		jw_files(rq, out, msg);
	jw_person_id(out, "personId", msg->author);
	jw_str(out, "personEmail", msg->author->email);
	jw_str(out, "markdown", msg->markdown);
	jw_str(out, "html", msg->html);
	jw_mentions(out, msg);
	jw_raw(out, "attachments", msg->attachments);
	jw_time(out, "created", msg->created);
	if (msg->updated)
		jw_time(out, "updated", msg->updated);
	if (msg->voice)
		jw_bool(out, "isVoiceClip", true);
	jw_close(out, '}');
}

bool message_mentions(const struct message *msg, const struct person *p)
{
	return msg->mentioned && g_ptr_array_find(msg->mentioned, p, NULL);
}

bool message_visible(const struct req *rq, const struct message *msg)
{
	if (!data_member(msg->room, rq->caller))
		return false;
	return rq->caller->kind != PERSON_BOT || msg->room->direct ||
	       msg->author == rq->caller || message_mentions(msg, rq->caller);
}

/* An officer of compliance reads and deletes what people of the organization wrote (5.4). */
static bool is_theirs(const struct person *caller, const struct message *msg)
{
	return caller->officer && msg->author->org == caller->org;
}

struct message *message_for(struct req *rq, const char *id, const char *missing)
{
	struct sim_id d;
	struct uuid u;
	struct message *msg;

	if (req_id(rq, id, "MESSAGE", missing, &d, &u))
		return NULL;
	msg = g_hash_table_lookup(rq->sim->messages_by_uuid, &u);
	if (!msg || strcmp(msg->room->cluster, d.cluster) ||
	    !(message_visible(rq, msg) || is_theirs(rq->caller, msg))) {
		req_error(rq, 404, "%s", missing);
		return NULL;
	}
	return msg;
}

void messages_get(struct req *rq)
{
	struct message *msg = message_for(rq, rq->arg, "Unable to get message.");

	if (msg)
		jw_message(rq, req_ok(rq), msg);
}

/* What GET /messages and /messages/direct select. */
struct selection {
	struct room *room;
	bool by_parent, mentioning_me;
	struct uuid parent;
	guint upper; /* index behind the newest candidate */
};

static bool selected(const struct req *rq, const struct selection *sel,
		     const struct message *msg)
{
	if (sel->by_parent && (!msg->has_parent || !uuid_equal(&msg->parent, &sel->parent)))
		return false;
	return !sel->mentioning_me || message_mentions(msg, rq->caller);
}

static int parse_parent(struct req *rq, struct selection *sel)
{
	const char *text = req_param(rq, "parentId");
	struct sim_id d;

	if (!text)
		return 0;
	sel->by_parent = true;
	return req_id(rq, text, "MESSAGE", "Unable to get message.", &d, &sel->parent);
}

static int parse_mentioned(struct req *rq, struct selection *sel)
{
	const char *text = req_param(rq, "mentionedPeople");

	if (text && strcmp(text, "me") && data_person_by_id(rq->sim, text) != rq->caller) {
		req_error(rq, 400,
			  "Only 'me' or your own person ID is allowed as "
			  "mentionedPeople.");
		return -1;
	}
	sel->mentioning_me = text != NULL;
	if (rq->caller->kind == PERSON_BOT && !sel->room->direct && !text) {
		req_forbidden(rq);
		return -1;
	}
	return 0;
}

static int parse_anchor(struct req *rq, struct selection *sel)
{
	const char *text = req_param(rq, "beforeMessage");
	struct sim_id d;
	struct uuid u;
	bool known;

	if (!text)
		return 0;
	if (req_id(rq, text, "MESSAGE", "Unable to get message.", &d, &u))
		return -1;
	known = g_hash_table_contains(rq->sim->messages_by_uuid, &u);
	if (rq->plan.page == FPAGE_DELETEDANCHOR ||
	    (!known && rq->sim->sw.deleted_anchor_404)) {
		req_error(rq, 404, "Unable to get message.");
		return -1;
	}
	/* The id of a deleted anchor still tells its place: the UUID carries the time. */
	sel->upper = MIN(sel->upper, data_message_lower(sel->room, uuid_t100(&u), &u));
	if (rq->plan.page == FPAGE_DUPLICATE && known)
		sel->upper++;
	return 0;
}

static int parse_before(struct req *rq, struct selection *sel)
{
	const char *text = req_param(rq, "before");
	int64_t ms;

	if (text) {
		if (iso_parse(text, &ms)) {
			req_error(rq, 400, "Invalid value for parameter 'before': %s", text);
			return -1;
		}
		sel->upper = data_message_lower(sel->room, t100_from_ms(ms), NULL);
	}
	return parse_anchor(rq, sel);
}

static guint count_selected(struct req *rq, const struct selection *sel)
{
	guint n = 0;

	for (guint i = 0; i < sel->upper; i++)
		n += selected(rq, sel, sel->room->messages->pdata[i]);
	return n;
}

/* Writes at most `max` of the selection, newest first; returns the last one if more follow. */
static const struct message *emit_messages(struct req *rq, const struct selection *sel,
					   guint max)
{
	GString *out = req_ok(rq);
	const struct message *last = NULL;
	bool more = false;
	bool is_short = rq->plan.page == FPAGE_SHORT;
	guint n = 0;

	if (is_short)
		max = MIN(max, count_selected(rq, sel)) / 2;
	jw_open(out, NULL, '{');
	jw_open(out, "items", '[');
	for (guint i = sel->upper; i-- > 0;) {
		const struct message *msg = sel->room->messages->pdata[i];

		if (!selected(rq, sel, msg))
			continue;
		if (n == max) {
			more = true;
			break;
		}
		jw_key(out, NULL);
		jw_message(rq, out, msg);
		last = msg;
		n++;
	}
	jw_close(out, ']');
	jw_close(out, '}');
	if (is_short)
		return NULL;
	return more || rq->plan.page == FPAGE_LOOP ? last : NULL;
}

/* A page without items whose next link goes on where this page began. */
static void emit_empty(struct req *rq, const struct selection *sel, guint max)
{
	const struct message *anchor;
	GString *out = req_ok(rq), *id = g_string_new(NULL);

	g_string_append(out, "{\"items\":[]}");
	if (sel->upper < sel->room->messages->len) {
		anchor = sel->room->messages->pdata[sel->upper];
		message_id(anchor, id);
	} else {
		/* Nothing is newer than the newest: an anchor later than all of them. */
		struct uuid u = uuid_v1(sel->room->last_t100 + 1, 0x3fff);

		ids_append_uuid(id, sel->room->cluster, "MESSAGE", &u);
	}
	page_link(rq, max, "beforeMessage", id->str);
	g_string_free(id, TRUE);
}

void messages_list(struct req *rq)
{
	const char *room_id = req_param(rq, "roomId");
	struct selection sel = {0};
	const struct message *last;
	guint max;
	int cap = req_param(rq, "mentionedPeople") ? 100 : 1000;

	if (!room_id) {
		req_error(rq, 400, "Required String parameter 'roomId' is not present");
		return;
	}
	if (page_max(rq, 50, cap, &max))
		return;
	sel.room = room_for(rq, room_id);
	if (!sel.room)
		return;
	sel.upper = sel.room->messages->len;
	if (parse_parent(rq, &sel) || parse_mentioned(rq, &sel) || parse_before(rq, &sel))
		return;
	if (rq->plan.page == FPAGE_EMPTYPAGE) {
		emit_empty(rq, &sel, max);
		return;
	}
	last = emit_messages(rq, &sel, max);
	if (last) {
		GString *id = g_string_new(NULL);

		message_id(last, id);
		page_link(rq, max, "beforeMessage", id->str);
		g_string_free(id, TRUE);
	}
}

void messages_direct(struct req *rq)
{
	const char *id = req_param(rq, "personId"), *email = req_param(rq, "personEmail");
	struct selection sel = {0};
	struct person *p;

	if (!id && !email) {
		req_error(rq, 400, "Must specify either personId or personEmail.");
		return;
	}
	p = person_for(rq, id, email);
	if (!p || parse_parent(rq, &sel))
		return;
	sel.room = data_room_find_direct(rq->sim, rq->caller, p);
	if (!sel.room) {
		if (rq->sim->sw.direct_unknown_404)
			req_error(rq, 404, "Could not find a room with provided ID.");
		else
			g_string_append(req_ok(rq), "{\"items\":[]}");
		return;
	}
	sel.upper = sel.room->messages->len;
	/* Only the newest 50 are reachable here, and there is no Link (2.2). */
	emit_messages(rq, &sel, 50);
}
