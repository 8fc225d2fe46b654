/* SPDX-License-Identifier: MIT */
/*
 * What the simulated service stores: people, rooms, memberships, messages, contents,
 * teams, webhooks, organizations. All in memory with the indexes that requests need.
 *
 * Everything here belongs to struct sim and is touched only by the thread of the HTTP
 * server (and by main() before it starts). Objects are never moved; deleted ones are
 * unlinked from the indexes, people stay allocated for ever because others point at them.
 */
#pragma once

#include "ids.h"
#include "options.h"

#include <cjson/cJSON.h>
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct org {
	struct uuid uuid;
	char *name;
	int64_t created;
};

struct license {
	struct uuid uuid;
	const char *name;
	int total, consumed;
};

enum person_kind { PERSON_USER, PERSON_ADMIN, PERSON_BOT };

struct person {
	struct uuid uuid;
	char *key; /* short name for logs: alice */
	char *email;
	char *display, *first, *last, *nick;
	char *avatar;
	char *title, *department;
	struct org *org;
	enum person_kind kind;
	int64_t created, modified, activity;
	const char *status;
	bool pending, no_login, deleted, guest;
	bool officer; /* of compliance */
	/* Fields an admin wrote that are kept as they came. */
	cJSON *extra;
	GPtrArray *memberships; /* struct membership */
	GPtrArray *teams;	/* struct team_member */
	/* Token bucket of the rate limit. */
	double bucket;
	int64_t bucket_ms;
};

struct room {
	struct uuid uuid;
	const char *cluster;
	char *title; /* of group rooms only */
	bool direct, locked, is_public, announcement, read_only;
	struct team *team;
	struct person *creator;
	struct org *org;
	char *description, *classification;
	int64_t created, activity, made_public;
	GPtrArray *members;    /* struct membership, by time of joining */
	GPtrArray *messages;   /* struct message, oldest first */
	GHashTable *by_person; /* person -> membership */
	/* Last time stamp given out here, so that new ones are later. */
	uint64_t last_t100;
};

struct membership {
	struct room *room;
	struct person *person;
	bool moderator, hidden;
	int64_t created;
};

enum scan_state { SCAN_CLEAN, SCAN_BUSY, SCAN_INFECTED, SCAN_UNSCANNABLE };

/* Bytes of an upload: in memory when small, in an unlinked file otherwise. */
struct blob {
	char *mem;
	int fd; /* -1 when in memory */
	uint64_t size;
};

struct content {
	struct blob blob;
	char *name; /* NULL: no Content-Disposition */
	char *type;
	enum scan_state scan;
	int64_t scan_until; /* SCAN_BUSY ends then, 0 = never */
};

struct message {
	struct uuid uuid;
	struct uuid parent; /* valid when has_parent */
	struct room *room;
	struct person *author;
	char *text, *markdown, *html;
	GPtrArray *mentioned; /* struct person */
	bool mention_all;
	bool has_parent, voice;
	unsigned edits;
	char *attachments; /* JSON array */
	GPtrArray *files;  /* struct content */
	int64_t created, updated;
};

struct team {
	struct uuid uuid;
	char *name, *description;
	struct person *creator;
	struct room *general;
	int64_t created;
	GPtrArray *members; /* struct team_member */
};

struct team_member {
	struct team *team;
	struct person *person;
	bool moderator;
	int64_t created;
};

struct tab {
	struct uuid uuid;
	struct room *room;
	struct person *creator;
	char *name, *url;
	int64_t created;
};

struct webhook {
	struct uuid uuid;
	struct person *owner;
	char *name, *target, *resource, *event, *filter, *secret;
	bool active, org_wide;
	int64_t created;
	int fails;
	int64_t first_fail;
};

struct integration;

/* An access token, or a refresh token of an integration. Times are of the simulator's clock. */
struct token {
	struct person *person;
	bool valid, is_refresh;
	int64_t created, expires; /* expires 0: never */
	struct uuid uuid;	  /* of its authorization */
	/* NULL for tokens that no login gave: they may do everything. */
	const struct integration *integration;
	char *scope;
};

/* Behaviour that the documentation leaves open: POST /_sim/switches. */
struct switches {
	bool activity_on_edit;
	bool activity_keep_on_delete;
	bool deleted_anchor_404;
	bool direct_unknown_404;
	bool range;
	bool leave_on_moderated_delete;
	bool author_submits; /* of a card of his own: contested (5.6) */
	int scan_seconds;
	char disposition[12]; /* star, raw, percent, missing */
};

/* Of logins; seconds. */
struct lives {
	int access, refresh, code, device, interval;
	int token_limit;   /* of living access tokens a person */
	bool rotate;	   /* each refresh gives a new refresh token, and the old one is dead */
	bool unchanged;	   /* a refresh within 24 hours gives the same access token */
	bool pending_400;  /* 400 authorization_pending instead of 428 */
	bool too_fast_429; /* instead of 400 slow_down */
};

struct rate {
	int limit; /* per minute and person, 0 = off */
	char retry_after[64];
	bool html;
};

struct faults;
struct oauth;
struct reqlog;
struct park;
struct hooks;

struct sim {
	struct options opt;
	struct switches sw;
	struct rate rate;
	struct lives lives;
	int port;
	char *origin; /* http://127.0.0.1:PORT */
	int64_t clock_offset;
	uint64_t last_t100;
	uint64_t seed;
	GPtrArray *orgs;
	GPtrArray *licenses;
	GPtrArray *people;
	GPtrArray *former; /* deleted ones, which messages still name */
	GHashTable *people_by_uuid, *people_by_email;
	GHashTable *tokens; /* text -> struct token */
	GPtrArray *rooms;
	GHashTable *rooms_by_uuid;
	GHashTable *messages_by_uuid;
	GPtrArray *teams;
	GPtrArray *webhooks;
	GPtrArray *actions;	    /* struct action of actions.c */
	GPtrArray *tabs;	    /* struct tab */
	GPtrArray *events, *audits; /* of events.c */
	struct faults *faults;
	struct reqlog *log;
	struct park *park;
	struct hooks *hooks;
	struct oauth *oauth;
};

void data_init(struct sim *sim);
int64_t data_now(struct sim *sim);
/* A time stamp later than every one given out before. */
uint64_t data_tick(struct sim *sim);

struct org *data_org_add(struct sim *sim, const char *uuid, const char *name, int64_t created);
struct person *data_person_add(struct sim *sim, const struct uuid *uuid, const char *email,
			       const char *display, struct org *org, int64_t created);
struct person *data_person_by_email(struct sim *sim, const char *email);
/* Public id or bare UUID; NULL when unknown, malformed, deleted. */
struct person *data_person_by_id(struct sim *sim, const char *id);
void data_person_rename(struct person *p, const char *display);
void data_person_set_email(struct sim *sim, struct person *p, const char *email);
void data_person_delete(struct sim *sim, struct person *p);
struct token *data_token_add(struct sim *sim, const char *token, struct person *p, bool valid);
/* NULL unless it is valid, unexpired and of somebody who is there. */
struct token *data_token(struct sim *sim, const char *text);
void token_free(void *token);

struct room *data_room_add(struct sim *sim, struct person *creator, const char *title,
			   uint64_t t100, const char *cluster);
struct room *data_room_direct(struct sim *sim, struct person *a, struct person *b,
			      int64_t created);
/* NULL when there is none yet. */
struct room *data_room_find_direct(struct sim *sim, struct person *a, struct person *b);
void data_room_delete(struct sim *sim, struct room *room);
struct membership *data_member_add(struct room *room, struct person *p, int64_t created);
struct membership *data_member(const struct room *room, const struct person *p);
void data_member_remove(struct membership *m);
struct person *data_room_other(const struct room *room, const struct person *me);

/* `t100` 0 = now. The UUID is unique and its time, truncated to ms, is `created`. */
struct message *data_message_add(struct sim *sim, struct room *room, struct person *author,
				 uint64_t t100);
void data_message_delete(struct sim *sim, struct message *msg);
/* Index of the first message of the room not older than (t100, uuid). */
guint data_message_lower(const struct room *room, uint64_t t100, const struct uuid *uuid);
struct content *data_content_add(struct message *msg, const char *name, const char *type,
				 struct blob blob);

struct team *data_team_add(struct sim *sim, struct person *creator, const char *name,
			   const char *description, uint64_t t100);
struct team_member *data_team_member(const struct team *team, const struct person *p);
struct team_member *data_team_member_add(struct team *team, struct person *p, bool moderator,
					 int64_t created);
void data_team_member_remove(struct team_member *tm);
void data_team_delete(struct sim *sim, struct team *team);

struct blob blob_from(const void *bytes, size_t len);
void blob_free(struct blob *blob);
