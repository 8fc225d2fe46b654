/* SPDX-License-Identifier: MIT */
/*
 * What is known of the account: SQLite in WAL mode, one file a (server, account), or memory (design 3).
 *
 *  1. One thread writes (the cache thread): every function that takes `struct store *` and changes something. Readers are
 *     FUSE workers and the cache thread, each with a connection that it took for the length of one operation.
 *  2. A reader sees one snapshot from store_read_begin to store_read_end. It must not be held across a wait.
 *  3. Every row of every table has a rowid out of ONE counter: never reused, also not by a store that was rebuilt (the reserve file). Rowids are > 0 and
 *     stay below 2^45. Node ids are made of them (tree/ino.h).
 *  4. What is deleted stays as a tombstone until the next open, so that a node id the kernel still holds means what it meant.
 *     A tombstoned message never comes back. A room, membership that is seen again gets a new row.
 *  5. A name once given is kept until the title (room), address (membership) it was made of changes; names of one directory differ by name_key.
 *  6. Every apply function is one transaction and appends to `changes` what a person could see of it (nothing for a no-op).
 * Files are 0600. Ids are stored as 16-byte UUIDs only where encoding them again gives the same string.
 * Errors: -ENOENT no such row; -EIO SQLite failed (logged once); -ENOSPC disk full; -EBUSY (open) another mount has the store.
 * Memory mode (path NULL): one shared in-memory database; a read-write lock of the store (the design's exception to "no lock across SQLite")
 * keeps readers and the writer apart, since shared-cache SQLite would answer SQLITE_LOCKED.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "webex/model.h"

struct store;
struct store_conn;

struct store_config {
	const char *path;         /* database file; its folder exists (0700); NULL: memory */
	const char *reserve_path; /* rowid high-water mark, outside the cache folder; NULL (memory): none */
	const char *holder;       /* text for the lock: where this process is mounted */
};

/*
 * Opens, migrates, locks (flock on path + ".lock" whose text is the holder). A store of a newer version or a broken one is renamed aside
 * (path + ".aside-<time>") and rebuilt. Purges tombstones. -EBUSY: *ret_holder (owned) says who has it.
 */
int store_open(const struct store_config *config, struct store **ret_store, char **ret_holder);
void store_close(struct store **store);

/* A connection with an open snapshot; blocks only in memory mode, for the length of one transaction. Never fails but for -EIO. */
int store_read_begin(struct store *s, struct store_conn **ret_conn);
void store_read_end(struct store_conn *conn);

/* Counts every committed change of anything; any thread (atomic). */
uint64_t store_generation(struct store *s);

/* ---- meta: small texts ---- */
/* Owned; NULL if absent. */
char *store_meta_get(struct store_conn *c, const char *key);
int store_meta_set(struct store *s, const char *key, const char *value);
int64_t store_meta_get_int(struct store_conn *c, const char *key, int64_t fallback);
int store_meta_set_int(struct store *s, const char *key, int64_t value);

/* ---- changes ---- */
enum store_change_type {
	STORE_ROOM_ADDED,
	STORE_ROOM_RENAMED, /* old_name -> name */
	STORE_ROOM_CHANGED, /* details or last activity */
	STORE_ROOM_GONE,
	STORE_MESSAGE_ADDED,
	STORE_MESSAGE_RENAMED, /* its stem: a lower twin of the same millisecond turned up */
	STORE_MESSAGE_CHANGED, /* edited */
	STORE_MESSAGE_GONE,
	STORE_MEMBER_ADDED,
	STORE_MEMBER_CHANGED,
	STORE_MEMBER_GONE,
	STORE_PERSON_CHANGED,
	STORE_CONTENT_ADDED,
	STORE_CONTENT_GONE,
};

struct store_change {
	enum store_change_type type;
	enum webex_room_type room_type;
	int64_t room;  /* rowid of the room it is in (ROOM_*: itself); 0 for people */
	int64_t rowid; /* of the thing itself */
	char *old_name, *name; /* file name in its directory (messages: the stem); NULL where it says nothing */
	bool is_new_head;      /* MESSAGE_ADDED: newer than all that was known of the room */
};

/* An array with its free function set. */
GPtrArray *store_changes_new(void);

/* ---- rooms ---- */
struct store_room {
	int64_t rowid;
	char *name;          /* in spaces/ or direct/ by room.type */
	bool gone;
	char *direct_email;  /* direct rooms: the other person, as far as known */
	int64_t members_wall_ms; /* when all members were last listed; -1: never */
	struct webex_room room;
};
void store_room_clear(struct store_room *r);

int store_room_get(struct store_conn *c, int64_t rowid, struct store_room *ret_room); /* also tombstones: gone */
int store_room_by_id(struct store_conn *c, const char *id, struct store_room *ret_room);   /* not gone */
int store_room_by_name(struct store_conn *c, enum webex_room_type type, const char *name, struct store_room *ret_room);
/* Address compared after case folding. */
int store_room_by_email(struct store_conn *c, const char *email, struct store_room *ret_room);

/* Calls `fn` for rooms with rowid > after in rising order until it returns false. What fn gets is borrowed. 0 or -errno. */
int store_room_list(struct store_conn *c, enum webex_room_type type, int64_t after,
		    bool (*fn)(void *arg, const struct store_room *room), void *arg);
int64_t store_room_count(struct store_conn *c, enum webex_room_type type);

/*
 * Brings in rooms. complete: those of the store that are not among them are gone, but for those with a pin (store_pin_room) not run out at `now_wall_ms`.
 */
int store_apply_rooms(struct store *s, GPtrArray *rooms, bool complete, int64_t now_wall_ms, GPtrArray *changes);
/* One room (create, rename, get); *ret_rowid may be NULL. pin_until_wall_ms > 0: not gone by absence from a list before that. */
int store_apply_room(struct store *s, const struct webex_room *room, int64_t pin_until_wall_ms, int64_t *ret_rowid,
		     GPtrArray *changes);
/* 404, left or deleted: tombstones the room, its messages, memberships and contents. -ENOENT if it was gone. */
int store_remove_room(struct store *s, int64_t rowid, GPtrArray *changes);
int store_set_direct_email(struct store *s, int64_t room, const char *email);

/* ---- messages ---- */
struct store_message {
	int64_t rowid, room;
	int64_t cookie;   /* place in any listing of its room: rises with (created, uuid time, id) as far as that was known on arrival; > STORE_COOKIE_MIN, < 2^62; stable */
	int64_t person;   /* rowid of its author, 0 if unknown */
	char *stem;       /* file name without .txt */
	int64_t txt_size; /* bytes of webex_render_txt */
	bool deleted;
	struct webex_message m;
};
void store_message_clear(struct store_message *m);

/* Cookies up to here are for the fixed entries of a directory. */
#define STORE_COOKIE_MIN INT64_C(0x100000)

/* One row of a listing: what stat needs, without the bodies. stem is borrowed for the call. */
struct store_brief {
	int64_t rowid, cookie, person, created_ms, updated_ms, txt_size;
	const char *stem;
	bool has_markdown, has_files, has_card;
};

int store_message_get(struct store_conn *c, int64_t rowid, struct store_message *ret_message); /* also tombstones */
int store_message_brief(struct store_conn *c, int64_t rowid, struct store_brief *ret_brief, char **ret_stem,
			int64_t *ret_room, bool *ret_deleted);
int store_message_by_stem(struct store_conn *c, int64_t room, const char *stem, size_t stem_len, int64_t *ret_rowid); /* not deleted */
int store_message_by_id(struct store_conn *c, const char *id, int64_t *ret_rowid);
/* Live messages of the room with cookie > after and created_ms >= since_ms, rising; until fn returns false. */
int store_message_list(struct store_conn *c, int64_t room, int64_t after, int64_t since_ms,
		       bool (*fn)(void *arg, const struct store_brief *brief), void *arg);
/* The same with whole messages (for a transcript). Borrowed. */
int store_message_each(struct store_conn *c, int64_t room, int64_t after, int64_t since_ms,
		       bool (*fn)(void *arg, const struct store_message *m), void *arg);
/*
 * Where a listing of the newest `recent` live messages begins: the cookie to list after, 0 for all there are at or above since_ms.
 */
int64_t store_message_recent(struct store_conn *c, int64_t room, int64_t since_ms, int64_t recent);
/* Newest live message by that author in the room; -ENOENT. */
int store_message_last_by(struct store_conn *c, int64_t room, int64_t person, int64_t *ret_rowid);

/* ---- spans: what interval of a room's time is completely known: lo < created <= hi; lo -1 = since the beginning ---- */
struct store_span {
	int64_t lo, hi;
};
/* The newest span; -ENOENT if the room was never listed. */
int store_span_head(struct store_conn *c, int64_t room, struct store_span *ret_span);

/* What a page says about the time above its newest item, and about what is missing in it. */
enum store_page {
	STORE_PAGE_HEAD,     /* the newest: nothing is above it */
	STORE_PAGE_INNER,    /* known up to hi */
	STORE_PAGE_FILTERED, /* the newest of a bot's filtered list: what is missing is not gone */
};

/*
 * Brings in a page of a room's list. All items are kept. The messages known with lo < created (and
 * <= hi for STORE_PAGE_INNER; no upper bound for _HEAD) that are not among them are deleted, but for
 * pinned ones and never for _FILTERED. Then the span (lo, hi] is added (_HEAD and _FILTERED: hi = the
 * newest item or known message); spans that touch merge.
 * Items of one author and millisecond get their stems by (uuid time, id). Authors become people with
 * the address first seen.
 */
int store_apply_page(struct store *s, int64_t room, GPtrArray *messages, int64_t lo, int64_t hi,
		     enum store_page mode, int64_t now_wall_ms, GPtrArray *changes);
/* One message (own post, edit, get). */
int store_apply_message(struct store *s, int64_t room, const struct webex_message *m, int64_t pin_until_wall_ms,
			int64_t *ret_rowid, GPtrArray *changes);
int store_remove_message(struct store *s, int64_t rowid, GPtrArray *changes);

/* ---- memberships ---- */
struct store_member {
	int64_t rowid, room;
	char *name; /* the address, or what stands for it */
	bool gone;
	struct webex_membership m;
};
void store_member_clear(struct store_member *m);
int store_member_get(struct store_conn *c, int64_t rowid, struct store_member *ret_member);
int store_member_by_name(struct store_conn *c, int64_t room, const char *name, struct store_member *ret_member);
int store_member_list(struct store_conn *c, int64_t room, int64_t after,
		      bool (*fn)(void *arg, const struct store_member *member), void *arg);
/* complete: the others are gone, and room.members_wall_ms = now. For a direct room the other person's address becomes its direct_email (me: meta "me.id"). */
int store_apply_members(struct store *s, int64_t room, GPtrArray *memberships, bool complete, int64_t now_wall_ms,
			GPtrArray *changes);
int store_remove_member(struct store *s, int64_t rowid, GPtrArray *changes);

/* ---- people ---- */
struct store_person {
	int64_t rowid;
	char *first_email;       /* as first seen; NULL if none */
	int64_t fetched_wall_ms; /* when p.json was fetched; -1: never, p has only what messages told */
	struct webex_person p;
};
void store_person_clear(struct store_person *p);
int store_person_get(struct store_conn *c, int64_t rowid, struct store_person *ret_person);
int store_person_by_id(struct store_conn *c, const char *id, struct store_person *ret_person);
int store_person_by_email(struct store_conn *c, const char *email, struct store_person *ret_person);
/* Only those with fetched_wall_ms >= 0. */
int store_person_list(struct store_conn *c, int64_t after, bool (*fn)(void *arg, const struct store_person *p), void *arg);
int store_apply_person(struct store *s, const struct webex_person *p, int64_t now_wall_ms, int64_t *ret_rowid,
		       GPtrArray *changes);

/* ---- contents: attachments whose name is known (here: our own uploads; all of them with files/ later) ---- */
struct store_content {
	int64_t rowid, room, message;
	char *url, *name, *sha256;
	int64_t size, mtime_ms;
	bool gone;
};
void store_content_clear(struct store_content *c);
int store_content_get(struct store_conn *c, int64_t rowid, struct store_content *ret_content);
/* The newest of that name in the room whose message still is there. */
int store_content_by_name(struct store_conn *c, int64_t room, const char *name, struct store_content *ret_content);
/* rowid 0: a new row, told in *ret_rowid; otherwise that row (of store_new_rowid) is made. */
int store_apply_content(struct store *s, const struct store_content *content, int64_t *ret_rowid, GPtrArray *changes);
int store_set_content_mtime(struct store *s, int64_t rowid, int64_t mtime_ms);

/* ---- numbers for what has no row of its own ---- */
/* The rowid of (kind, key), made if new. Writer only. */
int store_node_make(struct store *s, int kind, const char *key, int64_t *ret_rowid);
int store_node_find(struct store_conn *c, int kind, const char *key, int64_t *ret_rowid);
/* Key of the node; owned. -ENOENT. */
int store_node_get(struct store_conn *c, int64_t rowid, int *ret_kind, char **ret_key);
/* A fresh number for a file that has no row yet (a draft); ANY thread: taken from a block reserved ahead. */
int64_t store_new_rowid(struct store *s);
