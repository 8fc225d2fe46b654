/* SPDX-License-Identifier: MIT */
/*
 * Threads: a root, which is a message, and the messages that name it as their parent (webex-api.md 6.5).
 * A thread has a row of its own from when the id of its root is first known by a reply, or when somebody
 * looks for the thread of a message without replies. The root itself may be unknown, come later, or be
 * gone; the number of the thread stays.
 *
 * The service knows two levels. Where a root is all the same a reply to another message, its replies are
 * in the thread of that one, and its own number stands for that thread.
 * Thread rule: as store.h, which includes this.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct store;
struct store_conn;
struct store_range;

struct store_thread {
	int64_t rowid; /* another one than was asked for, where that stands for it */
	int64_t room;
	char *root_id; /* the parentId of its replies */
	int64_t root;  /* row of the root's message; 0: it is not known, or was deleted */
	/* The name of its directory: the stem that the root has, or had before it was deleted. If the root
	 * cannot be had: the time in its id, and digits of the id. NULL: the root was not asked for yet. */
	char *stem;
	bool is_lost;	  /* the server did not give the root */
	int64_t retry_ms; /* is_lost: when to ask again, because it failed; 0: never */
	int64_t whole_ms; /* every reply up to this time was known at this time; -1: no list came */
	int64_t newest_ms; /* when its newest reply was written; -1: it has none that is known */
	int64_t root_ms;   /* when its root was written, as far as that is known; else -1 */
};
void store_thread_clear(struct store_thread *t);

/* -ENOENT: there is no such row, or its room is gone. */
int store_thread_get(struct store_conn *c, int64_t rowid, struct store_thread *ret_thread);
/* The thread whose directory has this name. -ENOENT. */
int store_thread_by_stem(struct store_conn *c, int64_t room, const char *stem, size_t stem_len,
			 int64_t *ret_rowid);
/* The thread of the replies to the message with this id, known or not. -ENOENT: nobody has named it. */
int store_thread_by_root(struct store_conn *c, int64_t room, const char *root_id,
			 int64_t *ret_rowid);
/*
 * Calls `fn` for the threads with a reply that is known of which the range has a message (the root or a
 * reply), rising by rowid from `after`, until it returns false. `fn` borrows the thread.
 */
int store_thread_list(struct store_conn *c, const struct store_range *range, int64_t after,
		      bool (*fn)(void *arg, const struct store_thread *t), void *arg);
/* Appends at most `limit` rows (int64_t) of those that have no name yet or whose root is to be asked for
 * again at `now_wall_ms`, the newest first. */
int store_thread_nameless(struct store_conn *c, const struct store_range *range,
			  int64_t now_wall_ms, GArray *ret_rowids, int limit);
/* The thread itself, and those whose numbers stand for it: a list of each has replies of it. */
struct store_thread_part {
	int64_t rowid, whole_ms; /* as in struct store_thread */
};
/* Appends them (struct store_thread_part), rising by rowid. */
int store_thread_parts(struct store_conn *c, int64_t rowid, GArray *ret_parts);
/* The parentId of the replies of this very row, whatever it stands for. Owned; NULL: there is none. */
char *store_thread_root_id(struct store_conn *c, int64_t rowid);

/* The thread of a message that is no reply, in a new row if it has none. -ENOENT: it is gone. */
int store_thread_make(struct store *s, int64_t message, int64_t *ret_rowid);
/* The server does not give the root. retry_wall_ms: when to ask again, because it failed; else 0. */
int store_thread_lose(struct store *s, int64_t rowid, int64_t retry_wall_ms,
		      GPtrArray *changes);
/* Every reply that was there at this time is known. */
int store_thread_set_whole(struct store *s, int64_t rowid, int64_t wall_ms);
/* The newest message of the thread by that author. -ENOENT. */
int store_thread_last_by(struct store_conn *c, int64_t rowid, int64_t person, int64_t *ret_row);
/* The thread of a live message; 0: it is in none. -ENOENT. */
int store_message_thread(struct store_conn *c, int64_t message, int64_t *ret_thread);
/* When the text of the thread's messages changed last. -ENOENT: it has none. */
int store_thread_text_ms(struct store_conn *c, int64_t rowid, int64_t *ret_ms);
