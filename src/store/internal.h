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
#include "webex/render.h"

struct store_conn {
	struct store *s;
	struct sql *q;
	struct store_conn *next; /* store.pool_lock, while in the pool */
};

#define ROOM_TYPES (WEBEX_ROOM_TEAM + 1)

/* SQL: the room is a team. A team and a space may have the same id where ids are bare UUIDs; schema.c has a
 * unique index of both. */
#define ROOM_IS_TEAM "type=2"
G_STATIC_ASSERT(WEBEX_ROOM_TEAM == 2);

/* Of the ids of rooms of this type, for sql_id() and sql_get_id(). */
static inline const char *room_id_type(enum webex_room_type type)
{
	return type == WEBEX_ROOM_TEAM ? "TEAM" : "ROOM";
}

struct store {
	bool in_memory;
	char *uri, *broken_mark;
	int lock_fd; /* -1: memory */
	struct rowids rowids;
	atomic_uint_fast64_t generation;
	/* live messages with a body, and without one; written by the writing thread */
	atomic_int_fast64_t bodies, evicted;
	atomic_int_fast64_t rooms[ROOM_TYPES]; /* live ones; written by the writing thread */
	const struct clock *clock;
	char *(*path_of)(const struct store_change *c, const char *room_name, const char *name);
	void (*on_event)(void *arg);
	void *on_event_arg;
	atomic_int_fast64_t event_last; /* written by the writing thread */

	struct sql *writer; /* writing thread */
	pthread_t writing;  /* writing thread, which this is once has_writing is true */
	bool has_writing;   /* writing thread */
	struct evict_place {
		int64_t room, cookie; /* the month's messages up to here were looked at */
		int month;
	} evict;		 /* writing thread; where store_evict() goes on */
	int64_t stored_rowid;	 /* writing thread: meta "rowid.last" as committed */
	bool has_old_sizes;	 /* writing thread: a row with a body may have an older form */
	int64_t sized_rowid;	 /* writing thread: store_renew_sizes() has looked up to here */
	GHashTable *member_pins; /* writing thread: rowid to wall ms, both owned int64_t */
	struct purge *purge;	 /* writing thread */
	bool is_shrinking;	 /* writing thread: pages are being given back */
	GHashTable *heirs; /* writing thread: see room_put.c; row to row, both owned int64_t */

	pthread_rwlock_t
		memory_lock; /* memory mode: a snapshot holds it shared, a write alone */
	pthread_mutex_t pool_lock;
	struct store_conn *pool; /* pool_lock */
	int pooled;		 /* pool_lock */
	int lent;		 /* pool_lock: connections out now */
};

/* One transaction. If it fails, what it appended to `changes` is removed again. */
struct write {
	struct store *s;
	struct sql *q;
	GPtrArray *changes;
	bool owns_changes; /* the caller wants no changes, but events are made from them */
	guint changes_mark;
	int64_t rows_mark;
	int64_t events;		   /* how many it added to the journal */
	bool is_first_listing;	   /* nothing that it adds is news */
	bool is_quiet;		   /* nobody can see a difference, so answers that were made
				  * before stay valid */
	GArray *body_counts;	   /* body_counts.c; NULL: nothing was noted */
	int64_t bodies, evicted;   /* added to the store's counts when it is committed */
	int64_t rooms[ROOM_TYPES]; /* likewise */
	int64_t text_room;	   /* the space whose text has a later time already */
	int64_t lines_room;	   /* the space whose text has another version already */
	char *me_id;	  /* mentions.c: of the owner; owned; NULL: not read yet, or unknown */
	int64_t mentions; /* mentions.c: the flags that make a mention; 0: not read yet */
};

int write_begin(struct store *s, GPtrArray *changes, struct write *ret_write);
/* Commits for r == 0, rolls back for an error. Returns the result of the whole. */
int write_end(struct write *w, int r);
/* Reads one of the small texts of table meta. */
char *meta_text(struct sql *q, const char *key);
int64_t meta_int(struct sql *q, const char *key, int64_t fallback);

/* ---- changes.c ---- */
/* Appends a change and returns it, so that the caller can set its names. */
struct store_change *changes_add(struct write *w, enum store_change_type type, int64_t room,
				 enum webex_room_type room_type, int64_t rowid);
/* Appends a change with copies of these names. */
struct store_change *changes_add_named(struct write *w, enum store_change_type type,
				       int64_t room, enum webex_room_type room_type,
				       int64_t rowid, const char *old_name, const char *name);

/* ---- purge.c: rows of what is gone ---- */
struct purge *purge_new(void);
void purge_free(struct purge *p);
/* Finds what an earlier mount left. */
int purge_load(struct store *s);
/* Notes that a room went in this mount: what is in it can be deleted, but for the room's own row. */
void purge_add_room(struct store *s, int64_t room);
/* Deletes up to `most` rows. Returns how many, or -errno; 0: there are none. */
int purge_some(struct store *s, int most);
bool purge_is_empty(const struct store *s);

/* ---- shrink.c: pages that nothing uses ---- */
/* Gives some of them back to the disk. 1: there are more; 0; -errno. */
int shrink_some(struct store *s);
/*
 * A file of a version that could not give pages back becomes one that can, if that costs little or
 * frees much. Closes and opens s->writer, unless it fails: -errno, and the caller closes it.
 */
int shrink_convert(struct store *s, int (*reopen)(struct store *s));

/* ---- events.c ---- */
/* STORE_EVENT_LINK_DOWN or STORE_EVENT_LINK_UP; schema.c has an index of these few. */
#define EVENT_IS_OF_LINK "what IN (24, 25)"
void events_init(struct store *s);
/* Adds the changes that are news to the journal. */
int events_append(struct write *w);
/* Appends an event which says that some new messages of the room make none. */
int events_missed(struct write *w, int64_t room, enum webex_room_type type);

/* ---- unique.c ---- */
/* 1 if the key is in use in the directory; 0; -errno. */
typedef int (*unique_taken_fn)(void *arg, const char *key);
/*
 * A name made of `base` whose key is not in use: `base` itself, or with 8 or more hex digits of
 * the id (design 2.1). Name and key are owned.
 */
int unique_name(const char *base, const char *id, unique_taken_fn taken, void *arg,
		char **ret_name, char **ret_key);

/* A sorted set of rowids. */
void rowset_add(GArray *set, int64_t rowid);
void rowset_sort(GArray *set);
bool rowset_has(const GArray *set, int64_t rowid);

/* ---- rooms.c ---- */
/* Key in meta of the newest activity of rooms whose tombstones were purged. */
#define ROOM_META_NEWEST "news.newest_ms"
/* Counts the rooms. */
int room_counts_load(struct store *s);
/* Called behind a commit. */
void room_counts_end(const struct write *w);
/* What other files need to know of a room. -ENOENT also for a room that is gone. */
struct room_place {
	int64_t rowid;
	enum webex_room_type type;
	char *id;
};
void room_place_clear(struct room_place *p);
int room_place_get(struct sql *q, int64_t rowid, struct room_place *ret_place);
/* Returns 1 if the address of the other person changed. */
int room_put_direct_email(struct sql *q, int64_t room, const char *email);

/* ---- people.c ---- */
/* The row of a message's author, made if there is none. *ret_first_email is owned; NULL if
 * there is none. */
int person_touch(struct write *w, const char *id, const char *email, int64_t *ret_rowid,
		 char **ret_first_email);

/* ---- contents.c ---- */
#define CONTENT_COLUMNS                                                                        \
	"c.rowid, c.room, c.message, c.url, c.name, c.sha256, c.size, c.mtime_ms,"             \
	" c.gone OR r.gone IS NOT 0 OR ifnull(m.deleted, 0), c.cookie, c.is_proven,"           \
	" ifnull(m.created_ms, c.mtime_ms), c.name_key, c.retry_ms>0 "
#define CONTENT_JOIN                                                                           \
	" LEFT JOIN room r ON r.rowid=c.room LEFT JOIN message m ON m.rowid=c.message "
#define CONTENT_FROM "FROM content c" CONTENT_JOIN
#define CONTENT_FROM_BY(index) "FROM content c INDEXED BY " index CONTENT_JOIN
void content_row(struct sql_stmt *st, struct store_content *ret_content);
/* Cookies are below this. A content without a cookie yet gets this, and so is newer than all
 * others. */
#define CONTENT_NO_PLACE (INT64_C(1) << 62)
int contents_drop_of(struct write *w, const struct room_place *room, int64_t message);
int content_set_gone(struct write *w, int64_t rowid);
/* Appends a change of this type for the content, with its room and name. */
int content_tell(struct write *w, int64_t rowid, enum store_change_type type);

/* Fills in m->file_names, in the order of m->files. 1: done; 0: not all names are known. */
int contents_names_of(struct sql *q, int64_t message, struct webex_message *m);
/* Lets the texts of a message name its files from now on, if all their names are known. */
int contents_show_names(struct write *w, int64_t message);

/* ---- content_put.c ---- */
/* Makes the message's rows match `files`: a new file gets a row without a name, a missing one
 * loses its row. */
int contents_note(struct write *w, int64_t room, int64_t message, char *const *files);
/* 1 if the store has a file of the message that is not among `files`; 0; -errno. */
int contents_lack(struct sql *q, int64_t message, char *const *files);
/* Makes rows for the files of all messages that have their bodies (schema.c). */
int contents_adopt(struct sql *q);

/* ---- messages.c ---- */
#define MESSAGE_HAS_MARKDOWN 1
#define MESSAGE_HAS_FILES 2
#define MESSAGE_HAS_CARD 4
#define MESSAGE_VOICE_CLIP 8
#define MESSAGE_OWN                                                                            \
	16 /* its author is the owner of the store; schema.c has an index of these */
#define MESSAGE_IS_OWN "flags&16"
#define MESSAGE_SHOWS_NAMES 32	/* its sizes are those of texts that name its files */
#define MESSAGE_INEXACT 64	/* webex_render_is_exact() is false; unknown of an older form */
#define MESSAGE_MENTIONS_ME 128 /* it names the owner of the store; mentions.c */
#define MESSAGE_MENTIONS_ALL 256 /* it mentions a group of people */
#define MESSAGE_MENTIONS (MESSAGE_MENTIONS_ME | MESSAGE_MENTIONS_ALL)
#define MESSAGE_IS_MENTION "flags&384" /* either; schema.c has indexes of these */

/* Columns 0 to 8 of message m, for brief_row(). */
#define BRIEF_COLUMNS                                                                          \
	"m.rowid, m.cookie, m.person, m.created_ms, m.updated_ms, " SIZE_OF(                   \
		"txt_size") ", m.flags, m.stem, m.changed_ms "
/* The stem is borrowed until the next step. */
void brief_row(struct sql_stmt *st, struct store_brief *ret_brief);

/* The messages of one millisecond have the cookies [cookie_floor(ms), cookie_floor(ms) +
 * COOKIE_TIES). */
#define COOKIE_TIES (INT64_C(1) << 20)
int64_t cookie_floor(int64_t created_ms);
/* True if other milliseconds have the same floor. */
bool cookie_is_shared(int64_t created_ms);

/* Loads the row in any state; -ENOENT. */
int message_load(struct sql *q, int64_t rowid, struct store_message *ret_message);
/*
 * Calls `fn` for the rows with low <= cookie < high, also for tombstones, rising by cookie, until
 * it returns false. `fn` borrows what it gets. *ret_whole: it got all of them.
 */
int message_scan(struct sql *q, int64_t room, int64_t low, int64_t high,
		 bool (*fn)(void *arg, const struct store_message *m), void *arg,
		 bool *ret_whole);
/* Finds the row of (room, id), also a tombstone; -ENOENT. */
int message_find(struct sql *q, int64_t room, const char *id, int64_t *ret_rowid);

/* ---- mentions.c ---- */
/* The bits of MESSAGE_MENTIONS that the message has. */
int64_t mention_flags(struct write *w, const struct webex_message *m);
/* True if a message with these flags is a mention. */
bool mention_is(struct write *w, int64_t flags);
/* Notes in the change of a message what it had of MESSAGE_MENTIONS and has now; 0: none, or it was not
 * there. `now` has MESSAGE_OWN, too. */
void mention_note(struct write *w, struct store_change *c, int64_t was, int64_t now);
void mention_write_clear(struct write *w);
struct put;
/* Learns from a page of the server's filter whether @all counts. */
int mentions_learn(struct put *p, const GPtrArray *messages);
/* Sets the flags of all messages that have their bodies (schema.c). */
int mentions_adopt(struct sql *q);

/* ---- sizes.c ---- */
/* meta: every message with a body has the sizes of this form. */
#define SIZES_META_FORM "sizes.form"
#define SIZES_FORM G_STRINGIFY(WEBEX_TEXT_FORM)
/* SQL: a size of message m, or -1 if it belongs to another form of the text. */
#define SIZE_OF(column) "CASE m.form WHEN " SIZES_FORM " THEN m." column " ELSE -1 END"
/* Writes the sizes that the message has in the current form, and its flags. */
int sizes_write(struct write *w, const struct store_message *m, int64_t flags);
/* Finds the sizes of a row of an older form while its body is still there; called before the body is
 * dropped. */
int sizes_before_drop(struct write *w, int64_t rowid);
/* Reads from the database whether sizes of an older form are left. */
void sizes_load(struct store *s);

/* ---- body_counts.c ---- */
/* Loads the counts from the database. */
int body_counts_load(struct store *s);
/* Notes that this write makes so many more messages of that time have a body, and so many more
 * lack one. */
void body_counts_note(struct write *w, int64_t room, int64_t created_ms, int bodies,
		      int evicted);
/* The same for a month. */
void body_counts_note_month(struct write *w, int64_t room, int month, int bodies, int evicted);
/* Drops the counts of a room that is gone. */
int body_counts_drop(struct write *w, int64_t room);
/* Writes what was noted into the table; called before the commit. */
int body_counts_flush(struct write *w);
/* Called behind the commit (done: it succeeded). */
void body_counts_end(struct write *w, bool done);

/* The same for a time that a message of the month shows now. is_again: something that was shown
 * before changed, so the month's text gets a later time than it had. */
void body_counts_note_time(struct write *w, int64_t room, int64_t created_ms, int64_t shown_ms,
			   bool is_again);

/* The same for a change that makes the month's text longer, or shorter, and gives it no later time. Its
 * size tells of it, until one makes it longer and one shorter: then it gets a time. */
void body_counts_note_length(struct write *w, int64_t room, int64_t created_ms, bool is_longer);

/* ---- verified.c ---- */
/* The time is kept with this accuracy, so that a page with nothing new causes no write. */
#define VERIFIED_GRAIN_MS (60 * 60 * 1000)
int months_verified(struct write *w, int64_t room, int64_t lo_ms, int64_t hi_ms,
		    int64_t wall_ms);
/* The list of the room's members counts as listed long ago (verified.h). */
int members_age(struct write *w, int64_t room);

/* ---- times.c ---- */
/* Gives a message that changed a later time, and the texts that it is in. */
int times_changed(struct write *w, const struct store_message *old,
		  const struct webex_message *m);
/* A message that was gone is there again, as it was: only the texts change. */
int times_again(struct write *w, const struct store_message *old);
/* Gives the space's text a later time than it had; once in a transaction. */
int times_text(struct write *w, int64_t room);
/* Gives the texts of the space another version, and no other time; once in a transaction. */
int times_version(struct write *w, int64_t room);

/* ---- roots.c ---- */
/* What a reply's row has of its root. */
struct root {
	int64_t ms;   /* when it was created; of an unknown root what its id tells, else -1 */
	char *author; /* as in the names of its files; NULL: it is not known */
};
void root_clear(struct root *root);
/* `id` NULL: nothing is known. */
int root_find(struct sql *q, int64_t room, const char *id, struct root *ret_root);
/* Binds both columns: null where the message is no reply (parent_id NULL). Borrows the author. */
void root_bind(struct sql_stmt *st, int ms_at, int author_at, const char *parent_id,
	       const struct root *root);
/* Fills the columns of all replies (schema.c). */
int replies_adopt(struct sql *q);

/* ---- threads.c ---- */
/* The thread of the message, also of a tombstone; 0: it is in none. */
int64_t message_thread(struct sql *q, int64_t rowid);

/* ---- message_write.c ---- */
/* The sizes of the texts of a message whose files have this stem. */
void sizes_of(const struct webex_message *m, const char *stem, struct webex_sizes *ret_sizes);
struct message_row {
	int64_t rowid, room, cookie, person, pin_ms, thread;
	bool is_own;
	const char *stem;
};
/* -EEXIST: the room has this message, or another one with this cookie; then nothing is written. */
int message_insert(struct write *w, const struct message_row *row,
		   const struct webex_message *m, const char *first_email);
/* Rewrites what may change of a known message, and its body. */
int message_rewrite(struct write *w, const struct store_message *old,
		    const struct webex_message *m, const char *first_email);
/* The same without the body: one that was dropped stays so. */
int message_rewrite_row(struct write *w, const struct store_message *old,
			const struct webex_message *m);
/* True if message_rewrite() would change nothing but the body, as far as the sizes are known. */
bool message_has_row_of(const struct store_message *old, const struct webex_message *m);
int message_set_pin(struct write *w, int64_t rowid, int64_t pin_ms);
int put_deleted(struct write *w, const struct room_place *room, int64_t rowid);
/* The same for a message that comes back as another row: the tombstone no longer has its id. */
int message_make_way(struct write *w, const struct room_place *room, int64_t rowid);
/* Makes a tombstone a message again if it was made at until_wall_ms or before. 1: done; 0: it
 * is too new; -errno. */
int message_revive(struct write *w, const struct store_message *old, int64_t until_wall_ms);

/* ---- contradict.c ---- */
/* True if `m` has the parent that is known, or none. */
bool message_is_same_parent(const struct webex_message *m, const struct webex_message *known);
/* True if both answers are the same but for what never changes: time, author and place (webex-api.md 7.1). */
bool message_is_same(const struct webex_message *a, const struct webex_message *b);
/* True if `m` has another time or author than the message that is known, so that one of two answers
 * was wrong. A time that is no more than a place in a list says nothing. */
bool message_is_elsewhere(const struct store_message *old, const struct webex_message *m);
/* The same, or `m` has another text that is the older one: it is out of date, or what is known was
 * wrong. */
bool message_contradicts(const struct store_message *old, const struct webex_message *m);

/* ---- pages.c ---- */
/* True if one span has all of this one. */
bool span_is_known(struct sql *q, int64_t room, const struct store_span *span);
/* As store_span_top(). */
int64_t span_top(struct sql *q, int64_t room);

/* ---- message_put.c ---- */
/* What the messages of one call share. */
struct put {
	struct write *w;
	struct room_place room;
	int64_t told_ms;   /* messages that are newer are news; -1: none is */
	int64_t newest_ms; /* time of the newest message that was added; told_ms if none is
			    * newer */
	int64_t top_ms;	   /* time of the newest message that was known; -1: none was */
	/* Up to which time the room was listed when the write began; -1: it was not. */
	int64_t listed_ms;
	bool has_listed; /* listed_ms was looked up */
	/* Nothing was known of this interval, so nobody has seen a listing of it: only one
	 * change is appended for all messages. */
	bool is_backfill;
	bool has_told_backfill, has_told_mention;
	bool is_sparse; /* the messages of a page stand far apart: what is between them is not read */
	unsigned late;	     /* messages that the server shows late */
	bool is_pinned;	     /* the messages are our own, and so no news */
	GHashTable *authors; /* person id -> struct author */
	char *owner_id;	     /* id of the owner of the store; NULL: unknown */
	bool verifies;	     /* STORE_PAGE_VERIFIES */
	bool keeps_files;    /* a message that comes without a file it had is left as it was */
	bool believes;	     /* the answer decides between contradictions */
	GArray *doubts; /* of int64_t: known messages that come without a file they had, or that the
			      * answer contradicts; may be NULL */
	/* The messages of the millisecond that was met last, in the order of their cookies; kept up
	 * to date here, since an import has thousands of them. NULL: none was met. */
	GPtrArray *twins;
	int64_t twins_floor, twins_next; /* the first cookie, and the next free one */
};
/* For tests. */
extern guint put_ties_max;
int put_begin(struct write *w, int64_t room, struct put *ret_put);
/* If r is 0, notes what the messages say of the room. Frees. Returns the result of the whole. */
int put_end(struct put *p, int r);
/* False for a message of another room, or without a usable time. */
bool put_can_keep(const struct put *p, const struct webex_message *m);
/* True if put_message() would do nothing, since `old` is that message and nothing is newer in `m`. */
bool put_is_settled(const struct store_message *old, const struct webex_message *m);
/*
 * Inserts or updates a message. is_alone: no other one of its millisecond is known. *ret_rowid is
 * its row, also if nothing changed; 0 if it cannot be kept (of another room, or without a usable
 * time). -EOVERFLOW: its millisecond has put_ties_max others. -ENOENT if it has a tombstone of less than a minute; *ret_rowid is set then, too. An
 * older tombstone was a mistake and becomes a message again.
 */
int put_message(struct put *p, const struct webex_message *m, bool is_alone,
		int64_t pin_until_ms, int64_t *ret_rowid);

/* ---- times.c ---- */
/*
 * A text is made when all of its time is known up to where the room was listed; above that it has what came
 * alone, as our own messages do. Others that come between these later, and before the newest, make it another
 * text, as this notes: a message was inserted.
 */
int times_between(struct put *p, int64_t created_ms);
/* The same of what is still to come below a new head's `lo_ms`, if the head does not reach down to where
 * the room was listed. Called before the span is added. */
int times_head(struct put *p, int64_t lo_ms);

/* ---- roots.c ---- */
/* A message was inserted: its replies that are known say so from now on. */
int replies_note(struct put *p, const struct webex_message *m, const char *stem);

/* ---- thread_put.c ---- */
struct thread_place {
	int64_t thread; /* that the message is in; 0: in none */
	int64_t own;	/* that it is the root of; 0: of none */
};
/* The place of a message that is about to be written. */
int thread_place(struct put *p, const struct webex_message *m, struct thread_place *ret_place);
/* The message was written, with this stem. */
int thread_came(struct put *p, const struct thread_place *place, const char *stem);
/* The message is there, and another answer has a parent, or it is there again. */
int thread_move(struct put *p, const struct store_message *old, const struct webex_message *m);
/* The message has another stem. Does nothing if it is no root. */
int thread_root_renamed(struct write *w, const struct room_place *room, int64_t message,
			const char *stem);
/* Gives the text of the thread a later time than it had; 0: of none. */
int thread_text_changed(struct write *w, int64_t rowid);
/* Makes the threads of all messages (schema.c). */
int threads_adopt(struct sql *q);

/* ---- pages.c ---- */
/* True if every message of this millisecond is known. */
bool span_has(struct sql *q, int64_t room, int64_t ms);

/* ---- message_names.c: p->twins ---- */
/* Sees to it that p->twins are those of this millisecond. */
int put_load_twins(struct put *p, int64_t floor);
/* Adds one to them. Adopts the strings. */
void put_add_twin(struct put *p, int64_t rowid, bool deleted, char *id, char *stem);
/*
 * The lowest of the author's messages of a millisecond has the plain name. A message that comes
 * below it takes the name over. Deleted ones count, so that a name does not pass to another
 * message when its own is removed.
 */
int put_pick_stem(struct put *p, const char *base, const char *id, char **ret_stem);

/* ---- news.c ---- */
/* True if everything of that time was known before, so that the server shows the message late. */
bool put_is_late(const struct put *p, int64_t created_ms);
/* Whether a message that was not known is news. Our own, which have a pin, always are, whatever is newer. */
bool put_is_news(struct put *p, int64_t created_ms);
/* Says that there are more late messages than make events. */
int put_tell_late(const struct put *p);

/* ---- page_put.c ---- */
/*
 * Does put_message() for each message of a page that is not settled; one query says which are.
 * is_complete: known messages with lo < created <= hi that are not in the page and not pinned
 * beyond now_wall_ms are missing; of those above sure_hi only the ones that once had a pin, or whose
 * time is still to come.
 * Their rows are appended to `missing`, which may be NULL. *ret_newest_ms is the time of the
 * newest item; -1 if there is none.
 */
extern bool put_page_scans; /* for tests; false: each message is looked up */
struct page_part {
	bool is_complete;
	bool has_mentions; /* only of messages that mention the owner, and those alone are missing */
	int64_t lo, hi, sure_hi, now_wall_ms;
};
int put_page(struct put *p, GPtrArray *messages, const struct page_part *part, GArray *missing,
	     int64_t *ret_newest_ms);
