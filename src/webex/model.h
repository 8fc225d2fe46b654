/* SPDX-License-Identifier: MIT */
/*
 * The objects of the API as structs, and their JSON (webex-api.md 5).
 *
 *  - Strings are owned by the struct (g_free), valid UTF-8 (invalid bytes, NUL and lone
 *    surrogates become U+FFFD), NULL if absent, null, empty or of another type. Times are ms
 *    since 1970 UTC, -1 if absent. A message without `created` has the time of its UUID.
 *  - `extra` is a JSON object with the fields nobody knew, or NULL; a webex_*_json() puts them
 *    back. Where a key occurs twice, the first counts.
 *  - Ids have passed webex_id_is_sane. An object without a usable id (or, for messages, without
 *    any usable time) is skipped by the list parsers and counted; so is one whose own id, space
 *    or person says that it is of another kind (webex_id_may_be).
 *  - webex_*_json(): the object as pretty-printed JSON (2 spaces) with a newline at the end,
 *    fields in the API's order, the known ones first, then extra. It is deterministic, because
 *    it decides the size of a .json file; parsing it and printing it again gives the same
 *    bytes. Owned (g_free).
 *
 * Caps: a JSON text of 64 MiB, 10000 items a page (more is an error: a list is complete or
 * fails), titles and descriptions of 4 KiB, text/markdown/html of 256 KiB each (all cut at a
 * character), 64 files of 4 KiB a message, other JSON values of 256 KiB (dropped whole). Pure;
 * any thread.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A team is a room of its own type: like a space it has a title (its name), a time and memberships, and it
 * can be renamed, joined and left; it has no messages. What comes as WEBEX_KIND_TEAM and
 * WEBEX_KIND_TEAM_MEMBERSHIP is of this type, and nothing else is.
 */
enum webex_room_type { WEBEX_ROOM_GROUP, WEBEX_ROOM_DIRECT, WEBEX_ROOM_TEAM };

struct webex_room {
	char *id;
	char *title; /* never NULL, may be "" */
	enum webex_room_type type;
	bool is_locked, is_announcement_only, is_read_only, is_public;
	char *team_id, *creator_id, *owner_id, *classification_id, *description;
	int64_t last_activity_ms, created_ms;
	char *extra;
};

struct webex_message {
	char *id, *room_id, *parent_id;
	enum webex_room_type room_type;
	char *text, *markdown, *html;
	char **files; /* NULL-terminated URLs, or NULL */
	/* The names of `files`, in the same order, if the store knows all of them; else NULL.
	 * No answer of the server has them. */
	char **file_names;
	char *person_id, *person_email;
	char *mentioned_people; /* JSON array text, or NULL */
	char *mentioned_groups; /* JSON array text, or NULL */
	char *attachments;	/* JSON array text, or NULL */
	bool is_voice_clip;
	int64_t created_ms, updated_ms;
	/* The server gave no usable time, nor does the id tell one: created_ms is where the message
	 * stood in its list, within TIME_MIN_MS..TIME_MAX_MS. It says nothing of others. */
	bool has_odd_time;
	char *extra;
};

struct webex_membership {
	/* room_id: that of the team if room_type says so */
	char *id, *room_id, *person_id, *person_email, *person_display_name, *person_org_id;
	bool is_moderator, is_room_hidden, is_monitor;
	enum webex_room_type room_type;
	int64_t created_ms;
	char *extra;
};

/* An answer to a card. */
struct webex_action {
	char *id; /* may be NULL: a server may answer that it has taken it, and no more */
	char *type, *message_id;
	char *inputs; /* JSON object text, or NULL */
	char *person_id, *room_id;
	int64_t created_ms;
	char *extra;
};

enum webex_person_type { WEBEX_PERSON_PERSON, WEBEX_PERSON_BOT, WEBEX_PERSON_APPUSER };

struct webex_person {
	char *id;
	char *email; /* the first of emails */
	char *display_name;
	enum webex_person_type type;
	char *json; /* the whole object, printed as webex_*_json() does, in the server's order
		     */
};

struct webex_webhook {
	char *id;
	char *name;
	int64_t created_ms;
	char *json; /* as that of a person; it has the secret, if the server shows it */
};

void webex_room_clear(struct webex_room *r);
void webex_message_clear(struct webex_message *m);
void webex_membership_clear(struct webex_membership *m);
void webex_person_clear(struct webex_person *p);
void webex_webhook_clear(struct webex_webhook *w);
/* clear + g_free; for GPtrArray. */
void webex_room_free(void *r);
void webex_message_free(void *m);
void webex_membership_free(void *m);
void webex_person_free(void *p);
void webex_action_free(void *a);
void webex_webhook_free(void *w);

enum webex_kind {
	WEBEX_KIND_ROOM,
	WEBEX_KIND_MESSAGE,
	WEBEX_KIND_MEMBERSHIP,
	WEBEX_KIND_PERSON,
	WEBEX_KIND_ACTION,
	WEBEX_KIND_TEAM,	    /* struct webex_room */
	WEBEX_KIND_TEAM_MEMBERSHIP, /* struct webex_membership */
	WEBEX_KIND_WEBHOOK,
};

/* The id of an object of any kind: each of the structs begins with it. */
static inline const char *webex_item_id(const void *item)
{
	return *(char *const *)item;
}

/* What frees an object of the kind. */
GDestroyNotify webex_free_function(enum webex_kind kind);

/*
 * Parses one object or, with `is_list`, {"items":[...]} of the kind into structs (an array with
 * its free function set; one object = an array of one). 0, or -EBADMSG if it is not JSON of
 * that form (a single object without a usable id too). *ret_skipped (may be NULL) counts
 * unusable items.
 */
int webex_parse(enum webex_kind kind, const char *json, size_t len, bool is_list,
		GPtrArray **ret_items, int *ret_skipped);

/* True if the message names the person among those whom it mentions, in whatever notation the id is. */
bool webex_message_mentions(const struct webex_message *m, const char *person_id);
/* True if it mentions a group of people (@all): all who are in the space. */
bool webex_message_mentions_group(const struct webex_message *m);

/* These two print what the API calls a team, or a membership of one, as that. */
char *webex_room_json(const struct webex_room *r);
char *webex_message_json(const struct webex_message *m);
char *webex_membership_json(const struct webex_membership *m);
char *webex_action_json(const struct webex_action *a);
/* Persons and webhooks need none: their `json` already is JSON. */
/* True if the server says of the person which roles it has, as it does of administrators. */
bool webex_person_has_roles(const struct webex_person *p);

/*
 * "message" (and, if it says more, errors[0].description) of an error body as one clean line of
 * at most 500 bytes; OAuth's error_description or error where there is none. NULL if there is
 * none or the body is not JSON. Owned.
 */
char *webex_error_text(const char *json, size_t len);

/* ---- input: the .json files that a person writes ---- */

/*
 * The changes that a space.json written by a person makes to the space as it is now (design
 * 2.2, 2.4; webex-api.md 5.2 PUT). `body` is the JSON to PUT (title always, and only what
 * differs of title, isLocked, isAnnouncementOnly, isPublic, description ("" becomes " "),
 * classificationId; of a team.json name always, and description: 5.7); NULL if nothing differs. A field that is left out or null is not changed;
 * lastActivity is ignored, because it changes while somebody edits. -EINVAL: not a JSON object,
 * not UTF-8, another room's id, wrong types, a field twice, an unknown or read-only field with
 * a changed value. *ret_reason: one line for the log, owned.
 */
int webex_room_edit(const struct webex_room *now, const char *json, size_t len, char **ret_body,
		    char **ret_reason);
/* The same for a membership: isModerator, isRoomHidden (not of a team). */
int webex_membership_edit(const struct webex_membership *now, const char *json, size_t len,
			  char **ret_body, char **ret_reason);
/* The same for a webhook: name, targetUrl (http or https), secret ("" takes it away), status ("active" or
 * "inactive"). The body has name, targetUrl and, as far as they are known, secret and ownedBy always, so that
 * no server takes them away. */
int webex_webhook_edit(const struct webex_webhook *now, const char *json, size_t len,
		       char **ret_body, char **ret_reason);
/* What is written to give it another name; owned. */
char *webex_webhook_name_body(const char *name);
/*
 * The body of a new webhook called `name`, out of what a person wrote: targetUrl, resource and event, and
 * perhaps filter, secret, ownedBy, and the same name. -EINVAL: as webex_room_edit(), or one of the three is
 * missing, or another name is given.
 */
int webex_webhook_new(const char *name, const char *json, size_t len, char **ret_body,
		      char **ret_reason);
/*
 * A raw API body written to post.json, with its destination filled in: roomId = room_id, or
 * toPersonEmail = email (exactly one of both given), parentId = parent_id if not NULL and
 * absent. -EINVAL: not an object, or it names another destination or thread, or "files" has a
 * local path (webex_post_local), or it has no content. *ret_body is owned.
 */
int webex_post_body(const char *json, size_t len, const char *room_id, const char *email,
		    const char *parent_id, char **ret_body, char **ret_reason);

struct webex_local;
/*
 * True if a raw API body has nothing but text, Markdown or both, beside its destination: then the
 * message can be recognised by them. *ret_said has them and parentId, and no path; it is empty
 * otherwise.
 */
bool webex_post_says(const char *json, size_t len, struct webex_local *ret_said);

/* A body written to post.json that goes with a file of this machine. */
struct webex_local {
	char *path; /* absolute */
	char *text, *markdown, *parent_id;
};
void webex_local_clear(struct webex_local *l);
/*
 * 0: ret_local->path is the absolute path that "files" has of one local file, and the rest of the
 * body can be sent with a file; it is NULL if "files" has no local path. -EINVAL: two files, a card,
 * both text and markdown, or as webex_post_body.
 */
int webex_post_local(const char *json, size_t len, const char *room_id, const char *email,
		     const char *parent_id, struct webex_local *ret_local, char **ret_reason);

/* A JSON string literal with quotes; for status.json and the outbox. Owned. */
char *webex_json_quote(const char *text);
/* A string member of a flat JSON object that we wrote ourselves (outbox). Owned; NULL if
 * absent. */
char *webex_json_get_string(const char *json, const char *key);
int64_t webex_json_get_int(const char *json, const char *key, int64_t fallback);
