/* SPDX-License-Identifier: MIT */
/*
 * What is known of the account: SQLite in WAL mode, one file a (server, account), or memory
 * (design 3).
 *
 *  1. One thread writes (the cache thread): every function that takes `struct store *` and
 *     changes something. The first thread that writes is it; another one aborts. Readers are
 *     FUSE workers and the cache thread, each with a connection that it took for the length of
 *     one operation.
 *  2. A reader sees one snapshot from store_read_begin to store_read_end. It must not be held
 *     across a wait, nor while the same thread writes (aborts). A thread may begin a second
 *     one inside the first.
 *  3. Every row of every table has a rowid out of ONE counter: never reused, also not by a
 *     store that was rebuilt (the reserve file). Rowids are > 0 and stay below 2^45. Node ids
 *     are made of them (tree/ino.h).
 *  4. What is deleted stays as a tombstone until the next open, so that a node id the kernel
 *     still holds means what it meant. A tombstoned message does not come back by an answer of
 *     the next minute, which may be older; by a later one it does, as the same row and as no
 *     news. A room or membership that is seen again gets a new row; with a room all that was in
 *     it is gone.
 *  5. A name once given is kept until the title (room) or address (membership) it was made of
 *     changes; names of one directory differ by name_key.
 *  6. Every apply function is one transaction and appends to `changes` (may be NULL) what a
 *     person could see of it: nothing for a no-op, nothing if it fails. STORE_ROOM_GONE stands
 *     for everything in the room.
 *
 * Files are 0600. Ids are stored as 16-byte UUIDs only where encoding them again gives the
 * same string.
 *
 * Errors: -ENOENT no such row; -EIO SQLite failed (logged once); -ENOSPC disk full; -ENOMEM;
 * -EBUSY (open) another mount has the store. After an error nothing of the call is kept and
 * the store can be used on. The process must ignore SIGXFSZ.
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
#include "webex/model.h"

struct store;
struct store_conn;

struct store_config {
	/* Database file; its folder exists (0700); NULL: memory. */
	const char *path;
	/* Rowid high-water mark, outside the cache folder; NULL: none. */
	const char *reserve_path;
	/* Text for the lock: where this process is mounted. */
	const char *holder;
	const struct clock *clock; /* for the times of events; NULL: the machine's */
	/* Something was added to the journal and committed; the writing thread, no lock held. */
	void (*on_event)(void *arg);
	void *arg;
};

/*
 * Opens, migrates, locks (flock on path + ".lock" whose text is the holder). A store of a
 * newer version, of another program or a broken one is renamed aside (path + ".aside-<time>")
 * and rebuilt; one that turns out broken while it is used is marked (path + ".broken") for the
 * next open. Purges tombstones. -EBUSY: *ret_holder (owned) says who has it.
 */
int store_open(const struct store_config *config, struct store **ret_store, char **ret_holder);
/* Nobody else uses it any more. Sets *store to NULL; NULL is fine. */
void store_close(struct store **store);

/*
 * A connection with a snapshot, which is taken at the first read; blocks only in memory mode,
 * for the length of one transaction. Never fails but for -EIO, -ENOSPC, -ENOMEM. End it on the
 * thread that began it.
 */
int store_read_begin(struct store *s, struct store_conn **ret_conn);
void store_read_end(struct store_conn *conn);

/*
 * Counts every committed change of anything that can be seen (not: which months and spaces are
 * in use, which bodies were dropped); any thread (atomic). It moves after the change
 * can be seen: read it before the snapshot, and a later value says that what was read may be
 * old.
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
	STORE_MESSAGE_RENAMED, /* its stem: a lower twin of the same millisecond turned up */
	STORE_MESSAGE_CHANGED, /* edited */
	STORE_MESSAGE_GONE,
	STORE_MEMBER_ADDED,
	STORE_MEMBER_CHANGED, /* old_name set: its address, too */
	STORE_MEMBER_GONE,
	STORE_PERSON_CHANGED, /* listed now, or details; old_name set: its address, too */
	STORE_CONTENT_ADDED,
	STORE_CONTENT_GONE,
	STORE_CONTENT_CHANGED,
};

struct store_change {
	enum store_change_type type;
	enum webex_room_type room_type;
	int64_t room;  /* rowid of the room it is in (ROOM_*: itself); 0 for people */
	int64_t rowid; /* of the thing itself */
	/*
	 * File name in its directory (messages: the stem; people: the address as the server
	 * has it); NULL where it says nothing.
	 */
	char *old_name, *name;
	/*
	 * MESSAGE_ADDED: newer than what was told of the room: than the newest message of its
	 * last listing, and in one that was never listed, than its last activity when it was
	 * first seen.
	 */
	bool is_new_head;
	/*
	 * The others: something happened, and it was not only that the store came to know of it
	 * (a first listing, a field that the server had kept back, the time of last activity).
	 */
	bool is_news;
};

/* An array with its free function set. */
GPtrArray *store_changes_new(void);

/* ---- rooms ---- */
struct store_room {
	int64_t rowid;
	char *name; /* in spaces/ or direct/ by room.type; of a tombstone: the last one */
	bool gone;
	char *direct_email;	 /* direct rooms: the other person, as far as known */
	int64_t members_wall_ms; /* when all members were last listed; -1: never */
	struct webex_room room;
};
void store_room_clear(struct store_room *r);

/* Also tombstones: gone. */
int store_room_get(struct store_conn *c, int64_t rowid, struct store_room *ret_room);
/* The others not. */
int store_room_by_id(struct store_conn *c, const char *id, struct store_room *ret_room);
int store_room_by_name(struct store_conn *c, enum webex_room_type type, const char *name,
		       struct store_room *ret_room);
/* Address compared after case folding. */
int store_room_by_email(struct store_conn *c, const char *email, struct store_room *ret_room);

/*
 * Calls `fn` for rooms with rowid > after in rising order until it returns false. What fn gets
 * is borrowed; it may use the connection. 0 or -errno.
 */
int store_room_list(struct store_conn *c, enum webex_room_type type, int64_t after,
		    bool (*fn)(void *arg, const struct store_room *room), void *arg);
int64_t store_room_count(struct store_conn *c, enum webex_room_type type);

/*
 * Brings in rooms; none goes. ret_missing not NULL: they are the complete list, and to it are
 * appended (int64_t, rising) those of the store that are not among them, but for those with a pin
 * (store_apply_room) not run out at `now_wall_ms`. Of equal titles that come at once the oldest
 * room has the plain name. The type of a known room stays what it was.
 */
int store_apply_rooms(struct store *s, GPtrArray *rooms, GArray *ret_missing,
		      int64_t now_wall_ms, GPtrArray *changes);
/*
 * One room (create, rename, get); *ret_rowid may be NULL. pin_until_wall_ms > 0: not gone by
 * absence from a list before that.
 */
int store_apply_room(struct store *s, const struct webex_room *room, int64_t pin_until_wall_ms,
		     int64_t *ret_rowid, GPtrArray *changes);
/* A list without it is a suspicion from now on: we tried to delete it. */
int store_unpin_room(struct store *s, int64_t rowid);
/* True while a pin of store_apply_room has not run out. */
bool store_room_is_pinned(struct store *s, int64_t rowid, int64_t now_wall_ms);
/*
 * Left or deleted, and that is proven: the room, its messages, memberships and contents are gone.
 * -ENOENT if it was gone.
 */
int store_remove_room(struct store *s, int64_t rowid, GPtrArray *changes);
/* NULL forgets it. No effect on a group space. */
int store_set_direct_email(struct store *s, int64_t room, const char *email);

/*
 * ---- news: rooms whose last activity differs from the one that a listing of their newest
 * messages accounted for ----
 * A room that the first list of all brings has none. One that turns up later has what came
 * after the newest activity that was known then. Messages with a pin (our own) are no news.
 */
struct store_news {
	int64_t room, activity_ms;
};
/* Appends at most `limit`, the most recently active first. */
int store_news_list(struct store_conn *c, int limit, GArray *ret_news);

struct store_activity {
	int64_t last_ms;      /* the room's last activity; -1: not told */
	int64_t head_ms;      /* the one that is accounted for */
	int64_t head_wall_ms; /* when its newest messages were last listed; -1: never */
};
/* -ENOENT also for tombstones. */
int store_room_activity(struct store_conn *c, int64_t room,
			struct store_activity *ret_activity);
/* Its newest messages were listed by a fetch that began when last_ms was `activity_ms`. */
int store_news_settle(struct store *s, int64_t room, int64_t activity_ms);

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
	 * Place in any listing of its room: rises with (created, uuid time, id) as far as that
	 * was known on arrival; > STORE_COOKIE_MIN, < 2^62; stable, unique in its room.
	 */
	int64_t cookie;
	int64_t person;	  /* rowid of its author, 0 if unknown */
	char *stem;	  /* file name without .txt */
	int64_t txt_size; /* bytes of webex_render_txt */
	int64_t flags;	  /* the store's */
	bool deleted;
	bool is_evicted; /* its body was dropped: m lacks all that is not in a listing */
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

/* Also tombstones: deleted. */
int store_message_get(struct store_conn *c, int64_t rowid, struct store_message *ret_message);
/* Whether it lacks its body; a tombstone does not. */
int store_message_is_evicted(struct store_conn *c, int64_t rowid, bool *ret_evicted);
/* Also tombstones. *ret_stem is owned, ret_brief->stem points to it. */
int store_message_brief(struct store_conn *c, int64_t rowid, struct store_brief *ret_brief,
			char **ret_stem, int64_t *ret_room, bool *ret_deleted);
/* When it was created; -ENOENT for a tombstone. */
int store_message_created(struct store_conn *c, int64_t rowid, int64_t *ret_ms);
/* These not. */
int store_message_by_stem(struct store_conn *c, int64_t room, const char *stem, size_t stem_len,
			  int64_t *ret_rowid);
int store_message_by_id(struct store_conn *c, const char *id, int64_t *ret_rowid);
/* A part of a room's messages: after < cookie < until (0: no end), created_ms >= since_ms. */
struct store_range {
	int64_t room, after, until, since_ms;
};
/* The lowest cookie that a message of this time can have: where a month begins or ends. */
int64_t store_cookie_of(int64_t created_ms);
/*
 * Live messages of the range, rising by cookie; until fn returns false. fn may use the
 * connection.
 */
int store_message_list(struct store_conn *c, const struct store_range *range,
		       bool (*fn)(void *arg, const struct store_brief *brief), void *arg);
/* The same with whole messages (for a transcript). Borrowed. */
int store_message_each(struct store_conn *c, const struct store_range *range,
		       bool (*fn)(void *arg, const struct store_message *m), void *arg);
/*
 * Bytes of the range's messages as webex_render_transcript gives them, whether their bodies are
 * there or not. -ENODATA: some came from a cache of an older version, which did not note it.
 */
int store_transcript_size(struct store_conn *c, const struct store_range *range,
			  int64_t *ret_size);
/*
 * Where a listing of the newest `recent` live messages begins: the cookie to list after, 0 for
 * all there are at or above since_ms.
 */
int64_t store_message_recent(struct store_conn *c, int64_t room, int64_t since_ms,
			     int64_t recent);
/*
 * What the space itself lists: the newest `recent` (0: all) of the span at the head, or, with -ENOENT,
 * of all there are. The span is open at its low end, but the message that ends it is known.
 */
int store_head_range(struct store_conn *c, int64_t room, int64_t recent,
		     struct store_range *ret_range);
/* Created of the oldest live message that is known; INT64_MAX: none. */
int64_t store_message_oldest_ms(struct store_conn *c, int64_t room);
/* How many live messages there are at or above since_ms; counts no further than `limit`. */
int64_t store_message_count(struct store_conn *c, int64_t room, int64_t since_ms,
			    int64_t limit);
/*
 * Newest live message by that author in the room; -ENOENT. Quick for the owner of the store
 * (meta "me.id", set before there are messages), else as long as the room.
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
/* The span of the newest messages; -ENOENT if they were never listed, whatever else is known.
 * An empty room has (-1, -1]. */
int store_span_head(struct store_conn *c, int64_t room, struct store_span *ret_span);
/* Up to where the time of a room is known, -1: nothing is; with or without a head. */
int64_t store_span_top(struct store_conn *c, int64_t room);
/* For how many of the newest messages (or the beginning of time) that list was complete; 0: for
 * none. */
int64_t store_head_recent(struct store_conn *c, int64_t room);
int store_set_head_recent(struct store *s, int64_t room, int64_t recent);
/* Whether all of (lo, hi] is known. 1, 0 or -errno. */
int store_span_covers(struct store_conn *c, int64_t room, int64_t lo, int64_t hi);
/* Appends what of (lo, hi] is not known, newest first, to `gaps` (of struct store_span). */
int store_span_gaps(struct store_conn *c, int64_t room, int64_t lo, int64_t hi, GArray *gaps);

/* What a page says about the time above its newest item, and about what is missing in it. */
enum store_page {
	STORE_PAGE_HEAD,     /* the newest: nothing was above it */
	STORE_PAGE_INNER,    /* known up to hi */
	STORE_PAGE_FILTERED, /* the newest of a filtered list: what is missing is not gone */
	STORE_PAGE_INNER_FILTERED, /* known up to hi; what is missing is not gone */
	STORE_PAGE_VERIFIES = 8,   /* or'ed in: bodies that were dropped stay so */
	STORE_PAGE_BELIEVES = 16,  /* or'ed in: a file that a message has no more is gone */
};

/*
 * Brings in a page of a room's list, in any order. All items are kept, but for those of
 * another room, without a usable time, or tombstoned here. An item with an older `updated`
 * than is known changes nothing. No message goes: to ret_missing (may be NULL: nobody asks) are
 * appended (int64_t) the messages known with lo < created <= hi that are not among the items, but
 * for pinned ones and never for the filtered; and those that are, but lack a file that they had:
 * these are left as they were, unless the page _BELIEVES. Then the span (lo, hi] is added; spans
 * that touch merge.
 * hi of _HEAD and _FILTERED: up to where time was known when the page was asked for
 * (store_span_top); or the page's newest item, if that is higher: what is above came since, by
 * another answer, and is only missing if it is our own and its pin has run out. 0: the page's
 * newest item, and whatever is above is missing.
 * Items of one author and millisecond get their stems by (uuid time, id). Authors become
 * people with the address first seen. Where nothing of the interval was known before, nobody has
 * seen a listing of it: of what is no news only one message is told in `changes`.
 * -EINVAL: lo > hi; -ENOENT: the room is gone.
 */
int store_apply_page(struct store *s, int64_t room, GPtrArray *messages, int64_t lo, int64_t hi,
		     enum store_page mode, int64_t now_wall_ms, GArray *ret_missing,
		     GPtrArray *changes);
/*
 * One message (own post, edit, get). pin_until_wall_ms > 0: not missing from any page before that. -ENOENT: it was deleted here, or the room is gone. -EINVAL: it cannot be kept.
 */
int store_apply_message(struct store *s, int64_t room, const struct webex_message *m,
			int64_t pin_until_wall_ms, int64_t *ret_rowid, GPtrArray *changes);
/* It may be gone by our own doing: a list that does not show it is believed. */
int store_unpin_message(struct store *s, int64_t rowid);
/* Also pinned ones. -ENOENT if it was deleted. */
int store_remove_message(struct store *s, int64_t rowid, GPtrArray *changes);
/* The same of many (int64_t) in one transaction, but for pinned ones and those that are gone. */
int store_remove_messages(struct store *s, const GArray *rows, int64_t now_wall_ms,
			  GPtrArray *changes);
/* True while a pin of store_apply_message has not run out. */
bool store_message_is_pinned(struct store *s, int64_t rowid, int64_t now_wall_ms);
/*
 * The server answered a GET of the message by its id with 404: removes it, if that is proof. 0, or
 * -EBUSY: it is none (a bot is not told of everything; a pin). -ENOENT: it was gone. The writing
 * thread, outside of a transaction.
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
/* How many messages are known, and of how many the body is kept. */
int store_count_messages(struct store_conn *c, int64_t *ret_messages, int64_t *ret_bodies);
/* Whether any message lacks its body; any thread, cheap (atomic). */
bool store_has_evicted(struct store *s);
/* How many live messages have a body; any thread, cheap. */
int64_t store_bodies_count(struct store *s);
/*
 * Somebody opened what lies in lo < created <= hi: its months go last. That bodies come is a
 * use of their months as well. Writer only.
 */
int store_month_opened(struct store *s, int64_t room, int64_t lo_ms, int64_t hi_ms);
/*
 * Which of the range's live messages lack their body: lo < created <= hi of them all. 1, or 0 if
 * none does; -errno.
 */
int store_evicted_span(struct store_conn *c, const struct store_range *range,
		       struct store_span *ret_span);
/*
 * What is worth fetching along with the evicted body of a message: at most `most` messages,
 * itself, what is evicted above it, then what is below, all within *ret_span as it comes. In
 * the same page of the server's list neighbours cost nothing, and a walker is going to ask for
 * them. -ENOENT: no live message.
 */
int store_evicted_around(struct store_conn *c, int64_t rowid, int most, int64_t *ret_room,
			 struct store_span *ret_span);

/*
 * The first message with lo < created <= hi above `after` (a cookie) that lacks its body. *ret_id
 * is owned. 1, 0, -errno.
 */
int store_evicted_next(struct store_conn *c, int64_t room, const struct store_span *span,
		       int64_t after, int64_t *ret_rowid, int64_t *ret_cookie, char **ret_id);

struct store_evict {
	int64_t limit; /* bodies that may stay */
	int recent;    /* of a space used in the last hour its newest so many stay; 0: all */
	/* A bot's: its own messages are in no list that it gets, and of those of a group space it may
	 * be told nothing any more, which would not prove that they are gone. */
	bool keep_hidden;
	int fresh_ms; /* months that were opened within that time stay, whatever the limit */
	int slice;    /* bodies in one call, in one transaction */
};
/*
 * Drops bodies of the least recently opened months until no more than `limit` are left. Spaces
 * in use are spared as long as there is anything else. 1: there is more to do; 0: not now;
 * -errno.
 */
int store_evict(struct store *s, const struct store_evict *e);

/*
 * ---- the sweep: messages beyond the newest `depth` of their room, page by page, verified ----
 */
#define STORE_SWEEP_PAGE 1000
struct store_sweep {
	int64_t room;
	int64_t lo_ms, hi_ms; /* (lo, hi] has a page's worth of known messages; lo -1: all */
};
/* The next place, in the room that was swept least recently. -ENOENT: there is none. */
int store_sweep_next(struct store_conn *c, int64_t depth, struct store_sweep *ret_sweep);
/* A page was verified; go on at next_ms (-1: from the top) when it is the room's turn again. */
int store_sweep_done(struct store *s, int64_t room, int64_t next_ms, int64_t now_wall_ms);

/* ---- memberships ---- */
struct store_member {
	int64_t rowid, room;
	char *name; /* the address, or what stands for it */
	bool gone;
	struct webex_membership m;
};
void store_member_clear(struct store_member *m);
/* Also tombstones; the others not. */
int store_member_get(struct store_conn *c, int64_t rowid, struct store_member *ret_member);
int store_member_by_name(struct store_conn *c, int64_t room, const char *name,
			 struct store_member *ret_member);
int store_member_list(struct store_conn *c, int64_t room, int64_t after,
		      bool (*fn)(void *arg, const struct store_member *member), void *arg);
/*
 * Brings in memberships; nobody goes but who is among them with another membership. ret_missing
 * not NULL: they are all, room.members_wall_ms = now, and to it are appended (int64_t) those of
 * the store that are not among them, but for those with a pin (store_pin_member) not run out at
 * `now_wall_ms`. For a direct room the other person's address becomes its direct_email (me: meta
 * "me.id"); that is a STORE_ROOM_CHANGED.
 */
int store_apply_members(struct store *s, int64_t room, GPtrArray *memberships,
			GArray *ret_missing, int64_t now_wall_ms, GPtrArray *changes);
/* A membership made here outlives a list that does not show it yet. Not kept across mounts. */
void store_pin_member(struct store *s, int64_t rowid, int64_t until_wall_ms);
int store_remove_member(struct store *s, int64_t rowid, GPtrArray *changes);
/* The same of many (int64_t) in one transaction, but for pinned ones and those that are gone. */
int store_remove_members(struct store *s, const GArray *rows, int64_t now_wall_ms,
			 GPtrArray *changes);

/* ---- people ---- */
struct store_person {
	int64_t rowid;
	char *first_email;	 /* as first seen; NULL if none */
	int64_t fetched_wall_ms; /* when p.json was fetched; -1: p has what messages told */
	struct webex_person p;
};
void store_person_clear(struct store_person *p);
int store_person_get(struct store_conn *c, int64_t rowid, struct store_person *ret_person);
int store_person_by_id(struct store_conn *c, const char *id, struct store_person *ret_person);
/* Who has the address now, else who was first seen with it; after case folding. */
int store_person_by_email(struct store_conn *c, const char *email,
			  struct store_person *ret_person);
/* Only those with fetched_wall_ms >= 0. */
int store_person_list(struct store_conn *c, int64_t after,
		      bool (*fn)(void *arg, const struct store_person *p), void *arg);
int store_apply_person(struct store *s, const struct webex_person *p, int64_t now_wall_ms,
		       int64_t *ret_rowid, GPtrArray *changes);

/*
 * ---- the journal: what happened, for people and scripts ----
 * Rows come with the changes that are news, in their transaction. The newest are kept.
 */
#define STORE_EVENTS_KEPT 10000

/* In databases: the numbers are for ever. */
enum store_event_what {
	STORE_EVENT_MESSAGE_CREATED = 1,
	STORE_EVENT_MESSAGE_EDITED,
	STORE_EVENT_MESSAGE_DELETED,
	STORE_EVENT_MEMBER_ADDED = 8,
	STORE_EVENT_MEMBER_CHANGED,
	STORE_EVENT_MEMBER_REMOVED,
	STORE_EVENT_SPACE_ADDED = 16,
	STORE_EVENT_SPACE_RENAMED_FROM, /* the old path; the next row has the new one */
	STORE_EVENT_SPACE_RENAMED,
	STORE_EVENT_SPACE_CHANGED, /* its details; its last activity is none */
	STORE_EVENT_SPACE_REMOVED,
	STORE_EVENT_LINK_DOWN = 24,
	STORE_EVENT_LINK_UP,
};

struct store_event {
	int64_t seq;	 /* the cursor: > 0, one more with each event */
	int64_t wall_ms; /* when the store came to know of it */
	enum store_event_what what;
	const char
		*path; /* from the mount point, as it was called then; no control characters */
};

int store_event_add(struct store *s, enum store_event_what what, const char *path);
/* Cursor of the newest event that was committed; where the next will follow if there is none.
 * Any thread (atomic). */
int64_t store_event_last(struct store *s);
/* Cursor of the oldest that is kept; -ENOENT. Below it, as many are missing as the difference
 * of the cursors says. */
int store_event_first(struct store_conn *c, int64_t *ret_seq);
/* Those after `seq`, rising, until fn returns false. Borrowed. */
int store_events_after(struct store_conn *c, int64_t seq,
		       bool (*fn)(void *arg, const struct store_event *event), void *arg);
/* Whether the last that was said of the link is that it is down. */
bool store_event_link_is_down(struct store_conn *c);

/* ---- numbers for what has no row of its own ---- */
/* The rowid of (kind, key), made if new. Writer only. */
int store_node_make(struct store *s, int kind, const char *key, int64_t *ret_rowid);
/* The rows of many keys in one transaction. */
int store_nodes_make(struct store *s, int kind, GPtrArray *keys);
int store_node_find(struct store_conn *c, int kind, const char *key, int64_t *ret_rowid);
/* Key of the node; owned. -ENOENT. */
int store_node_get(struct store_conn *c, int64_t rowid, int *ret_kind, char **ret_key);
/*
 * The nodes whose key begins with `prefix` (not empty), falling by key, until fn returns false.
 * `key` is borrowed.
 */
int store_node_list(struct store_conn *c, int kind, const char *prefix,
		    bool (*fn)(void *arg, int64_t rowid, const char *key), void *arg);
/*
 * A fresh number for a file that has no row yet (a draft); ANY thread: taken from a block
 * reserved ahead.
 */
int64_t store_new_rowid(struct store *s);
