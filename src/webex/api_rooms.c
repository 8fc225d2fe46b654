/* SPDX-License-Identifier: MIT */
/* Rooms, teams, the memberships of both, and webhooks (webex-api.md 5.2, 5.3, 5.7 to 5.9). */
#include "base/cleanup.h"
#include "webex/client.h"
#include "webex/json.h"

static uint64_t get(struct webex_client *c, const char *collection, const char *id,
		    enum webex_kind kind, webex_done done, void *arg)
{
	return webex_call_start(webex_call_new_item(c, HTTP_GET, collection, id,
						    WEBEX_FORM_OBJECT, kind, done, arg));
}

static uint64_t update(struct webex_client *c, const char *collection, const char *id,
		       const char *body, enum webex_kind kind, webex_done done, void *arg)
{
	struct webex_call *call = webex_call_new_item(c, HTTP_PUT, collection, id,
						      WEBEX_FORM_OBJECT, kind, done, arg);

	webex_call_set_json(call, g_strdup(body));
	return webex_call_start(call);
}

static uint64_t delete (struct webex_client *c, const char *collection, const char *id,
			enum webex_kind kind, webex_done done, void *arg)
{
	return webex_call_start(webex_call_new_item(c, HTTP_DELETE, collection, id,
						    WEBEX_FORM_NOTHING, kind, done, arg));
}

/* A flat object of two string members, either may be NULL. */
static char *two_members(const char *key1, const char *value1, const char *key2,
			 const char *value2)
{
	GString *body = g_string_new("{");

	json_append_member(body, key1, value1);
	json_append_member(body, key2, value2);
	g_string_append_c(body, '}');
	return g_string_free(body, FALSE);
}

uint64_t webex_get_room(struct webex_client *c, const char *room_id, webex_done done, void *arg)
{
	return get(c, "/rooms", room_id, WEBEX_KIND_ROOM, done, arg);
}

uint64_t webex_create_room(struct webex_client *c, const char *title, const char *team_id,
			   webex_done done, void *arg)
{
	struct webex_call *call = webex_call_new(c, HTTP_POST, "/rooms", WEBEX_FORM_OBJECT,
						 WEBEX_KIND_ROOM, done, arg);

	webex_call_set_json(call, two_members("title", title, "teamId", team_id));
	return webex_call_start(call);
}

uint64_t webex_update_room(struct webex_client *c, const char *room_id, const char *body,
			   webex_done done, void *arg)
{
	return update(c, "/rooms", room_id, body, WEBEX_KIND_ROOM, done, arg);
}

char *webex_room_title_body(const char *title)
{
	return two_members("title", title, "", NULL);
}

uint64_t webex_delete_room(struct webex_client *c, const char *room_id, webex_done done,
			   void *arg)
{
	return delete (c, "/rooms", room_id, WEBEX_KIND_ROOM, done, arg);
}

uint64_t webex_get_membership(struct webex_client *c, const char *id, webex_done done,
			      void *arg)
{
	return get(c, "/memberships", id, WEBEX_KIND_MEMBERSHIP, done, arg);
}

uint64_t webex_create_membership(struct webex_client *c, const char *room_id, const char *email,
				 webex_done done, void *arg)
{
	struct webex_call *call =
		webex_call_new(c, HTTP_POST, "/memberships", WEBEX_FORM_OBJECT,
			       WEBEX_KIND_MEMBERSHIP, done, arg);

	webex_call_set_json(call, two_members("roomId", room_id, "personEmail", email));
	return webex_call_start(call);
}

uint64_t webex_update_membership(struct webex_client *c, const char *id, const char *body,
				 webex_done done, void *arg)
{
	return update(c, "/memberships", id, body, WEBEX_KIND_MEMBERSHIP, done, arg);
}

uint64_t webex_delete_membership(struct webex_client *c, const char *id, webex_done done,
				 void *arg)
{
	return delete (c, "/memberships", id, WEBEX_KIND_MEMBERSHIP, done, arg);
}

/* ---- teams ---- */

uint64_t webex_get_team(struct webex_client *c, const char *id, webex_done done, void *arg)
{
	return get(c, "/teams", id, WEBEX_KIND_TEAM, done, arg);
}

uint64_t webex_create_team(struct webex_client *c, const char *title, const char *team_id,
			   webex_done done, void *arg)
{
	struct webex_call *call = webex_call_new(c, HTTP_POST, "/teams", WEBEX_FORM_OBJECT,
						 WEBEX_KIND_TEAM, done, arg);

	(void)team_id;
	webex_call_set_json(call, two_members("name", title, "", NULL));
	return webex_call_start(call);
}

uint64_t webex_update_team(struct webex_client *c, const char *id, const char *body,
			   webex_done done, void *arg)
{
	return update(c, "/teams", id, body, WEBEX_KIND_TEAM, done, arg);
}

uint64_t webex_delete_team(struct webex_client *c, const char *id, webex_done done, void *arg)
{
	return delete (c, "/teams", id, WEBEX_KIND_TEAM, done, arg);
}

char *webex_team_name_body(const char *name)
{
	return two_members("name", name, "", NULL);
}

uint64_t webex_get_team_membership(struct webex_client *c, const char *id, webex_done done,
				   void *arg)
{
	return get(c, "/team/memberships", id, WEBEX_KIND_TEAM_MEMBERSHIP, done, arg);
}

uint64_t webex_create_team_membership(struct webex_client *c, const char *team_id,
				      const char *email, webex_done done, void *arg)
{
	struct webex_call *call =
		webex_call_new(c, HTTP_POST, "/team/memberships", WEBEX_FORM_OBJECT,
			       WEBEX_KIND_TEAM_MEMBERSHIP, done, arg);

	webex_call_set_json(call, two_members("teamId", team_id, "personEmail", email));
	return webex_call_start(call);
}

uint64_t webex_update_team_membership(struct webex_client *c, const char *id, const char *body,
				      webex_done done, void *arg)
{
	return update(c, "/team/memberships", id, body, WEBEX_KIND_TEAM_MEMBERSHIP, done, arg);
}

uint64_t webex_delete_team_membership(struct webex_client *c, const char *id, webex_done done,
				      void *arg)
{
	return delete (c, "/team/memberships", id, WEBEX_KIND_TEAM_MEMBERSHIP, done, arg);
}

uint64_t webex_get_webhook(struct webex_client *c, const char *id, webex_done done, void *arg)
{
	return get(c, "/webhooks", id, WEBEX_KIND_WEBHOOK, done, arg);
}

uint64_t webex_create_webhook(struct webex_client *c, const char *body, webex_done done,
			      void *arg)
{
	struct webex_call *call = webex_call_new(c, HTTP_POST, "/webhooks", WEBEX_FORM_OBJECT,
						 WEBEX_KIND_WEBHOOK, done, arg);

	webex_call_set_json(call, g_strdup(body));
	return webex_call_start(call);
}

uint64_t webex_update_webhook(struct webex_client *c, const char *id, const char *body,
			      webex_done done, void *arg)
{
	return update(c, "/webhooks", id, body, WEBEX_KIND_WEBHOOK, done, arg);
}

uint64_t webex_delete_webhook(struct webex_client *c, const char *id, webex_done done,
			      void *arg)
{
	return delete (c, "/webhooks", id, WEBEX_KIND_WEBHOOK, done, arg);
}
