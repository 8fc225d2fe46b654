/* SPDX-License-Identifier: MIT */
/*
 * The handlers of /v1 (router.c maps routes to them) and the serialisers they share.
 *
 * A handler runs on the server's thread with an authenticated caller and leaves a complete
 * answer in rq->resp; helpers that return NULL or < 0 have left an error answer there.
 */
#pragma once

#include "server.h"

void people_list(struct req *rq);
void people_create(struct req *rq);
void people_get(struct req *rq);
void people_update(struct req *rq);
void people_delete(struct req *rq);

void rooms_list(struct req *rq);
void rooms_create(struct req *rq);
void rooms_get(struct req *rq);
void rooms_update(struct req *rq);
void rooms_delete(struct req *rq);
void rooms_meeting(struct req *rq);

void memberships_list(struct req *rq);
void memberships_create(struct req *rq);
void memberships_get(struct req *rq);
void memberships_update(struct req *rq);
void memberships_delete(struct req *rq);

void messages_list(struct req *rq);
void messages_direct(struct req *rq);
void messages_get(struct req *rq);
void messages_create(struct req *rq);
void messages_update(struct req *rq);
void messages_delete(struct req *rq);

void contents_get(struct req *rq);

void actions_create(struct req *rq);
void actions_get(struct req *rq);

void teams_list(struct req *rq);
void teams_create(struct req *rq);
void teams_get(struct req *rq);
void teams_update(struct req *rq);
void teams_delete(struct req *rq);
void team_memberships_list(struct req *rq);
void team_memberships_create(struct req *rq);
void team_memberships_get(struct req *rq);
void team_memberships_update(struct req *rq);
void team_memberships_delete(struct req *rq);

void organizations_list(struct req *rq);
void organizations_get(struct req *rq);
void organizations_delete(struct req *rq);
void licenses_list(struct req *rq);
void licenses_get(struct req *rq);
void licenses_patch(struct req *rq);
void roles_list(struct req *rq);
void roles_get(struct req *rq);

void tabs_list(struct req *rq);
void tabs_create(struct req *rq);
void tabs_get(struct req *rq);
void tabs_update(struct req *rq);
void tabs_delete(struct req *rq);

/* Logins (oauth.h). These need no bearer, and take forms. */
void oauth_authorize_get(struct req *rq);
void oauth_authorize_post(struct req *rq);
void oauth_access_token(struct req *rq);
void oauth_device_authorize(struct req *rq);
void oauth_device_token(struct req *rq);
void oauth_verify(struct req *rq);
void jwt_login(struct req *rq);
void guests_token(struct req *rq);
void guests_count(struct req *rq);
void authorizations_list(struct req *rq);
void authorizations_delete(struct req *rq);
void authorizations_delete_all(struct req *rq);
void authorizations_expiry(struct req *rq);
/* True if the scopes of the token cover the request. */
bool oauth_allows(const struct req *rq);

/* The room if the caller may see it; answers 400 or 404 and returns NULL otherwise. */
struct room *room_for(struct req *rq, const char *id);
/* The room whoever asks; answers 400 or 404 and returns NULL otherwise. */
struct room *room_lookup(struct req *rq, const char *id);
/* Member, or member of its team. */
bool room_visible(const struct req *rq, const struct room *room);
/* The visible message; `missing` is the text of the 404. */
struct message *message_for(struct req *rq, const char *id, const char *missing);
bool message_visible(const struct req *rq, const struct message *msg);
bool message_mentions(const struct message *msg, const struct person *p);
/* True when the caller may moderate: room unlocked, or caller is one. */
bool room_may_moderate(const struct req *rq, const struct room *room);
/* Person of a personId or personEmail pair as given; answers the errors of new memberships. */
struct person *person_for(struct req *rq, const char *id, const char *email);
/* The same with the words of messages and lists of memberships for an unknown address. */
struct person *person_found(struct req *rq, const char *id, const char *email);

void jw_person_id(GString *out, const char *key, const struct person *p);
void jw_room_id(GString *out, const char *key, const struct room *room);
void jw_message_id(GString *out, const char *key, const struct message *msg);
void jw_room(struct req *rq, GString *out, const struct room *room);
void jw_room_type(GString *out, const char *key, const struct room *room);
void jw_message(struct req *rq, GString *out, const struct message *msg);
void jw_membership(struct req *rq, GString *out, const void *item);
void message_id(const struct message *msg, GString *out);

bool is_admin(const struct req *rq);
/* Roles and licenses of a person, as ids. */
void jw_admin_fields(GString *out, const struct person *p, const struct sim *sim);
