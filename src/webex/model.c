/* SPDX-License-Identifier: MIT */
#include "webex/model.h"

#include <string.h>

#include "webex/fields.h"

#define ROW(kind, json_name, field_type, member, limit)                                        \
	{                                                                                      \
		json_name, WEBEX_FIELD_##field_type, offsetof(struct webex_##kind, member),    \
			limit                                                                  \
	}

static const struct webex_field room_fields[] = {
	ROW(room, "id", ID, id, 0),
	ROW(room, "title", TITLE, title, WEBEX_TITLE_MAX),
	ROW(room, "type", ROOM_TYPE, type, 0),
	ROW(room, "isLocked", BOOL, is_locked, 0),
	ROW(room, "teamId", ID, team_id, 0),
	ROW(room, "lastActivity", TIME, last_activity_ms, 0),
	ROW(room, "creatorId", ID, creator_id, 0),
	ROW(room, "created", TIME, created_ms, 0),
	ROW(room, "ownerId", ID, owner_id, 0),
	ROW(room, "classificationId", ID, classification_id, 0),
	ROW(room, "isAnnouncementOnly", BOOL, is_announcement_only, 0),
	ROW(room, "isReadOnly", BOOL, is_read_only, 0),
	ROW(room, "isPublic", BOOL, is_public, 0),
	ROW(room, "description", STRING, description, WEBEX_TITLE_MAX),
	{NULL},
};

static const struct webex_field message_fields[] = {
	ROW(message, "id", ID, id, 0),
	ROW(message, "roomId", ID, room_id, 0),
	ROW(message, "parentId", ID, parent_id, 0),
	ROW(message, "roomType", ROOM_TYPE, room_type, 0),
	ROW(message, "text", STRING, text, WEBEX_TEXT_MAX),
	ROW(message, "markdown", STRING, markdown, WEBEX_TEXT_MAX),
	ROW(message, "html", STRING, html, WEBEX_TEXT_MAX),
	ROW(message, "files", URLS, files, 0),
	ROW(message, "personId", ID, person_id, 0),
	ROW(message, "personEmail", NAME, person_email, WEBEX_ADDRESS_MAX),
	ROW(message, "mentionedPeople", ARRAY, mentioned_people, WEBEX_VALUE_MAX),
	ROW(message, "mentionedGroups", ARRAY, mentioned_groups, WEBEX_VALUE_MAX),
	ROW(message, "attachments", ARRAY, attachments, WEBEX_VALUE_MAX),
	ROW(message, "created", TIME, created_ms, 0),
	ROW(message, "updated", TIME, updated_ms, 0),
	ROW(message, "isVoiceClip", FLAG, is_voice_clip, 0),
	/* Only the answer to a post has this (webex-api.md 5.4). If it were kept, the message
	 * would seem to change when it is listed next. */
	{"toPersonId", WEBEX_FIELD_IGNORED, 0, 0},
	{"toPersonEmail", WEBEX_FIELD_IGNORED, 0, 0},
	{NULL},
};

static const struct webex_field membership_fields[] = {
	ROW(membership, "id", ID, id, 0),
	ROW(membership, "roomId", ID, room_id, 0),
	ROW(membership, "personId", ID, person_id, 0),
	ROW(membership, "personEmail", NAME, person_email, WEBEX_ADDRESS_MAX),
	ROW(membership, "personDisplayName", STRING, person_display_name, WEBEX_TITLE_MAX),
	ROW(membership, "personOrgId", ID, person_org_id, 0),
	ROW(membership, "isModerator", BOOL, is_moderator, 0),
	ROW(membership, "isRoomHidden", BOOL, is_room_hidden, 0),
	ROW(membership, "isMonitor", BOOL, is_monitor, 0),
	ROW(membership, "roomType", ROOM_TYPE, room_type, 0),
	ROW(membership, "created", TIME, created_ms, 0),
	{NULL},
};

static const struct webex_field action_fields[] = {
	ROW(action, "id", ID, id, 0),
	ROW(action, "type", STRING, type, WEBEX_TITLE_MAX),
	ROW(action, "messageId", ID, message_id, 0),
	ROW(action, "inputs", OBJECT, inputs, WEBEX_VALUE_MAX),
	ROW(action, "personId", ID, person_id, 0),
	ROW(action, "roomId", ID, room_id, 0),
	ROW(action, "created", TIME, created_ms, 0),
	{NULL},
};

/* Of struct webex_room and struct webex_membership. */
static const struct webex_field team_fields[] = {
	ROW(room, "id", ID, id, 0),
	ROW(room, "name", TITLE, title, WEBEX_TITLE_MAX),
	ROW(room, "description", STRING, description, WEBEX_TITLE_MAX),
	ROW(room, "creatorId", ID, creator_id, 0),
	ROW(room, "created", TIME, created_ms, 0),
	{NULL},
};

static const struct webex_field team_membership_fields[] = {
	ROW(membership, "id", ID, id, 0),
	ROW(membership, "teamId", ID, room_id, 0),
	ROW(membership, "personId", ID, person_id, 0),
	ROW(membership, "personEmail", NAME, person_email, WEBEX_ADDRESS_MAX),
	ROW(membership, "personDisplayName", STRING, person_display_name, WEBEX_TITLE_MAX),
	ROW(membership, "personOrgId", ID, person_org_id, 0),
	ROW(membership, "isModerator", BOOL, is_moderator, 0),
	ROW(membership, "created", TIME, created_ms, 0),
	{NULL},
};

static const struct {
	const struct webex_field *fields;
	size_t size, extra;
} kinds[] = {
	[WEBEX_KIND_ROOM] = {room_fields, sizeof(struct webex_room),
			     offsetof(struct webex_room, extra)},
	[WEBEX_KIND_MESSAGE] = {message_fields, sizeof(struct webex_message),
				offsetof(struct webex_message, extra)},
	[WEBEX_KIND_MEMBERSHIP] = {membership_fields, sizeof(struct webex_membership),
				   offsetof(struct webex_membership, extra)},
	[WEBEX_KIND_PERSON] = {NULL, sizeof(struct webex_person), 0},
	[WEBEX_KIND_ACTION] = {action_fields, sizeof(struct webex_action),
			       offsetof(struct webex_action, extra)},
	[WEBEX_KIND_TEAM] = {team_fields, sizeof(struct webex_room),
			     offsetof(struct webex_room, extra)},
	[WEBEX_KIND_TEAM_MEMBERSHIP] = {team_membership_fields, sizeof(struct webex_membership),
					offsetof(struct webex_membership, extra)},
	[WEBEX_KIND_WEBHOOK] = {NULL, sizeof(struct webex_webhook), 0},
};

const struct webex_field *webex_fields(enum webex_kind kind)
{
	return kinds[kind].fields;
}

const struct webex_field *webex_field_find(const struct webex_field *fields, const char *name)
{
	for (; fields->name; fields++) {
		if (strcmp(fields->name, name) == 0)
			return fields;
	}
	return NULL;
}

size_t webex_extra_offset(enum webex_kind kind)
{
	return kinds[kind].extra;
}

size_t webex_kind_size(enum webex_kind kind)
{
	return kinds[kind].size;
}

bool webex_url_is_clean(const char *url)
{
	size_t len = 0;

	for (; url[len]; len++) {
		if (len == WEBEX_URL_MAX || url[len] <= ' ' || url[len] > '~')
			return false;
	}
	return len > 0;
}

static void clear_fields(enum webex_kind kind, void *object)
{
	for (const struct webex_field *f = webex_fields(kind); f->name; f++) {
		void *at = (char *)object + f->offset;
		switch (f->type) {
		case WEBEX_FIELD_STRING:
		case WEBEX_FIELD_TITLE:
		case WEBEX_FIELD_NAME:
		case WEBEX_FIELD_ID:
		case WEBEX_FIELD_ARRAY:
		case WEBEX_FIELD_OBJECT:
			g_free(*(char **)at);
			break;
		case WEBEX_FIELD_URLS:
			g_strfreev(*(char ***)at);
			break;
		case WEBEX_FIELD_BOOL:
		case WEBEX_FIELD_FLAG:
		case WEBEX_FIELD_TIME:
		case WEBEX_FIELD_ROOM_TYPE:
		case WEBEX_FIELD_IGNORED:
			break;
		}
	}
	g_free(*(char **)((char *)object + webex_extra_offset(kind)));
	memset(object, 0, webex_kind_size(kind));
}

void webex_room_clear(struct webex_room *r)
{
	clear_fields(WEBEX_KIND_ROOM, r);
}

void webex_message_clear(struct webex_message *m)
{
	g_strfreev(m->file_names);
	clear_fields(WEBEX_KIND_MESSAGE, m);
}

void webex_membership_clear(struct webex_membership *m)
{
	clear_fields(WEBEX_KIND_MEMBERSHIP, m);
}

void webex_person_clear(struct webex_person *p)
{
	g_free(p->id);
	g_free(p->email);
	g_free(p->display_name);
	g_free(p->json);
	memset(p, 0, sizeof(*p));
}

/* The secret is not left in the memory. */
void webex_webhook_clear(struct webex_webhook *w)
{
	if (w->json)
		explicit_bzero(w->json, strlen(w->json));
	g_free(w->id);
	g_free(w->name);
	g_free(w->json);
	memset(w, 0, sizeof(*w));
}

void webex_room_free(void *r)
{
	if (r)
		webex_room_clear(r);
	g_free(r);
}

void webex_message_free(void *m)
{
	if (m)
		webex_message_clear(m);
	g_free(m);
}

void webex_membership_free(void *m)
{
	if (m)
		webex_membership_clear(m);
	g_free(m);
}

void webex_action_free(void *a)
{
	if (a)
		clear_fields(WEBEX_KIND_ACTION, a);
	g_free(a);
}

void webex_person_free(void *p)
{
	if (p)
		webex_person_clear(p);
	g_free(p);
}

void webex_webhook_free(void *w)
{
	if (w)
		webex_webhook_clear(w);
	g_free(w);
}

char *webex_room_json(const struct webex_room *r)
{
	return webex_fields_print(
		r->type == WEBEX_ROOM_TEAM ? WEBEX_KIND_TEAM : WEBEX_KIND_ROOM, r);
}

char *webex_message_json(const struct webex_message *m)
{
	return webex_fields_print(WEBEX_KIND_MESSAGE, m);
}

char *webex_membership_json(const struct webex_membership *m)
{
	return webex_fields_print(m->room_type == WEBEX_ROOM_TEAM ? WEBEX_KIND_TEAM_MEMBERSHIP
								  : WEBEX_KIND_MEMBERSHIP,
				  m);
}

char *webex_action_json(const struct webex_action *a)
{
	return webex_fields_print(WEBEX_KIND_ACTION, a);
}
