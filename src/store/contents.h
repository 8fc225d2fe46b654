/* SPDX-License-Identifier: MIT */
/*
 * The attachments of known messages. No listing has their names: each costs a request
 * (webex-api.md 5.5), which is made when somebody looks, and the answer is kept. Where several
 * attachments have one name, the newest has the plain name and the others a name with their
 * time (name_version()). Which ones have one name, and which is the newest, is decided among
 * those that the listing shows: up to range.until.
 * Thread rule: as store.h, which includes this.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct store;
struct store_conn;
struct store_range;

struct store_content {
	int64_t rowid, room;
	int64_t message; /* 0: not known yet */
	char *url;
	char *name;	/* as a file name; "" and no key: not asked for yet */
	char *key;	/* name_key() of `name` */
	char *sha256;	/* of what was sent from here */
	int64_t size;	/* -1: unknown */
	bool is_proven; /* `size` was counted from the bytes; else a header said so */
	int64_t mtime_ms;
	int64_t created_ms;  /* of its message */
	int64_t cookie;	     /* of its message */
	bool is_asked_again; /* the server could not tell its name, which may be another soon */
	bool gone;
};
void store_content_clear(struct store_content *c);
/* Finds tombstones, too. */
int store_content_get(struct store_conn *c, int64_t rowid, struct store_content *ret_content);
/* The newest content of that name in the room whose message is not deleted. */
int store_content_by_name(struct store_conn *c, int64_t room, const char *name,
			  struct store_content *ret_content);
/* The same in a range: among the messages of a thread. */
int store_content_newest(struct store_conn *c, const struct store_range *range,
			 const char *name, struct store_content *ret_content);
/* The content that has this name in a listing of the range; range.after is ignored. -ENOENT. */
int store_content_find(struct store_conn *c, const struct store_range *range, const char *name,
		       struct store_content *ret_content);
/* The name of the content in a listing of the range. Owned. -ENOENT: its name was not asked for
 * yet. */
int store_content_shown(struct store_conn *conn, const struct store_range *range,
			const struct store_content *c, char **ret_name);
/*
 * The name of the content that depends on nothing else: with its time and digits of its id, as
 * "report~<time>~<hex>.pdf". No other content has it, and it stays whatever comes, goes or gets its name
 * beside it. Owned; NULL: its name was not asked for yet.
 */
char *store_content_lasting(const struct store_content *content);
/* The content that has this lasting name. -ENOENT. */
int store_content_find_lasting(struct store_conn *c, const struct store_range *range,
			       const char *name, struct store_content *ret_content);
/* As store_content_list(), without a name for the listing. */
int store_content_each(struct store_conn *c, const struct store_range *range, int64_t after,
		       bool (*fn)(void *arg, const struct store_content *content), void *arg);
/* 1 if a message of the range has an attachment, whether its name is known or not; 0; -errno. */
int store_content_any(struct store_conn *c, const struct store_range *range);
/* Calls `fn` for the contents of the range that have a name and a rowid above `after`, rising
 * by rowid, until it returns false. */
int store_content_list(struct store_conn *c, const struct store_range *range, int64_t after,
		       bool (*fn)(void *arg, const struct store_content *content,
				  const char *shown),
		       void *arg);
/* At most `limit` rows of the range without a name, or whose name is to be asked for again,
 * newest first. */
int store_content_unnamed(struct store_conn *c, const struct store_range *range,
			  int64_t now_wall_ms, GArray *ret_rowids, int limit);
/*
 * Keeps a content. rowid 0: in a new row, *ret_rowid; otherwise in that row (of
 * store_new_rowid), which may exist. Another row of the same message and URL is removed.
 * -ENOENT: the room is gone.
 */
int store_apply_content(struct store *s, const struct store_content *content,
			int64_t *ret_rowid, GPtrArray *changes);
/*
 * Keeps what the server says of a content: its name (any text; cleaned here; NULL or empty: its
 * id becomes its name) and its stated size (-1: none). retry_wall_ms: when to ask again,
 * because the server could not tell; else 0. With the last name of a message that is nothing but
 * files, the message's text is another: it names them (STORE_MESSAGE_CHANGED, no news).
 */
int store_name_content(struct store *s, int64_t rowid, const char *name, int64_t size,
		       int64_t retry_wall_ms, GPtrArray *changes);
/* Keeps the size that was counted from its bytes. */
int store_set_content_size(struct store *s, int64_t rowid, int64_t size, GPtrArray *changes);
/* Keeps the SHA-256, in hex, of a file that was sent from here. -ENOENT. */
int store_set_content_sum(struct store *s, int64_t rowid, const char *sha256);
int store_set_content_mtime(struct store *s, int64_t rowid, int64_t mtime_ms);
