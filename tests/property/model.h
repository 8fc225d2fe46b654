/* SPDX-License-Identifier: MIT */
/*
 * The truth: what is on the server. It has spaces, members and messages as webex-api.md 5 and 7
 * describe them: messages are added at the front only, an edit sets `updated`, a deletion
 * leaves nothing. Older versions are kept, so that a check can tell an older version from a
 * wrong one.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "webex/model.h"

#define PEOPLE 5
#define ME 0

/* What a message said, and when. */
struct version {
	int64_t at_ms; /* server's clock */
	int64_t updated_ms;
	char *text, *markdown;
};

struct truth {
	char *id;
	char *parent_id; /* NULL: no reply; the root may be deleted */
	struct model_room *room;
	int author;
	int64_t created_ms;
	uint64_t order;	     /* among those of one millisecond, as the server lists them */
	GPtrArray *versions; /* of struct version, the newest last */
	int64_t deleted_ms;  /* -1: not deleted */
	bool hidden;	     /* never listed, but counted in the page that leaves it out */
	bool broken;	     /* listed in an unusable form, until the server is calm */
	bool has_file;
};

struct model_member {
	char *id;
	int person;
	bool is_moderator;
	int64_t created_ms;
};

struct model_room {
	char *id, *title;
	enum webex_room_type type;
	int64_t created_ms;
	bool left;	     /* everything in it is 404 */
	GPtrArray *messages; /* of struct truth: oldest first, as listed; deleted ones too */
	GPtrArray *members;  /* of struct model_member */
	int64_t listed_ms; /* server's clock: what comes now is newer than what was told then */
};

struct model {
	GPtrArray *rooms;	  /* those that were left, too */
	GHashTable *by_id;	  /* message id -> struct truth */
	char *person_ids[PEOPLE]; /* that of ME is fixed */
	char *emails[PEOPLE];
	bool is_bot;	     /* lists of group spaces have only what mentions it */
	bool scrambled;	     /* the list has no known order within one millisecond */
	bool activity_falls; /* lastActivity goes back when the newest message is deleted */
	int hidden_percent, broken_percent;
	int ties_max; /* messages of one millisecond: fewer than two pages, of which a client could
			 not tell whether they are a circle */
	uint64_t ids;
};

extern struct model model;

void model_start(void);
void model_stop(void);

/* With messages from `months` ago until now. */
struct model_room *model_add_room(enum webex_room_type type, int messages, int months);
/* A new message, now. */
struct truth *model_post(struct model_room *room, int author, const char *text);
void model_edit(struct truth *t, const char *text);
void model_delete(struct truth *t);
void model_rename(struct model_room *room);
void model_leave(struct model_room *room);
void model_invite(struct model_room *room);
void model_expel(struct model_room *room);
/* NULL if there is none. */
struct model_room *model_any_room(void);
/* One that can be listed. */
struct truth *model_any_message(struct model_room *room);

bool truth_is_live(const struct truth *t);
const struct version *truth_now(const struct truth *t);
/* Owned, as the server would say it; of its newest version. */
struct webex_message *truth_message(const struct truth *t);
struct webex_message *truth_message_of(const struct truth *t, const struct version *v);
struct webex_room *model_webex_room(const struct model_room *room);
struct webex_membership *model_webex_member(const struct model_room *room,
					    const struct model_member *m);
struct model_room *model_room_by_id(const char *id);
int64_t model_activity(const struct model_room *room);
