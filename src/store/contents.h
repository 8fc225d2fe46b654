/* SPDX-License-Identifier: MIT */
/*
 * The attachments of known messages.
 * Their names are in no listing: each costs a request (webex-api.md 5.5), is asked for when somebody
 * looks, and kept. Where several have one name, the newest has it plain and the others with their
 * time (name_version()); "one name" and "newest" are those of the listing: up to range.until.
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
	char *name;	/* as a file name; "" and no key: nobody asked */
	char *key;	/* name_key() of it */
	char *sha256;	/* of what was sent from here */
	int64_t size;	/* -1: nobody knows */
	bool is_proven; /* the bytes are as many; else a header said so */
	int64_t mtime_ms;
	int64_t created_ms; /* of its message */
	int64_t cookie;	    /* of its message */
	bool gone;
};
void store_content_clear(struct store_content *c);
/* Also tombstones. */
int store_content_get(struct store_conn *c, int64_t rowid, struct store_content *ret_content);
/* The newest of that name in the room whose message still is there. */
int store_content_by_name(struct store_conn *c, int64_t room, const char *name,
			  struct store_content *ret_content);
/* Which of the range's has that name in a listing of it; range.after does not matter. -ENOENT. */
int store_content_find(struct store_conn *c, const struct store_range *range, const char *name,
		       struct store_content *ret_content);
/* What it is called in a listing of the range. Owned; -ENOENT: nobody asked for its name. */
int store_content_shown(struct store_conn *c, const struct store_range *range,
			const struct store_content *content, char **ret_name);
/* Those of the range with a name and a rowid above `after`, rising by rowid; until fn returns false. */
int store_content_list(struct store_conn *c, const struct store_range *range, int64_t after,
		       bool (*fn)(void *arg, const struct store_content *content,
				  const char *shown),
		       void *arg);
/* Rows of the range that lack their names, or whose names are to be asked for again; newest first,
 * `limit` at most. */
int store_content_unnamed(struct store_conn *c, const struct store_range *range,
			  int64_t now_wall_ms, GArray *ret_rowids, int limit);
/*
 * rowid 0: a new row, told in *ret_rowid; otherwise that row (of store_new_rowid) is made, or
 * overwritten if it is there. Another row of the same message and URL is gone then. -ENOENT: the
 * room is gone.
 */
int store_apply_content(struct store *s, const struct store_content *content,
			int64_t *ret_rowid, GPtrArray *changes);
/*
 * It is called that (any text; cleaned here; NULL or empty: by its id), and said to be so long (-1:
 * nothing is said). retry_wall_ms: nobody could tell, it is asked for again then; else 0.
 */
int store_name_content(struct store *s, int64_t rowid, const char *name, int64_t size,
		       int64_t retry_wall_ms, GPtrArray *changes);
/* The text of a message without text names its files from now on, if all their names are known. */
int store_show_names(struct store *s, int64_t message, GPtrArray *changes);
/* Its bytes are found to be as long as that. */
int store_set_content_size(struct store *s, int64_t rowid, int64_t size, GPtrArray *changes);
/* SHA-256 in hex, of what was sent from here. -ENOENT. */
int store_set_content_sum(struct store *s, int64_t rowid, const char *sha256);
int store_set_content_mtime(struct store *s, int64_t rowid, int64_t mtime_ms);
