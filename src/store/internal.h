/* SPDX-License-Identifier: MIT */
/*
 * What the files of this folder share: the store, its transactions, and rows as they are
 * written. Thread rule: write_* and everything that takes a struct write: the writing thread
 * (store.h 1).
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/rowids.h"
#include "store/sql.h"
#include "store/store.h"
#include "webex/id.h"

struct store_conn {
	struct store *s;
	struct sql *q;
	struct store_conn *next; /* store.pool_lock, while in the pool */
};

struct store {
	bool in_memory;
	char *uri, *broken_mark;
	int lock_fd; /* -1: memory */
	struct rowids rowids;
	atomic_uint_fast64_t generation;
	/* live messages with a body, and without; written by the writing thread */
	atomic_int_fast64_t bodies, evicted;
	const struct clock *clock;
	void (*on_event)(void *arg);
	void *on_event_arg;
	atomic_int_fast64_t event_last; /* written by the writing thread */

	struct sql *writer; /* writing thread */
	pthread_t writing;  /* writing thread: who it is, once has_writing */
	bool has_writing;   /* writing thread */
	struct evict_place {
		int64_t room, cookie; /* what of the month is at or below was looked at */
		int month;
	} evict;		 /* writing thread: where store_evict() goes on */
	int64_t stored_rowid;	 /* writing thread: meta "rowid.last" as committed */
	GHashTable *member_pins; /* writing thread: rowid to wall ms, both owned int64_t */
	GHashTable *heirs; /* writing thread: see room_put.c; row to row, both owned int64_t */

	pthread_rwlock_t
		memory_lock; /* memory mode: a snapshot holds it shared, a write alone */
	pthread_mutex_t pool_lock;
	struct store_conn *pool; /* pool_lock */
	int pooled;		 /* pool_lock */
	int lent;		 /* pool_lock: connections out now */
};

/* One transaction. What it appended to `changes` goes again if it fails. */
struct write {
	struct store *s;
	struct sql *q;
	GPtrArray *changes;
	bool owns_changes; /* the caller wanted none; events are made of them */
	guint changes_mark;
	int64_t rows_mark;
	int64_t events;		 /* added to the journal */
	bool is_first_listing;	 /* what it adds is no news */
	bool is_quiet;		 /* nothing of it can be seen: answers made before stay good */
	GArray *months;		 /* months.c; NULL: nothing was noted */
	int64_t bodies, evicted; /* more of them when it is committed */
};

int write_begin(struct store *s, GPtrArray *changes, struct write *ret_write);
/* Commits for r == 0, rolls back for an error. What the whole came to. */
int write_end(struct write *w, int r);
/* Of the small texts of meta. */
char *meta_text(struct sql *q, const char *key);
int64_t meta_int(struct sql *q, const char *key, int64_t fallback);

/* ---- changes.c ---- */
/* Appends a change and gives it back to have its names set. */
struct store_change *changes_add(struct write *w, enum store_change_type type, int64_t room,
				 enum webex_room_type room_type, int64_t rowid);
/* The same with names, copied. */
struct store_change *changes_add_named(struct write *w, enum store_change_type type,
				       int64_t room, enum webex_room_type room_type,
				       int64_t rowid, const char *old_name, const char *name);

/* ---- events.c ---- */
void events_init(struct store *s);
/* What of the changes is news, into the journal. */
int events_append(struct write *w);

/* ---- unique.c ---- */
/* Is the key in use in the directory? 1, 0, -errno. */
typedef int (*unique_taken_fn)(void *arg, const char *key);
/*
 * A name for `base` whose key nobody has: itself, else with 8 or more hex digits of the id
 * (design 2.1). Both owned.
 */
int unique_name(const char *base, const char *id, unique_taken_fn taken, void *arg,
		char **ret_name, char **ret_key);

/* A set of rowids, for "those that are not among them". */
void rowset_add(GArray *set, int64_t rowid);
void rowset_sort(GArray *set);
bool rowset_has(const GArray *set, int64_t rowid);

/* ---- rooms.c ---- */
/* meta: the newest activity of rooms whose tombstones were purged. */
#define ROOM_META_NEWEST "news.newest_ms"
/* What others need of a room. -ENOENT for one that is gone, too. */
struct room_place {
	int64_t rowid;
	enum webex_room_type type;
	char *id;
};
void room_place_clear(struct room_place *p);
int room_place_get(struct sql *q, int64_t rowid, struct room_place *ret_place);
/* 1 if the other person's address became another one. */
int room_put_direct_email(struct sql *q, int64_t room, const char *email);

/* ---- people.c ---- */
/* The row of a message's author, made if new. *ret_first_email: owned, NULL if none. */
int person_touch(struct write *w, const char *id, const char *email, int64_t *ret_rowid,
		 char **ret_first_email);

/* ---- contents.c ---- */
#define CONTENT_COLUMNS                                                                        \
	"c.rowid, c.room, c.message, c.url, c.name, c.sha256, c.size, c.mtime_ms,"             \
	" c.gone OR r.gone IS NOT 0 OR ifnull(m.deleted, 0), c.cookie, c.is_proven,"           \
	" ifnull(m.created_ms, c.mtime_ms), c.name_key "
#define CONTENT_FROM                                                                           \
	"FROM content c LEFT JOIN room r ON r.rowid=c.room"                                    \
	" LEFT JOIN message m ON m.rowid=c.message "
void content_row(struct sql_stmt *st, struct store_content *ret_content);
/* Places are below it; who has none yet is newer than all. */
#define CONTENT_NO_PLACE (INT64_C(1) << 62)
int contents_drop_of(struct write *w, const struct room_place *room, int64_t message);
int content_set_gone(struct write *w, int64_t rowid);
/* Tells of one with its room and name. */
int content_tell(struct write *w, int64_t rowid, enum store_change_type type);

/* What the files of a message are called, in the order of m->files. 1: `m` has them now; 0: not all
 * are known. */
int contents_names_of(struct sql *q, int64_t message, struct webex_message *m);

/* ---- content_put.c ---- */
/* The message's files are these: what is new gets a row without a name, what is missing goes. */
int contents_note(struct write *w, int64_t room, int64_t message, char *const *files);
/* Whether the message has a file that is not among these: 1, 0, -errno. */
int contents_lack(struct sql *q, int64_t message, char *const *files);
/* Rows for the files of every message that has its body (schema.c). */
int contents_adopt(struct sql *q);

/* ---- messages.c ---- */
#define MESSAGE_HAS_MARKDOWN 1
#define MESSAGE_HAS_FILES 2
#define MESSAGE_HAS_CARD 4
#define MESSAGE_VOICE_CLIP 8
#define MESSAGE_OWN 16 /* by the owner of the store; schema.c has an index of them */
#define MESSAGE_IS_OWN "flags&16"
#define MESSAGE_SHOWS_NAMES 32 /* its sizes are of a text that names its files */

/* Cookies of one millisecond are [cookie_floor(ms), cookie_floor(ms) + COOKIE_TIES). */
#define COOKIE_TIES (INT64_C(1) << 20)
int64_t cookie_floor(int64_t created_ms);
/* Whether other milliseconds have the same place. */
bool cookie_is_shared(int64_t created_ms);

/* The row whatever its state; -ENOENT. */
int message_load(struct sql *q, int64_t rowid, struct store_message *ret_message);
/* The row of (room, id), a tombstone too; -ENOENT. */
int message_find(struct sql *q, int64_t room, const char *id, int64_t *ret_rowid);

/* ---- months.c ---- */
/* The counts as the file has them. */
int months_load(struct store *s);
/* So many more messages of that time have, and lack, a body at the end of this write. */
void months_note(struct write *w, int64_t room, int64_t created_ms, int bodies, int evicted);
/* The same of a known month. */
void months_note_month(struct write *w, int64_t room, int month, int bodies, int evicted);
/* The room is gone. */
int months_drop(struct write *w, int64_t room);
/* Before the commit: what was noted, into the table. */
int months_flush(struct write *w);
/* After it (done: it was committed). */
void months_end(struct write *w, bool done);

/* ---- message_write.c ---- */
struct message_row {
	int64_t rowid, room, cookie, person, pin_ms;
	bool is_own;
	const char *stem;
	const uint8_t *id; /* sql_id_bytes() where the caller has them; may be NULL */
};
/* -EEXIST: the room has this message, or one in this place; nothing is written then. */
int message_insert(struct write *w, const struct message_row *row,
		   const struct webex_message *m, const char *first_email);
/* What may differ of a known message; its body, too. */
int message_rewrite(struct write *w, const struct store_message *old,
		    const struct webex_message *m, const char *first_email);
/* Whether message_rewrite() would leave the row as it is, but for the body. */
bool message_has_row_of(const struct store_message *old, const struct webex_message *m);
int message_set_pin(struct write *w, int64_t rowid, int64_t pin_ms);
int put_deleted(struct write *w, const struct room_place *room, int64_t rowid);
/* A tombstone that is one since until_wall_ms or longer is a message again. 1: it is; 0: no; -errno. */
int message_revive(struct write *w, const struct store_message *old, int64_t until_wall_ms);

/* ---- message_put.c ---- */
struct author {
	int64_t rowid; /* 0: a message without author */
	bool is_owner;
	char *first_email;
	char *suffix; /* what follows the time in a stem; NULL: not needed yet (page_put.c) */
	char hex[WEBEX_ID_HEX_SIZE];
};
/* What the messages of one call have in common. */
struct put {
	struct write *w;
	struct room_place room;
	int64_t told_ms;   /* what is newer is news; -1: nothing is */
	int64_t newest_ms; /* the newest message that was added; told_ms if none is newer */
	/* Of a time of which nothing was known, so nobody has seen a listing of it: only the first
	 * message is told. */
	bool is_backfill;
	bool has_told_backfill;
	bool is_pinned;	     /* what was added is our own, and no news */
	GHashTable *authors; /* person id -> struct author */
	char *owner_id;	     /* whose store this is; NULL: nobody knows */
	bool verifies;	     /* STORE_PAGE_VERIFIES */
	GArray *doubts;	     /* of int64_t: known ones that lack a file; NULL: they lack it */
	bool has_told_flood; /* the log has it that some cannot be kept */
};
int put_begin(struct write *w, int64_t room, struct put *ret_put);
/* Notes what the messages say of the room, if r is 0; frees. What the whole came to. */
int put_end(struct put *p, int r);
/* Tombstones of this time (wall) and older were a mistake if the server still tells of the message. */
int64_t put_revived_until(const struct put *p);
/* Borrowed from `p`. */
int put_author(struct put *p, const struct webex_message *m, struct author **ret_author);
/* The same if that asks and writes nothing; else NULL. */
struct author *put_known_author(struct put *p, const struct webex_message *m);
/* Tells of a new message. */
void put_added(struct put *p, const struct webex_message *m, int64_t rowid, const char *stem);
/*
 * Inserts or updates. *ret_rowid: its row, also if nothing changed, 0 if it cannot be kept
 * (not of this room, no usable time). -ENOENT if it is a tombstone of less than a minute;
 * *ret_rowid is set then too. An older one was a mistake: it is there again.
 */
int put_message(struct put *p, const struct webex_message *m, int64_t pin_until_ms,
		int64_t *ret_rowid);

/* ---- page_put.c ---- */
/*
 * put_message() for all of a page, and the same to the letter, but with few questions: what is
 * known of the page's time is read at once, and only what is odd (twins of a millisecond,
 * edits, what is known under another time) goes the long way. is_complete: what stands with
 * lo < created <= hi, is not in the page and not pinned beyond now_wall_ms is missing; above
 * sure_hi, only what once had a pin. Its rows are appended to `missing`, which may be NULL.
 * *ret_newest_ms: of the page's items, -1 if there are none.
 */
extern bool put_page_scans; /* for tests: false: everything the long way */
struct page_part {
	bool is_complete;
	int64_t lo, hi, sure_hi, now_wall_ms;
	int64_t revived_until_ms; /* put_revived_until() */
};
int put_page(struct put *p, GPtrArray *messages, const struct page_part *part, GArray *missing,
	     int64_t *ret_newest_ms);
