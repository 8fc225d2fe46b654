/* SPDX-License-Identifier: MIT */
/*
 * What is known of the account: SQLite in WAL mode, one file for each (server, account), or
 * memory (design 3).
 *
 *  1. One thread writes, the cache thread: it alone calls the functions that take `struct store
 *     *` and change something. The first thread that writes becomes the writing thread; a write
 *     by another one aborts. Readers are FUSE workers and the cache thread; each takes a
 *     connection for the length of one operation.
 *  2. A reader sees one snapshot from store_read_begin to store_read_end. It must not be held
 *     across a wait (but see texts.h), nor while the same thread writes (that aborts). A thread may begin a
 *     second snapshot inside the first.
 *  3. Every row of every table has a rowid from ONE counter. A rowid is never reused, not even
 *     by a store that was rebuilt (rowids.h). Rowids are > 0 and stay below 2^45. Node ids are
 *     made of them (tree/ino.h).
 *  4. A deleted row stays as a tombstone until the next open, so that a node id which the
 *     kernel still holds keeps its meaning. (What was in a space that is gone is deleted
 *     at once, in pieces: store_tidy().) An answer of the next minute does not bring a
 *     deleted message back, because it may be older than the deletion; a later answer does, as
 *     the same row and not as news. A room or membership that is seen again gets a new row.
 *     With a room everything in it is gone.
 *  5. A name is kept until the title (of a room) or address (of a membership) that it was made
 *     of changes. The names of one directory differ in their name_key().
 *  6. Every apply function is one transaction. It appends to `changes` (which may be NULL) what
 *     a person can see of it, and nothing if it changes nothing or fails. STORE_ROOM_GONE
 *     stands for everything in the room.
 *
 * Files are 0600. Ids are stored as 16-byte UUIDs only where encoding them again gives the
 * same string.
 *
 * Errors: -ENOENT no such row; -EIO SQLite failed (logged once); -ENOSPC disk full; -ENOMEM;
 * -EBUSY (open) another mount has the store. After an error nothing of the call is kept, and
 * the store can still be used. The process must ignore SIGXFSZ.
 *
 * Memory mode (path NULL): one in-memory database of at most 1 GiB (then -ENOSPC), shared by
 * the connections; a read-write lock of the store (the design's exception to "no lock across
 * SQLite") keeps readers and the writer apart, since SQLite would answer SQLITE_BUSY.
 *
 * A store does not survive fork(): open it in the process that uses it.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "store/contents.h"
#include "store/events.h"
#include "store/threads.h"
#include "store/verified.h"
#include "store/webhooks.h"
#include "webex/model.h"

struct store;
struct store_conn;

struct store_change;

struct store_config {
	/* Database file; its folder exists (0700); NULL: memory. */
	const char *path;
	/* Rowid high-water mark, outside the cache folder; NULL: none. */
	const char *reserve_path;
	/* Text for the lock: where this process is mounted. */
	const char *holder;
	const struct clock *clock; /* gives the times of events; NULL: the machine's */
	/* The path of what changed, for its event; `name`: its name in its directory. Owned; NULL: it
	 * has none. Any thread that writes; nothing of the store is called from it. Without it no
	 * change makes an event. */
	char *(*path_of)(const struct store_change *c, const char *room_name, const char *name);
	/* Called when an event was committed, on the writing thread, without a lock. */
	void (*on_event)(void *arg);
	void *arg;
};

/*
 * Opens, migrates, locks (flock on path + ".lock" whose text is the holder). A store that is of
 * a newer version or of another program, or broken, is renamed (path + ".aside-<time>") and
 * built anew; one that proves to be broken during use is marked (path + ".broken") for the next
 * open. Purges tombstones, as many as cost little (the others: store_tidy()). -EBUSY: *ret_holder (owned) says who has it.
 */
int store_open(const struct store_config *config, struct store **ret_store, char **ret_holder);
/* Nobody else may use the store any more. Sets *store to NULL; NULL is fine. */
void store_close(struct store **store);

/*
 * Gives a connection with a snapshot, which is taken at the first read. Blocks only in memory
 * mode, for the length of one transaction. Fails only with -EIO, -ENOSPC, -ENOMEM. The thread
 * that began it ends it.
 */
int store_read_begin(struct store *s, struct store_conn **ret_conn);
void store_read_end(struct store_conn *conn);

/*
 * Counts the committed changes of anything that can be seen (but not of which months and spaces
 * are in use and which bodies were dropped). Any thread (atomic). It rises after the change can
 * be seen: whoever reads it before taking a snapshot, and finds another value later, knows that
 * what it read may be old.
 */
uint64_t store_generation(struct store *s);

/* ---- meta: small texts. Keys that begin with "rowid." are the store's ---- */
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
	STORE_MESSAGE_RENAMED, /* its stem, because a lower message of the same millisecond came */
	STORE_MESSAGE_CHANGED, /* edited */
	STORE_MESSAGE_GONE,
	STORE_MEMBER_ADDED,
	STORE_MEMBER_CHANGED, /* if old_name is set, its address, too */
	STORE_MEMBER_GONE,
	STORE_PERSON_CHANGED, /* listed now, or its details; if old_name is set, its address */
	STORE_CONTENT_ADDED,
	STORE_CONTENT_GONE,
	STORE_CONTENT_CHANGED,
	/* The directory of a thread (rowid) has another name, because its root became known, or cannot
	 * be had, or was renamed; old_name NULL: it had none. No news. */
	STORE_THREAD_RENAMED,
	STORE_WEBHOOK_ADDED,
	STORE_WEBHOOK_CHANGED, /* if old_name is set, its name, too */
	STORE_WEBHOOK_GONE,
};

struct store_change {
	enum store_change_type type;
	enum webex_room_type room_type;
	int64_t room;  /* rowid of the room that it is in (STORE_ROOM_*: of that room); 0 for
		        * people */
	int64_t rowid; /* rowid of what changed */
	/*
	 * File name in its directory (of messages the stem, of people the address as the server
	 * has it); NULL if it has no meaning for this change.
	 */
	char *old_name, *name;
	/* Of messages, contents and threads: the thread (threads.h) that it is in, as a reply or as the
	 * root; 0: it is in none. Set where the message is written, since it may be gone when somebody
	 * reads this. */
	int64_t thread;
	/*
	 * Something happened, and the store did not just learn of something older (by a first
	 * listing, by a field that earlier answers lacked, by the time of last activity).
	 * STORE_MESSAGE_ADDED: the message is newer than what was told of the room so far,
	 * which is the newest message of its last listing or, in a room that was never listed,
	 * its last activity when it was first seen; or it came late: it stands in an interval
	 * that was known before without it (the server showed it after newer ones); or it was
	 * posted from here.
	 */
	bool is_news;
	/* STORE_MESSAGE_*: it is among the owner's mentions (mentions.h), or may have been before. */
	bool is_mention;
	bool is_new_mention; /* it is since this change, and was written by somebody else */
};

/* An array with its free function set. */
GPtrArray *store_changes_new(void);

/* ---- rooms: spaces and teams (webex/model.h) ---- */
struct store_room {
	int64_t rowid;
	char *name; /* in spaces/, direct/ or teams/, according to room.type; of a tombstone the last
		     * one */
	bool gone;
	char *direct_email;	 /* of direct rooms: the other person, if known */
	int64_t members_wall_ms; /* when the members were last listed completely; -1: never */
	/* When the details, the members changed so that none of the server's times shows it; later than
	 * any time that they had before; -1: never. Kept over mounts, but not in a new cache. */
	int64_t details_ms, members_ms;
	int64_t head_wall_ms; /* when its newest messages were last listed; -1: never */
	struct webex_room room;
};
void store_room_clear(struct store_room *r);

/* Finds tombstones, too: ret_room->gone. */
int store_room_get(struct store_conn *c, int64_t rowid, struct store_room *ret_room);
/* These find no tombstones. */
int store_room_by_id(struct store_conn *c, const char *id, struct store_room *ret_room);
int store_room_by_name(struct store_conn *c, enum webex_room_type type, const char *name,
		       struct store_room *ret_room);
/* Addresses are compared after case folding. */
int store_room_by_email(struct store_conn *c, const char *email, struct store_room *ret_room);

/*
 * Calls `fn` for the rooms with rowid > after, in rising order, until it returns false. `fn`
 * borrows what it gets and may use the connection. 0 or -errno.
 */
int store_room_list(struct store_conn *c, enum webex_room_type type, int64_t after,
		    bool (*fn)(void *arg, const struct store_room *room), void *arg);
/* Appends the rows (int64_t) of at most `limit` rooms behind `room`: of its type, in the order of their
 * names (of strcmp), or of their rows. */
int store_room_next(struct store_conn *c, int64_t room, bool by_name, int limit,
		    GArray *ret_rooms);
/* How many there are; any thread, cheap (atomic). */
int64_t store_room_count(struct store *s, enum webex_room_type type);

/*
 * Keeps rooms; removes none. If ret_missing is not NULL, `rooms` is the complete list: the rows
 * of the store that are not in it are appended (int64_t, rising), except those with a pin
 * (store_apply_room) that lasts beyond `now_wall_ms`. Of rooms with equal titles in one call
 * the oldest gets the plain name. The type of a known room never changes.
 */
int store_apply_rooms(struct store *s, GPtrArray *rooms, GArray *ret_missing,
		      int64_t now_wall_ms, GPtrArray *changes);
/*
 * Keeps one room (after create, rename, get); ret_rowid may be NULL. pin_until_wall_ms > 0:
 * until then a list without the room does not make it missing.
 */
int store_apply_room(struct store *s, const struct webex_room *room, int64_t pin_until_wall_ms,
		     int64_t *ret_rowid, GPtrArray *changes);
/* Ends the pin: from now on a list without the room makes it missing, since we tried to delete
 * it. */
int store_unpin_room(struct store *s, int64_t rowid);
/* True while a pin of store_apply_room has not run out. */
bool store_room_is_pinned(struct store *s, int64_t rowid, int64_t now_wall_ms);
/*
 * Removes a room, with its messages, memberships and contents, that was provably left or
 * deleted. -ENOENT if it was removed before.
 */
int store_remove_room(struct store *s, int64_t rowid, GPtrArray *changes);
/* NULL forgets the address. Does nothing for a group space. */
int store_set_direct_email(struct store *s, int64_t room, const char *email);

/*
 * ---- news: rooms whose last activity differs from the one that a listing of their newest
 * messages accounted for ---- The rooms of the first list of all have no news. The news of a
 * room that comes later are the messages after the newest activity that was known at that time.
 * Messages with a pin (our own) are no news.
 */
struct store_news {
	int64_t room, activity_ms;
};
/* Appends at most `limit`, the most recently active first. */
int store_news_list(struct store_conn *c, int limit, GArray *ret_news);

struct store_activity {
	int64_t last_ms;      /* the room's last activity; -1: unknown */
	int64_t head_ms;      /* the last activity that is accounted for */
	int64_t head_wall_ms; /* when its newest messages were last listed; -1: never */
};
/* -ENOENT for tombstones, too. */
int store_room_activity(struct store_conn *c, int64_t room,
			struct store_activity *ret_activity);
/* True if newer messages than those that were told may stand between these and the newest known
 * ones. They are no news any more once the activity is settled. */
bool store_news_has_gap(struct store_conn *c, int64_t room);
/* Accounts for the activity `activity_ms`, which last_ms was when a fetch of the newest
 * messages began that has now ended. If there is a gap, an event (STORE_EVENT_MISSED) says so. */
int store_news_settle(struct store *s, int64_t room, int64_t activity_ms);

/* A room whose newest messages, or members, were listed before some time. */
struct store_old {
	int64_t room;
	bool is_head, are_members;
};
/* The first one with a row above `after`. -ENOENT: there is none. */
int store_old_next(struct store_conn *c, int64_t after, int64_t before_wall_ms,
		   struct store_old *ret_old);

/* When rooms were last used. */
struct store_use {
	int64_t room, wall_ms;
};
int store_put_used(struct store *s, const GArray *uses);
/* Appends at most `limit`, the most recently used first. */
int store_used_list(struct store_conn *c, int limit, GArray *ret_uses);

/* ---- messages ---- */
struct store_message {
	int64_t rowid, room;
	/*
	 * Its place in all listings of its room. Rises with (created, uuid time, id), as far as
	 * those messages were known when this one came; > STORE_COOKIE_MIN, < 2^62; never
	 * changes; unique in its room.
	 */
	int64_t cookie;
	int64_t person;	  /* rowid of its author, 0 if unknown */
	int64_t thread;	  /* that it is in, as a reply or as the root; 0: in none (threads.h) */
	char *stem;	  /* file name without .txt */
	int64_t txt_size; /* bytes of webex_render_txt(); -1: unknown (store_renew_sizes) */
	int64_t flags;	  /* the store's own */
	bool deleted;
	bool is_evicted; /* its body was dropped, so m lacks all that a listing does not show */
	int64_t changed_ms; /* as in struct store_brief */
	int64_t root_ms; /* of a reply: when its root was written, if only by its id; -1: unknown */
	char *root_author; /* of a reply: as in the names of its root's files; NULL: unknown */
	struct webex_message m;
};
void store_message_clear(struct store_message *m);

/* Cookies up to here are for the fixed entries of a directory. */
#define STORE_COOKIE_MIN INT64_C(0x100000)

/* One row of a listing: what stat needs, without the body. `stem` is borrowed for the call. */
struct store_brief {
	int64_t rowid, cookie, person, created_ms, updated_ms;
	int64_t changed_ms; /* when it changed so that neither of the two shows it; -1: never */
	int64_t txt_size;   /* -1: unknown */
	const char *stem;
	bool has_markdown, has_files, has_card;
	bool is_exact; /* webex_render_is_exact(); only if txt_size is known */
};

/* Finds tombstones, too: ret_message->deleted. */
int store_message_get(struct store_conn *c, int64_t rowid, struct store_message *ret_message);
/* Whether the message lacks its body. For a tombstone false. */
int store_message_is_evicted(struct store_conn *c, int64_t rowid, bool *ret_evicted);
/* Finds tombstones, too. *ret_stem is owned; ret_brief->stem points to it. */
int store_message_brief(struct store_conn *c, int64_t rowid, struct store_brief *ret_brief,
			char **ret_stem, int64_t *ret_room, bool *ret_deleted);
/* When it was created; -ENOENT for a tombstone. */
int store_message_created(struct store_conn *c, int64_t rowid, int64_t *ret_ms);
/* Finds no tombstones. */
int store_message_by_stem(struct store_conn *c, int64_t room, const char *stem, size_t stem_len,
			  int64_t *ret_rowid);
int store_message_by_id(struct store_conn *c, const char *id, int64_t *ret_rowid);
/* A part of a room's messages: after < cookie < until (0: no end), created_ms >= since_ms; those of one
 * thread (0: all). */
struct store_range {
	int64_t room, after, until, since_ms;
	int64_t thread;
};
/* The lowest cookie that a message of this time can have: where a month begins or ends. */
int64_t store_cookie_of(int64_t created_ms);
/*
 * Calls `fn` for the live messages of the range, rising by cookie, until it returns false. `fn`
 * may use the connection.
 */
int store_message_list(struct store_conn *c, const struct store_range *range,
		       bool (*fn)(void *arg, const struct store_brief *brief), void *arg);
/* The same with whole messages, which `fn` borrows (for a transcript). */
int store_message_each(struct store_conn *c, const struct store_range *range,
		       bool (*fn)(void *arg, const struct store_message *m), void *arg);
/*
 * The times of files: a file whose bytes change gets a later second than it had, because programs
 * that copy compare the size and the seconds. Where a time of the server's shows a change, it is
 * that, so that a new cache tells the same; else it is when the change was learned (times.c), which
 * lasts as long as the cache.
 */
int64_t store_brief_ms(const struct store_brief *b);
/* Of the text of a month's messages. -ENOENT: it has none. */
int store_month_ms(struct store_conn *c, int64_t room, int month, int64_t *ret_ms);
/* A number that is another one when the text of the range's messages is another one, or may be; never 0. Every
 * message of the range is known up to store_span_top(); above it some may lack. Costs no look at them. */
int store_text_version(struct store_conn *c, const struct store_range *range,
		       uint64_t *ret_version);
/* Of the text of the messages that a space lists. -ENOENT: none is known. */
int store_room_text_ms(struct store_conn *c, int64_t room, int64_t *ret_ms);
/*
 * Where a listing of the newest `recent` live messages at or above since_ms begins: the cookie
 * to list after; 0 if that is all of them.
 */
int64_t store_message_recent(struct store_conn *c, int64_t room, int64_t since_ms,
			     int64_t recent);
/*
 * The range that the space itself lists: the newest `recent` messages (0: all) of the span at
 * the head; -ENOENT: there is no such span, and the range is of all known messages. The range
 * includes the message at the low end of the span.
 */
int store_head_range(struct store_conn *c, int64_t room, int64_t recent,
		     struct store_range *ret_range);
/* Creation time of the oldest known live message; INT64_MAX: there is none. */
int64_t store_message_oldest_ms(struct store_conn *c, int64_t room);
/* Counts the live messages at or above since_ms, at most up to `limit`. */
int64_t store_message_count(struct store_conn *c, int64_t room, int64_t since_ms,
			    int64_t limit);
/*
 * The newest live message of that author in the room; -ENOENT. Quick for the owner of the store
 * (meta "me.id", set before there are messages); for others it may look at all messages of the
 * room.
 */
int store_message_last_by(struct store_conn *c, int64_t room, int64_t person,
			  int64_t *ret_rowid);

/*
 * ---- spans: what interval of a room's time is completely known ----
 * lo < created <= hi; lo -1 = since the beginning
 */
struct store_span {
	int64_t lo, hi;
};
/* The span of the newest messages; -ENOENT if they were never listed, even if other spans are
 * known. For an empty room it is (-1, -1]. */
int store_span_head(struct store_conn *c, int64_t room, struct store_span *ret_span);
/* The upper end of the highest span of a room, head or not; -1: there is none. */
int64_t store_span_top(struct store_conn *c, int64_t room);
/* For how many of the newest messages (or back to the beginning) the last listing of the head
 * was complete; 0: for none. */
int64_t store_head_recent(struct store_conn *c, int64_t room);
int store_set_head_recent(struct store *s, int64_t room, int64_t recent);
/* 1 if all of (lo, hi] is known; 0; -errno. */
int store_span_covers(struct store_conn *c, int64_t room, int64_t lo, int64_t hi);
/* Appends the parts of (lo, hi] that are not known, newest first, to `gaps` (of struct
 * store_span). */
int store_span_gaps(struct store_conn *c, int64_t room, int64_t lo, int64_t hi, GArray *gaps);

/* What a page proves about the time above its newest item, and about known messages that it
 * lacks. */
enum store_page {
	STORE_PAGE_HEAD,     /* begins at the newest message: nothing is above it */
	STORE_PAGE_INNER,    /* complete up to hi */
	STORE_PAGE_FILTERED, /* as _HEAD of a filtered list, which may lack what is there */
	STORE_PAGE_INNER_FILTERED, /* as _INNER of a filtered list */
	STORE_PAGE_PICKED, /* nothing, since the list has only some messages of any time */
	STORE_PAGE_VERIFIES = 8,  /* or'ed in: bodies that were dropped are not kept again */
	STORE_PAGE_BELIEVES = 16, /* or'ed in: a file that a message lacks now is removed */
	STORE_PAGE_MENTIONS =
		32, /* or'ed in: it is what the server's filter of mentions gives */
};

/*
 * Keeps a page of a room's list, whose items come in any order. Items of another room, without
 * a usable time, or with a tombstone here are left out. An item with an older `updated` than
 * the known one changes nothing. No message is removed. Two kinds of doubts are appended to
 * ret_missing (int64_t; may be NULL): the known messages with lo < created <= hi that the page
 * lacks, except pinned ones and never for a filtered page; and messages of the page that lack a file which
 * they had (left as they were, unless the page _BELIEVES), or that have another time or author, or another
 * text that is older (what is known stays; store/doubts.h). Then the span (lo, hi] is added; spans that
 * touch merge. For _HEAD and _FILTERED `hi` is store_span_top() at the time of the request, or the page's
 * newest item if that is newer. Known messages above it came by another answer meanwhile; they count as
 * missing only if they are our own and their pin has run out, or if their time is a day ahead of
 * now_wall_ms. hi 0: hi is the page's newest item, and every known message above it is
 * missing. A _PICKED page has no interval (lo and hi are 0): its items are kept, nothing is missing,
 * and no span is added. Items of one author and millisecond get their stems in the order of (uuid time, id).
 * Authors become people with the address that was seen first. If nothing of the interval was
 * known before, nobody has seen a listing of it: then of the messages that are no news only one
 * is appended to `changes`. -EINVAL: lo > hi; -ENOENT: the room is gone.
 */
int store_apply_page(struct store *s, int64_t room, GPtrArray *messages, int64_t lo, int64_t hi,
		     enum store_page mode, int64_t now_wall_ms, GArray *ret_missing,
		     GPtrArray *changes);
/*
 * Keeps one message (own post, edit, get). pin_until_wall_ms > 0: until then no page makes it
 * missing. -ENOENT: it was deleted here, or the room is gone. -EINVAL: it cannot be kept.
 */
int store_apply_message(struct store *s, int64_t room, const struct webex_message *m,
			int64_t pin_until_wall_ms, int64_t *ret_rowid, GPtrArray *changes);
/* Ends the pin, since we may have deleted the message: from now on a page that lacks it makes
 * it missing. */
int store_unpin_message(struct store *s, int64_t rowid);
/* Removes a message, also a pinned one. -ENOENT if it was removed before. */
int store_remove_message(struct store *s, int64_t rowid, GPtrArray *changes);
/* The same of many (int64_t) in one transaction, but for pinned ones and those that are gone. */
int store_remove_messages(struct store *s, const GArray *rows, int64_t now_wall_ms,
			  GPtrArray *changes);
/* True while a pin of store_apply_message has not run out. */
bool store_message_is_pinned(struct store *s, int64_t rowid, int64_t now_wall_ms);
/*
 * The server answered a GET of the message by its id with 404: removes the message if that is
 * proof. 0; -EBUSY: it is no proof (a bot does not see everything; the message has a pin);
 * -ENOENT: it was removed before. The writing thread, outside of a transaction.
 */
int store_message_answered(struct store *s, bool is_bot, int64_t rowid, int64_t now_wall_ms,
			   GPtrArray *changes);

/*
 * The months (base/timefmt.h) that the history of a live room has, from its creation, or the
 * oldest message known if that is older, to the latest thing that happened in it. first > last:
 * nothing is known of either.
 */
struct store_months {
	int first, last;
	int64_t latest_ms;
};
int store_room_months(struct store_conn *c, int64_t room, struct store_months *ret_months);

/*
 * ---- bodies: what of a message is not in a listing ----
 * Those of months that nobody opened for long can be dropped (evicted). What a listing tells
 * stays: names, sizes, times, node numbers.
 */
/* How many messages are known, and how many of them have their body; any thread, cheap (atomic). */
void store_count_messages(struct store *s, int64_t *ret_messages, int64_t *ret_bodies);
/* True if any message lacks its body; any thread, cheap (atomic). */
bool store_has_evicted(struct store *s);
/* How many live messages have a body; any thread, cheap. */
int64_t store_bodies_count(struct store *s);
/*
 * Notes that somebody opened lo < created <= hi, so that the months in it are evicted last.
 * Keeping bodies counts as opening their months, too. Writer only.
 */
int store_month_opened(struct store *s, int64_t room, int64_t lo_ms, int64_t hi_ms);
/*
 * The smallest span with all live messages of the range that lack their body. 1; 0 if none
 * does; -errno.
 */
int store_evicted_span(struct store_conn *c, const struct store_range *range,
		       struct store_span *ret_span);
/*
 * What to fetch together with the evicted body of a message: *ret_span of at most `most`
 * messages, the message itself, the evicted ones above it, then those below. Neighbours cost
 * nothing, because they are in the same page of the server's list, and a program that walks
 * asks for them next. -ENOENT: no live message.
 */
int store_evicted_around(struct store_conn *c, int64_t rowid, int most, int64_t *ret_room,
			 struct store_span *ret_span);

/*
 * The first message of the span with a cookie above `after` that lacks its body. *ret_id is
 * owned. 1; 0: there is none; -errno.
 */
int store_evicted_next(struct store_conn *c, int64_t room, const struct store_span *span,
		       int64_t after, int64_t *ret_rowid, int64_t *ret_cookie, char **ret_id);

struct store_evict {
	int64_t limit; /* how many bodies may stay */
	int recent;    /* the newest so many bodies of a space that was used in the last hour
		        * stay; 0: all */
	/* For a bot. No list shows it its own messages, and it may no longer see those of a
	 * group space, so their bodies could not be fetched again. */
	bool keep_hidden;
	int fresh_ms; /* months that were opened within this time stay, whatever the limit */
	int slice;    /* at most so many bodies are dropped in one call (one transaction) */
};
/*
 * Drops bodies of the least recently opened months until `limit` are left. Spaces in use are
 * spared while there is anything else to drop. 1: there is more to do; 0: there is nothing to
 * do now; -errno.
 */
int store_evict(struct store *s, const struct store_evict *e);

/* ---- memberships ---- */
struct store_member {
	int64_t rowid, room;
	char *name; /* the address, or a name in its place */
	bool gone;
	int64_t changed_ms; /* when it changed, later than any time that it had before; -1: never */
	struct webex_membership m;
};
void store_member_clear(struct store_member *m);
/* Finds tombstones, too; the other functions do not. */
int store_member_get(struct store_conn *c, int64_t rowid, struct store_member *ret_member);
int store_member_by_name(struct store_conn *c, int64_t room, const char *name,
			 struct store_member *ret_member);
int store_member_list(struct store_conn *c, int64_t room, int64_t after,
		      bool (*fn)(void *arg, const struct store_member *member), void *arg);
/*
 * Keeps memberships. Removes only those of people whom `memberships` has with another id. If
 * ret_missing is not NULL, `memberships` is the complete list: room.members_wall_ms becomes
 * now, and the rows of the store that are not in the list are appended (int64_t), except those
 * with a pin (store_pin_member) that lasts beyond `now_wall_ms`. In a direct room the address
 * of the other person (not that of meta "me.id") becomes direct_email, which is a
 * STORE_ROOM_CHANGED.
 */
int store_apply_members(struct store *s, int64_t room, GPtrArray *memberships,
			GArray *ret_missing, int64_t now_wall_ms, GPtrArray *changes);
/* Until then a list without the membership, which was made here, does not make it missing. Not
 * kept across mounts. */
void store_pin_member(struct store *s, int64_t rowid, int64_t until_wall_ms);
int store_remove_member(struct store *s, int64_t rowid, GPtrArray *changes);
/* The same of many (int64_t) in one transaction, but for pinned ones and those that are gone. */
int store_remove_members(struct store *s, const GArray *rows, int64_t now_wall_ms,
			 GPtrArray *changes);

/* ---- people ---- */
struct store_person {
	int64_t rowid;
	char *first_email;	 /* the address that was seen first; NULL if none */
	int64_t fetched_wall_ms; /* when p.json was fetched; -1: p has only what messages say of
				  * the person */
	struct webex_person p;
};
void store_person_clear(struct store_person *p);
int store_person_get(struct store_conn *c, int64_t rowid, struct store_person *ret_person);
int store_person_by_id(struct store_conn *c, const char *id, struct store_person *ret_person);
/* The person who has the address now, else the one who was first seen with it. Compared after
 * case folding. */
int store_person_by_email(struct store_conn *c, const char *email,
			  struct store_person *ret_person);
/* Only those with fetched_wall_ms >= 0. */
int store_person_list(struct store_conn *c, int64_t after,
		      bool (*fn)(void *arg, const struct store_person *p), void *arg);
int store_apply_person(struct store *s, const struct webex_person *p, int64_t now_wall_ms,
		       int64_t *ret_rowid, GPtrArray *changes);

/* ---- numbers for objects without a row ---- */
/* Makes the rows of (kind, key) that are not there, in one transaction. Writer only. */
int store_nodes_make(struct store *s, int kind, GPtrArray *keys);
int store_node_find(struct store_conn *c, int kind, const char *key, int64_t *ret_rowid);
/* Kind and key (owned) of the node. -ENOENT. */
int store_node_get(struct store_conn *c, int64_t rowid, int *ret_kind, char **ret_key);
/*
 * Calls `fn` for the nodes whose key begins with `prefix` (not empty), falling by key, until it
 * returns false. `fn` borrows `key`.
 */
int store_node_list(struct store_conn *c, int kind, const char *prefix,
		    bool (*fn)(void *arg, int64_t rowid, const char *key), void *arg);
/* A new rowid for a file that has no row yet (a draft). ANY thread, since it comes from a block
 * that was reserved before. */
int64_t store_new_rowid(struct store *s);
/* New rowids are above `used`, which a file has that the store knows nothing of. ANY thread. */
void store_skip_rowids(struct store *s, int64_t used);
