/* SPDX-License-Identifier: MIT */
/*
 * transcript.log: the messages of a range as one text (design 2.2), either those that a space
 * lists or those of a month. The key of a transcript is the node id of its file. While anybody
 * has it open it only grows: a new message, an edit or a deletion appends lines, and `tail -f`
 * follows. A message that stands further up (it came late) is appended as well, behind a line that
 * says so. The first open after the last close makes the text anew if anything changed since. A long
 * text is made by parts, when they are read (transcript_parts.h).
 *
 * Thread rule: any thread. Lock: transcripts.lock. The store is never read under it.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "store/store.h"

struct transcripts;

/* For tests: so many bytes are a long text. */
extern int64_t transcript_parts_min;

struct transcripts *transcripts_new(void);
/* Waits for threads that read the store, which must still be there. */
void transcripts_free(struct transcripts **t);

/* The size of the transcript that an open would see: of the one that is open, or of a text made
 * from `conn`. `range` is that of a listing. `version` is store_text_version() of it in `conn` (0:
 * unknown), so that an unchanged text is not made again, and its size not summed up. 0 or -errno;
 * -ENODATA: bodies are needed that were dropped (store_evicted_span). */
int transcript_size(struct transcripts *t, struct store_conn *conn, uint64_t ino,
		    const struct store_range *range, uint64_t version, int64_t *ret_size);
/* Counts a reader; for the first one the text is made. -ENODATA as above. */
int transcript_hold(struct transcripts *t, struct store_conn *conn, uint64_t ino,
		    const struct store_range *range, uint64_t version);
void transcript_release(struct transcripts *t, uint64_t ino);
/* *ret_size is its size; ret_size may be NULL. */
bool transcript_is_open(struct transcripts *t, uint64_t ino, int64_t *ret_size);
/* True if any transcript of the room is open. */
bool transcript_is_open_of(struct transcripts *t, int64_t room);
/* Bytes copied; 0 past the end; -errno. The transcript must be held. */
ssize_t transcript_read(struct transcripts *t, uint64_t ino, void *buf, size_t len,
			int64_t offset);

/* Appends what happened to message `m` to the open transcripts of its room that have the
 * message in their range, and adds the node ids of those to `grown` (of uint64_t). */
void transcript_append(struct transcripts *t, enum store_change_type type,
		       const struct store_message *m, int64_t now_wall_ms, GArray *grown);
