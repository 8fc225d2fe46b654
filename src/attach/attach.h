/* SPDX-License-Identifier: MIT */
/*
 * Bytes of attachments: fetched as they are read, in whatever order, and kept.
 *
 *  1. Opening a content fetches nothing. A read is answered when all its bytes are here;
 *     missing bytes are a need (NEED_CONTENT, with the first byte and the one behind the last).
 *  2. All readers of one content share its file and its transfers. No byte is fetched twice
 *     while it is kept, except from a server without ranges when a transfer broke.
 *  3. A transfer runs one window ahead of the furthest reader and is paused there. The window
 *     grows with what was read (128 KiB to 8 MiB). When the last reader closes, the transfer is
 *     cut off; what came is kept. Of paused transfers the CONTENT_PAUSED_MAX newest keep their
 *     connection; the others are cut off, too, and begun again by Range when somebody reads on.
 *  4. A reader that jumps gets a request of its own, by Range, for 256 KiB, and for twice as
 *     much after every fourth one, so that even a file that is read backwards costs only some
 *     dozen requests. A server that does not answer 206 is asked for the whole once, and
 *     readers wait until their bytes come.
 *  5. The bytes decide how long a content is. If a body ends before the size that the store
 *     has, those who have it open get EIO there; if the server marked the end, the store is
 *     corrected (config.on_length) when they have closed it. A body that broke off gives EIO
 *     there, too, and is tried again later.
 *  6. Files are kept by content id, the last segment of the URL, in a folder of at most
 *     max_bytes, from which the least recently used are dropped first. Parts of files are kept,
 *     too, with a map of the bytes that are there (file.c). Without a folder the bytes are in
 *     memory and end with the last close.
 *
 * The states of an entry of the table, which has one for each content:
 *
 *	        contents_open           the first want: its file and map are opened
 *	  none ---------------> NEW ------------------------------------+
 *	   ^                     | last close                           v
 *	   |                     v       nothing under way,     +----> OPEN <-----+
 *	   +---------------- SAVING <------ no reader ----------+       | a want  | done
 *	     nobody opened it  |                                        v         |
 *	     meanwhile         +--- opened again: OPEN               TRANSFERS ---+
 *	                                                                last close: cancelled
 *
 * An OPEN one that was not read for longest, of more than CONTENT_FILES_MAX, is saved and is NEW
 * again, with its readers (content_rest_locked).
 *
 * Thread rule: contents_open, _close, _read: any thread. contents_want, _unwant,
 * _retry: cache thread.
 * Bytes are written on the I/O thread, files saved and dropped on a thread of ours.
 * Lock: contents.lock; nothing is called under it, and no file is touched but to close it.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/work.h"
#include "webex/api.h"

struct contents;

struct contents_config {
	const char *dir;   /* NULL: nothing on disk */
	int64_t max_bytes; /* bound of the folder */
	struct webex_client *client;
	struct work_queue *queue; /* the cache thread */
	const struct clock *clock;
	int scan_ms;	  /* how long to wait for a scan for malware; 0 = 60 s */
	bool unscannable; /* fetch also what cannot be scanned */
	/* Called on the cache thread when the length of a content was found; if it was unknown,
	 * before anybody gets its bytes. May be NULL. */
	void (*on_length)(void *arg, int64_t row, int64_t length);
	void *arg;
};

int contents_new(const struct contents_config *config, struct contents **ret_contents);
/* Called when all transfers are over. */
void contents_free(struct contents **c);

/* So many bytes of a content whose length is unknown are fetched before anybody gets one of them, within
 * the bound of the folder or of memory. */
int64_t contents_unknown_max(const struct contents *c);

/* Counts a reader of the content with this rowid (making the entry). */
void contents_open(struct contents *c, int64_t row);
void contents_close(struct contents *c, int64_t row);
/* True if the bytes [lo, hi), up to the end of the content, are here. */
bool contents_has(struct contents *c, int64_t row, int64_t lo, int64_t hi);
/* Reads all bytes that were asked for, up to the end of the content; -EAGAIN if some of them
 * are not here. */
ssize_t contents_read(struct contents *c, int64_t row, void *buf, size_t len, int64_t offset);

/* ---- running transfers, for .sparkfs/transfers ---- */

struct content_transfer {
	bool is_upload;
	int64_t row;	    /* of a download: row of the content, whose name the store has */
	char *name, *place; /* of an upload; owned */
	int64_t done;	    /* bytes that are here, or were sent */
	int64_t moved;	    /* bytes of `done` that this transfer moved */
	int64_t total;	    /* -1: unknown */
	int64_t for_ms;	    /* how long it has run */
};
/* A GArray of them, empty. Owned (g_array_unref). */
GArray *content_transfers_new(void);
/* Appends the downloads. */
void contents_transfers(struct contents *c, GArray *ret);

/* The content that a want is for. */
struct content_source {
	int64_t row;
	const char *url;
	int64_t size; /* as the store has it; -1: unknown */
};
struct content_want;
typedef void (*content_done)(void *arg, int error, const struct webex_reply *reply);
/* Forgets that transfers failed with this -errno a moment ago. */
void contents_retry(struct contents *c, int error);
/*
 * Wants the bytes [lo, hi), up to the end of the content. 0 and the want, which is ours: `done`
 * is called once and the want freed then. 1: the bytes are here. -errno: nobody has the content
 * open, or it failed a moment ago.
 */
int contents_want(struct contents *c, const struct content_source *source, int64_t lo,
		  int64_t hi, content_done done, void *arg, struct content_want **ret_want);
/* Drops the want without calling `done`. */
void contents_unwant(struct contents *c, struct content_want *want);
