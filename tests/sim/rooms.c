/* SPDX-License-Identifier: MIT */
#include "handlers.h"
#include "webhooks.h"

#include <string.h>

static const char no_room[] = "Could not find a room with provided ID.";

void jw_room_id(GString *out, const char *key, const struct room *room)
{
	jw_key(out, key);
	g_string_append_c(out, '"');
	ids_append_uuid(out, room->cluster, "ROOM", &room->uuid);
	g_string_append_c(out, '"');
}

void jw_room_type(GString *out, const char *key, const struct room *room)
{
	jw_str(out, key, room->direct ? "direct" : "group");
}

/* Rooms of a team are visible to its members even when they have not joined. */
bool room_visible(const struct req *rq, const struct room *room)
{
	return data_member(room, rq->caller) ||
	       (room->team && data_team_member(room->team, rq->caller));
}

bool room_may_moderate(const struct req *rq, const struct room *room)
{
	const struct membership *m = data_member(room, rq->caller);

	return m && (!room->locked || m->moderator);
}

struct room *room_lookup(struct req *rq, const char *id)
{
	struct sim_id d;
	struct uuid u;
	struct room *room;

	if (req_id(rq, id, "ROOM", no_room, &d, &u))
		return NULL;
	room = g_hash_table_lookup(rq->sim->rooms_by_uuid, &u);
	/* A bare UUID stands for cluster us, so others are not found by it (4.4). */
	if (!room || strcmp(room->cluster, d.cluster)) {
		req_error(rq, 404, "%s", no_room);
		return NULL;
	}
	return room;
}

struct room *room_for(struct req *rq, const char *id)
{
	struct room *room = room_lookup(rq, id);

	if (room && !data_member(room, rq->caller)) {
		req_error(rq, 404, "%s", no_room);
		return NULL;
	}
	return room;
}

static void jw_uuid_as(GString *out, const char *key, const char *type, const struct uuid *uuid)
{
	jw_key(out, key);
	g_string_append_c(out, '"');
	ids_append_uuid(out, "us", type, uuid);
	g_string_append_c(out, '"');
}

static const char *room_title(const struct req *rq, const struct room *room)
{
	const struct person *other;

	if (!room->direct)
		return room->title;
	other = data_room_other(room, rq->caller);
	if (other)
		return other->display;
	/* That account is gone: the title is stale (7.5). */
	return room->title ? room->title : "";
}

void jw_room(struct req *rq, GString *out, const struct room *room)
{
	jw_open(out, NULL, '{');
	jw_room_id(out, "id", room);
	jw_str(out, "title", room_title(rq, room));
	jw_room_type(out, "type", room);
	jw_bool(out, "isLocked", room->locked);
	jw_time(out, "lastActivity", room->activity);
	if (room->team)
		jw_uuid_as(out, "teamId", "TEAM", &room->team->uuid);
	jw_person_id(out, "creatorId", room->creator);
	jw_time(out, "created", room->created);
	jw_uuid_as(out, "ownerId", "ORGANIZATION", &room->org->uuid);
	jw_str(out, "classificationId", room->classification);
	jw_str(out, "description", room->description);
	jw_bool(out, "isPublic", room->is_public);
	if (room->is_public)
		jw_time(out, "madePublic", room->made_public);
	jw_bool(out, "isReadOnly", room->read_only);
	jw_bool(out, "isAnnouncementOnly", room->announcement);
	jw_close(out, '}');
}

static void emit_room(struct req *rq, GString *out, const void *item)
{
	jw_room(rq, out, item);
}

static int cmp_created(gconstpointer a, gconstpointer b)
{
	const struct room *x = *(struct room *const *)a, *y = *(struct room *const *)b;

	if (x->created != y->created)
		return x->created < y->created ? 1 : -1;
	return memcmp(&x->uuid, &y->uuid, sizeof(x->uuid));
}

static int cmp_activity(gconstpointer a, gconstpointer b)
{
	const struct room *x = *(struct room *const *)a, *y = *(struct room *const *)b;

	if (x->activity != y->activity)
		return x->activity < y->activity ? 1 : -1;
	return memcmp(&x->uuid, &y->uuid, sizeof(x->uuid));
}

static int cmp_id(gconstpointer a, gconstpointer b)
{
	const struct room *x = *(struct room *const *)a, *y = *(struct room *const *)b;

	return memcmp(&x->uuid, &y->uuid, sizeof(x->uuid));
}

static int cmp_public(gconstpointer a, gconstpointer b)
{
	const struct room *x = *(struct room *const *)a, *y = *(struct room *const *)b;

	return x->made_public < y->made_public ? 1 : x->made_public > y->made_public ? -1 : 0;
}

/* The order wanted, or NULL after a 400. */
static GCompareFunc list_order(struct req *rq, bool public_spaces)
{
	const char *by = req_param(rq, "sortBy");

	if (public_spaces)
		return cmp_public;
	if (!by || !strcmp(by, "created"))
		return cmp_created;
	if (!strcmp(by, "lastactivity"))
		return cmp_activity;
	if (!strcmp(by, "id"))
		return cmp_id;
	req_error(rq, 400, "Invalid value for parameter 'sortBy': %s", by);
	return NULL;
}

static bool bad_type(struct req *rq, const char *type)
{
	if (!type || !strcmp(type, "group") || !strcmp(type, "direct"))
		return false;
	req_error(rq, 400,
		  "Can not construct instance of HydraRoomType from String value '%s': value "
		  "not one of declared Enum instance names: [group, direct]",
		  type);
	return true;
}

static struct team *team_param(struct req *rq, const char *id)
{
	static const char missing[] = "Could not find a team with provided ID.";
	struct sim_id d;
	struct uuid u;

	if (req_id(rq, id, "TEAM", missing, &d, &u))
		return NULL;
	for (guint i = 0; i < rq->caller->teams->len; i++) {
		struct team_member *tm = rq->caller->teams->pdata[i];

		if (uuid_equal(&tm->team->uuid, &u))
			return tm->team;
	}
	req_error(rq, 404, "%s", missing);
	return NULL;
}

static bool in_public_range(struct req *rq, const struct room *room)
{
	int64_t from = INT64_MIN, to = INT64_MAX;
	const char *a = req_param(rq, "from"), *b = req_param(rq, "to");

	if (a)
		iso_parse(a, &from);
	if (b)
		iso_parse(b, &to);
	return room->is_public && room->org == rq->caller->org && room->made_public >= from &&
	       room->made_public <= to;
}

/* Rooms for the list: own ones, those of a team, or the public ones. */
static GPtrArray *collect_rooms(struct req *rq, const struct team *team, bool public_spaces)
{
	const char *type = req_param(rq, "type");
	GPtrArray *items = g_ptr_array_new();
	const GPtrArray *mine = rq->caller->memberships;

	if (!team && !public_spaces) {
		for (guint i = 0; i < mine->len; i++) {
			struct room *room = ((struct membership *)mine->pdata[i])->room;

			if (!type || room->direct == !strcmp(type, "direct"))
				g_ptr_array_add(items, room);
		}
		return items;
	}
	for (guint i = 0; i < rq->sim->rooms->len; i++) {
		struct room *room = rq->sim->rooms->pdata[i];

		if (public_spaces ? !in_public_range(rq, room) : room->team != team)
			continue;
		if (!type || public_spaces || room->direct == !strcmp(type, "direct"))
			g_ptr_array_add(items, room);
	}
	return items;
}

void rooms_list(struct req *rq)
{
	bool public_spaces = req_param_true(rq, "orgPublicSpaces");
	const char *team_id = req_param(rq, "teamId");
	struct team *team = NULL;
	GPtrArray *items;
	GCompareFunc order;
	struct page page;

	if (bad_type(rq, req_param(rq, "type")))
		return;
	if (public_spaces && (team_id || req_param(rq, "type") || req_param(rq, "sortBy"))) {
		req_error(rq, 400,
			  "orgPublicSpaces cannot be combined with teamId, type or sortBy.");
		return;
	}
	order = list_order(rq, public_spaces);
	if (!order || page_begin(rq, 100, 1000, &page))
		return;
	if (team_id) {
		team = team_param(rq, team_id);
		if (!team)
			return;
	}
	items = collect_rooms(rq, team, public_spaces);
	g_ptr_array_sort(items, order);
	page_emit(rq, &page, items, emit_room, NULL);
	g_ptr_array_free(items, TRUE);
}

/* GET and DELETE of the room itself have other words than what names it in a field (1.6). */
static void no_resource(struct req *rq)
{
	if (rq->resp.status == 404)
		req_error(rq, 404, "The requested resource could not be found.");
}

void rooms_get(struct req *rq)
{
	struct room *room = room_lookup(rq, rq->arg);

	if (room && !room_visible(rq, room)) {
		req_error(rq, 404, "%s", no_room);
		room = NULL;
	}
	if (!room) {
		no_resource(rq);
		return;
	}
	jw_room(rq, req_ok(rq), room);
}

void rooms_meeting(struct req *rq)
{
	struct room *room = room_for(rq, rq->arg);
	GString *out;

	if (!room)
		return;
	out = req_ok(rq);
	jw_open(out, NULL, '{');
	jw_room_id(out, "roomId", room);
	jw_str(out, "meetingLink", "https://example.webex.com/m/1");
	jw_str(out, "sipAddress", "25550001@example.webex.com");
	jw_str(out, "meetingNumber", "25550001");
	jw_close(out, '}');
}

static bool create_body_good(struct req *rq, const cJSON *body)
{
	const char *title = jr_str(body, "title");

	if (!title || !*title) {
		req_error(rq, 400, "Title cannot be empty.");
		return false;
	}
	if (jr_bool(body, "isPublic") == 1 && !jr_str(body, "description")) {
		req_error(rq, 400, "Description is required for public spaces.");
		return false;
	}
	if (jr_bool(body, "isAnnouncementOnly") == 1 && jr_bool(body, "isLocked") != 1) {
		req_error(rq, 400, "isAnnouncementOnly is only allowed for locked spaces.");
		return false;
	}
	if (rq->caller->kind == PERSON_BOT && jr_str(body, "classificationId")) {
		req_forbidden(rq);
		return false;
	}
	return true;
}

static void set_public(struct req *rq, struct room *room, bool is_public)
{
	if (is_public && !room->is_public)
		room->made_public = data_now(rq->sim);
	room->is_public = is_public;
}

static void fire_room(struct req *rq, const char *what, struct room *room)
{
	struct event ev = {"rooms", what, .actor = rq->caller, .room = room};

	hooks_fire(rq, &ev);
}

void rooms_create(struct req *rq)
{
	cJSON *body = req_json(rq);
	struct team *team = NULL;
	struct room *room;
	struct membership *m;
	struct event ev = {"memberships", "created", .actor = rq->caller};

	if (!body || !create_body_good(rq, body))
		return;
	if (jr_str(body, "teamId")) {
		team = team_param(rq, jr_str(body, "teamId"));
		if (!team)
			return;
	}
	room = data_room_add(rq->sim, rq->caller, jr_str(body, "title"), 0, NULL);
	room->team = team;
	room->locked = jr_bool(body, "isLocked") == 1;
	room->announcement = jr_bool(body, "isAnnouncementOnly") == 1;
	room->description = g_strdup(jr_str(body, "description"));
	room->classification = g_strdup(jr_str(body, "classificationId"));
	set_public(rq, room, jr_bool(body, "isPublic") == 1);
	m = data_member_add(room, rq->caller, room->created);
	m->moderator = room->locked;
	jw_room(rq, req_ok(rq), room);
	fire_room(rq, "created", room);
	ev.room = room;
	ev.member = m;
	hooks_fire(rq, &ev);
}

/* Refuses what may not be changed; 0 when the update can be applied completely. */
static int check_update(struct req *rq, const struct room *room, const cJSON *body)
{
	const char *title = jr_str(body, "title");
	bool locked = jr_bool(body, "isLocked") >= 0 ? jr_bool(body, "isLocked") : room->locked;

	if (!title || !*title) {
		req_error(rq, 400, "Title cannot be empty.");
		return -1;
	}
	if (room->direct) {
		req_error(rq, 400, "Direct rooms cannot be updated.");
		return -1;
	}
	if (!room_may_moderate(rq, room)) {
		req_forbidden(rq);
		return -1;
	}
	if (jr_str(body, "teamId") && room->team) {
		req_error(rq, 400, "The room is already part of a team.");
		return -1;
	}
	if (jr_bool(body, "isReadOnly") == 1 ||
	    (jr_bool(body, "isPublic") == 1 && !room->is_public)) {
		req_forbidden(rq);
		return -1;
	}
	if (jr_bool(body, "isAnnouncementOnly") == 1 && !locked) {
		req_error(rq, 400, "isAnnouncementOnly is only allowed for locked spaces.");
		return -1;
	}
	return 0;
}

static void set_locked(struct req *rq, struct room *room, bool locked)
{
	if (locked && !room->locked)
		data_member(room, rq->caller)->moderator = true;
	if (!locked) {
		room->announcement = false;
		for (guint i = 0; i < room->members->len; i++)
			((struct membership *)room->members->pdata[i])->moderator = false;
	}
	room->locked = locked;
}

void rooms_update(struct req *rq)
{
	struct room *room = room_for(rq, rq->arg);
	cJSON *body = room ? req_json(rq) : NULL;
	const char *desc;
	struct team *team = NULL;

	if (!body || check_update(rq, room, body))
		return;
	if (jr_str(body, "teamId")) {
		team = team_param(rq, jr_str(body, "teamId"));
		if (!team)
			return;
		room->team = team;
	}
	g_free(room->title);
	room->title = g_strdup(jr_str(body, "title"));
	if (jr_bool(body, "isLocked") >= 0)
		set_locked(rq, room, jr_bool(body, "isLocked") == 1);
	if (jr_bool(body, "isAnnouncementOnly") >= 0)
		room->announcement = jr_bool(body, "isAnnouncementOnly") == 1;
	if (jr_bool(body, "isPublic") == 0)
		set_public(rq, room, false);
	desc = jr_str(body, "description");
	if (desc) {
		g_free(room->description);
		/* A single space deletes it (5.2). */
		room->description = strcmp(desc, " ") && *desc ? g_strdup(desc) : NULL;
	}
	if (jr_str(body, "classificationId")) {
		g_free(room->classification);
		room->classification = g_strdup(jr_str(body, "classificationId"));
	}
	jw_room(rq, req_ok(rq), room);
	fire_room(rq, "updated", room);
}

static void fire_left(struct req *rq, struct room *room, struct membership *m)
{
	struct event ev = {"memberships", "deleted", .actor = rq->caller, .room = room,
			   .member = m};

	hooks_fire(rq, &ev);
}

void rooms_delete(struct req *rq)
{
	struct room *room = room_for(rq, rq->arg);
	struct membership *m;

	if (!room) {
		no_resource(rq);
		return;
	}
	m = data_member(room, rq->caller);
	if (room->direct || (room->team && room->team->general == room)) {
		req_error(rq, 400, "Failed to delete room.");
		return;
	}
	if (room->locked && !m->moderator && !rq->sim->sw.leave_on_moderated_delete) {
		req_error(rq, 400, "Failed to delete moderated room.");
		return;
	}
	/* Only its creator or a moderator destroys it, others just leave (5.2). */
	if (m->moderator || (!room->locked && room->creator == rq->caller) ||
	    room->members->len == 1) {
		for (guint i = 0; i < room->members->len; i++)
			fire_left(rq, room, room->members->pdata[i]);
		data_room_delete(rq->sim, room);
	} else {
		fire_left(rq, room, m);
		data_member_remove(m);
	}
	req_no_content(rq);
}
