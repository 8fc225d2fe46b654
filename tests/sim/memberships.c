/* SPDX-License-Identifier: MIT */
#include "handlers.h"
#include "webhooks.h"

#include <string.h>

static void jw_member_id(GString *out, const struct membership *m)
{
	char person[UUID_TEXT], room[UUID_TEXT], both[2 * UUID_TEXT];

	uuid_format(&m->person->uuid, person);
	uuid_format(&m->room->uuid, room);
	g_snprintf(both, sizeof(both), "%s:%s", person, room);
	jw_key(out, "id");
	g_string_append_c(out, '"');
	ids_append(out, m->room->cluster, "MEMBERSHIP", both);
	g_string_append_c(out, '"');
}

void jw_membership(struct req *rq, GString *out, const void *item)
{
	const struct membership *m = item;

	(void)rq;
	jw_open(out, NULL, '{');
	jw_member_id(out, m);
	jw_room_id(out, "roomId", m->room);
	jw_person_id(out, "personId", m->person);
	jw_str(out, "personEmail", m->person->email);
	jw_str(out, "personDisplayName", m->person->display);
	jw_key(out, "personOrgId");
	g_string_append_c(out, '"');
	ids_append_uuid(out, "us", "ORGANIZATION", &m->person->org->uuid);
	g_string_append_c(out, '"');
	jw_bool(out, "isModerator", m->moderator);
	jw_bool(out, "isMonitor", false);
	if (m->room->direct)
		jw_bool(out, "isRoomHidden", m->hidden);
	jw_room_type(out, "roomType", m->room);
	jw_time(out, "created", m->created);
	jw_close(out, '}');
}

static void fire(struct req *rq, const char *what, const struct membership *m)
{
	struct event ev = {"memberships", what, .actor = rq->caller, .room = m->room,
			   .member = m};

	hooks_fire(rq, &ev);
}

/* The members of one room, or the one asked for. */
static void list_room(struct req *rq, const struct page *page, struct room *room)
{
	const char *id = req_param(rq, "personId"), *email = req_param(rq, "personEmail");
	GPtrArray *one;
	struct person *p;
	struct membership *m;

	if (!id && !email) {
		page_emit(rq, page, room->members, jw_membership, NULL);
		return;
	}
	p = person_found(rq, id, email);
	if (!p)
		return;
	m = data_member(room, p);
	if (!m) {
		req_error(rq, 404, "User is not a participant of the room.");
		return;
	}
	one = g_ptr_array_new();
	g_ptr_array_add(one, m);
	page_emit(rq, page, one, jw_membership, NULL);
	g_ptr_array_free(one, TRUE);
}

/* A member of the team only: of a moderated room just the moderators (5.3). */
static void list_for_team(struct req *rq, const struct page *page, struct room *room)
{
	GPtrArray *items = g_ptr_array_new();

	for (guint i = 0; i < room->members->len; i++) {
		struct membership *m = room->members->pdata[i];

		if (!room->locked || m->moderator)
			g_ptr_array_add(items, m);
	}
	page_emit(rq, page, items, jw_membership, NULL);
	g_ptr_array_free(items, TRUE);
}

/* Without a room, people may ask for their own memberships only. */
static bool is_about_others(const struct req *rq)
{
	const char *id = req_param(rq, "personId"), *email = req_param(rq, "personEmail");

	if (id && strcmp(id, "me"))
		return data_person_by_id(rq->sim, id) != rq->caller;
	return !id && email && g_ascii_strcasecmp(email, rq->caller->email);
}

void memberships_list(struct req *rq)
{
	const char *room_id = req_param(rq, "roomId");
	struct page page;
	struct room *room;

	if (page_begin(rq, 100, 1000, &page))
		return;
	if (!room_id) {
		if (is_about_others(rq))
			req_error(rq, 400, "Required String parameter 'roomId' is not present");
		else
			page_emit(rq, &page, rq->caller->memberships, jw_membership, NULL);
		return;
	}
	room = room_lookup(rq, room_id);
	if (!room)
		return;
	if (data_member(room, rq->caller))
		list_room(rq, &page, room);
	else if (room_visible(rq, room))
		list_for_team(rq, &page, room);
	else
		req_error(rq, 404, "Could not find a room with provided ID.");
}

/* Any room, joined or not: an outsider gets the 502 of section 1.6. */
static struct room *room_to_join(struct req *rq, const char *id)
{
	struct room *room = room_lookup(rq, id);

	if (!room)
		return NULL;
	/* Members of the team may join its rooms by themselves. */
	if (!room_visible(rq, room)) {
		req_error(rq, 502, "Add participant failed.");
		return NULL;
	}
	return room;
}

static void make_moderated(struct req *rq, struct room *room)
{
	struct membership *own = data_member(room, rq->caller);

	if (room->locked)
		return;
	room->locked = true;
	if (own && !own->moderator) {
		own->moderator = true;
		fire(rq, "updated", own);
	}
}

void memberships_create(struct req *rq)
{
	cJSON *body = req_json(rq);
	const char *room_id = body ? jr_str(body, "roomId") : NULL;
	struct room *room;
	struct person *p;
	struct membership *m;

	if (!body)
		return;
	if (!room_id || !*room_id) {
		req_error(rq, 400, "roomId cannot be null");
		return;
	}
	if (!jr_str(body, "personId") && !jr_str(body, "personEmail")) {
		req_error(rq, 400, "Must specify either personId or personEmail.");
		return;
	}
	room = room_to_join(rq, room_id);
	if (!room)
		return;
	if (room->direct) {
		req_error(rq, 400, "Cannot add a person to a direct room.");
		return;
	}
	if (data_member(room, rq->caller) && !room_may_moderate(rq, room)) {
		req_forbidden(rq);
		return;
	}
	p = person_for(rq, jr_str(body, "personId"), jr_str(body, "personEmail"));
	if (!p)
		return;
	if (data_member(room, p)) {
		req_error(rq, 409, "Person is already in the room.");
		return;
	}
	m = data_member_add(room, p, data_now(rq->sim));
	if (jr_bool(body, "isModerator") == 1) {
		make_moderated(rq, room);
		m->moderator = true;
	}
	jw_membership(rq, req_ok(rq), m);
	fire(rq, "created", m);
}

static struct membership *membership_arg(struct req *rq, unsigned status, const char *missing)
{
	struct sim_id d;
	struct uuid person, room_uuid;
	char *colon;
	struct person *p;
	struct room *room;

	if (ids_decode(rq->arg, &d)) {
		req_error(rq, 400, "Expect base64 ID or UUID.");
		return NULL;
	}
	colon = strchr(d.rest, ':');
	if (!colon || strcmp(d.type, "MEMBERSHIP"))
		goto missing;
	*colon = 0;
	if (uuid_parse(d.rest, &person) || uuid_parse(colon + 1, &room_uuid))
		goto missing;
	p = g_hash_table_lookup(rq->sim->people_by_uuid, &person);
	room = g_hash_table_lookup(rq->sim->rooms_by_uuid, &room_uuid);
	if (!p || !room || strcmp(room->cluster, d.cluster) || !data_member(room, rq->caller) ||
	    !data_member(room, p))
		goto missing;
	return data_member(room, p);
missing:
	req_error(rq, status, "%s", missing);
	return NULL;
}

void memberships_get(struct req *rq)
{
	struct membership *m = membership_arg(rq, 404, "Failed to get membership");

	if (m)
		jw_membership(rq, req_ok(rq), m);
}

void memberships_update(struct req *rq)
{
	struct membership *m = membership_arg(rq, 404, "Failed to get membership");
	cJSON *body = m ? req_json(rq) : NULL;
	int moderator, hidden;

	if (!body)
		return;
	moderator = jr_bool(body, "isModerator");
	hidden = jr_bool(body, "isRoomHidden");
	if (moderator < 0 && hidden < 0) {
		req_error(rq, 400, "isModerator or isRoomHidden must be specified.");
		return;
	}
	if ((moderator >= 0 && moderator != m->moderator &&
	     (m->room->direct || !room_may_moderate(rq, m->room))) ||
	    (hidden >= 0 && hidden != m->hidden && m->person != rq->caller)) {
		req_forbidden(rq);
		return;
	}
	if (moderator == 1 && !m->moderator)
		make_moderated(rq, m->room);
	if (moderator >= 0)
		m->moderator = moderator;
	if (hidden >= 0 && m->room->direct)
		m->hidden = hidden;
	jw_membership(rq, req_ok(rq), m);
	fire(rq, "updated", m);
}

static bool last_general_moderator(const struct membership *m)
{
	const struct team *team = m->room->team;
	const struct team_member *tm;
	int n = 0;

	if (!team || team->general != m->room)
		return false;
	tm = data_team_member(team, m->person);
	if (!tm || !tm->moderator)
		return false;
	for (guint i = 0; i < team->members->len; i++)
		n += ((struct team_member *)team->members->pdata[i])->moderator;
	return n == 1;
}

void memberships_delete(struct req *rq)
{
	struct membership *m = membership_arg(rq, 400, "Failed to leave room.");

	if (!m)
		return;
	if (m->room->direct || last_general_moderator(m)) {
		req_error(rq, 400, "Failed to leave room.");
		return;
	}
	if (m->person != rq->caller && !room_may_moderate(rq, m->room)) {
		req_forbidden(rq);
		return;
	}
	fire(rq, "deleted", m);
	data_member_remove(m);
	req_no_content(rq);
}
