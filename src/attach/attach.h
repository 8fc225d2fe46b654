/* SPDX-License-Identifier: MIT */
/*
 * Bytes of attachments: fetched as they are read, in whatever order, and kept.
 *
 *  1. Opening one asks for nothing. A read is answered once all its bytes are here; what is
 *     missing is a need (NEED_CONTENT, with the first byte and the one behind the last).
 *  2. All readers of one content share its file and its transfers. No byte is fetched twice while
 *     it is kept, but where a server has no ranges and a transfer broke.
 *  3. A transfer runs a window ahead of the furthest reader, which grows with what was read
 *     (128 KiB to 8 MiB), and is paused there. When the last reader closes, it is cut; what came
 *     is kept.
 *  4. A reader who jumps gets a request of his own, by Range, for 256 KiB, the next for twice as
 *     much every fourth time, so that even a file that is read backwards costs some dozen. A server that
 *     does not answer 206 is asked for the whole once, and readers wait until it comes to them.
 *  5. The bytes decide how long a content is. A body that ends before what the store said is EIO
 *     there for those who have it open; if its end was properly told, the store is put right
 *     (config.on_length) when they have closed it. One that broke off is EIO there, and tried again later.
 *  6. Files are kept by content id, the last segment of the URL, in a folder of at most max_bytes,
 *     the least recently used go first; parts of files, too, with a map of what is there
 *     (file.c). Without a folder they are in memory and end with the last close.
 *
 * An entry of the table, one a content:
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
 * Thread rule: contents_open, _close, _read: any thread. contents_want, _unwant: cache thread.
 * Bytes are written on the I/O thread, files saved and dropped on a thread of ours.
 * Lock: contents.lock; no file is touched and nothing is called under it.
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
	int64_t max_bytes; /* of the folder */
	struct webex_client *client;
	struct work_queue *queue; /* the cache thread */
	const struct clock *clock;
	int scan_ms;	  /* how long a scan for malware is waited for; 0 = 60 s */
	bool unscannable; /* also what cannot be scanned */
	/* Cache thread: it was found to be as long as that; of one whose size was not known, before anybody
	 * is given its bytes. May be NULL. */
	void (*on_length)(void *arg, int64_t row, int64_t length);
	void *arg;
};

int contents_new(const struct contents_config *config, struct contents **ret_contents);
/* When all transfers are over. */
void contents_free(struct contents **c);

/* Counts a reader of the content with this rowid (making the entry). */
void contents_open(struct contents *c, int64_t row);
void contents_close(struct contents *c, int64_t row);
/* Whether [lo, hi) is here, as far as there is any. */
bool contents_has(struct contents *c, int64_t row, int64_t lo, int64_t hi);
/* All that was asked for up to the end, or -EAGAIN: some of it is not here. */
ssize_t contents_read(struct contents *c, int64_t row, void *buf, size_t len, int64_t offset);

/* ---- what is on its way, for .sparkfs/transfers ---- */

struct content_transfer {
	bool is_upload;
	int64_t row;	    /* of a download: the content's; its name is the store's */
	char *name, *place; /* of an upload; owned */
	int64_t done;	    /* bytes that are here, or were sent */
	int64_t moved;	    /* those of this transfer */
	int64_t total;	    /* -1: nobody knows */
	int64_t for_ms;	    /* since it began */
};
/* A GArray of them, empty. Owned (g_array_unref). */
GArray *content_transfers_new(void);
/* Appends the downloads. */
void contents_transfers(struct contents *c, GArray *ret);

/* What a want is about. */
struct content_source {
	int64_t row;
	const char *url;
	int64_t size; /* as the store has it; -1: not known */
};
struct content_want;
typedef void (*content_done)(void *arg, int error, const struct webex_reply *reply);
/*
 * The bytes [lo, hi), as far as there are any: 0 and the want (ours; `done` is called once, and it is
 * gone then); 1: they are here; -errno: nobody has it open, or it failed a moment ago.
 */
int contents_want(struct contents *c, const struct content_source *source, int64_t lo,
		  int64_t hi, content_done done, void *arg, struct content_want **ret_want);
/* `done` will not be called. */
void contents_unwant(struct contents *c, struct content_want *want);
