/* SPDX-License-Identifier: MIT */
/*
 * transcript.log: the messages of a range as one text (design 2.2): those that a space lists, or
 * those of a month. A transcript is known by the node id of its file. While anybody has it open
 * it only grows: a new message, an edit, a deletion append; `tail -f` follows. The first open
 * after the last close writes it anew. Thread rule: any thread. Lock: transcripts.lock; the
 * store is read before it is taken, never under it.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

struct transcripts;

struct transcripts *transcripts_new(void);
void transcripts_free(struct transcripts **t);

/* Bytes of the transcript as an open would see it: of the open one, or made anew from `conn`
 * (`range` as of a listing; `generation` of the store as it was before `conn`'s snapshot, so
 * that an unchanged one is not made again; 0: not known). 0 or -errno; -ENODATA: that takes
 * texts that were dropped (store_evicted_span). */
int transcript_size(struct transcripts *t, struct store_conn *conn, uint64_t ino,
		    const struct store_range *range, uint64_t generation, int64_t *ret_size);
/* Counts a reader; the first one makes the text. -ENODATA as above. */
int transcript_hold(struct transcripts *t, struct store_conn *conn, uint64_t ino,
		    const struct store_range *range, uint64_t generation);
void transcript_release(struct transcripts *t, uint64_t ino);
/* And how long it is; ret_size may be NULL. */
bool transcript_is_open(struct transcripts *t, uint64_t ino, int64_t *ret_size);
/* Any of that room. */
bool transcript_is_open_of(struct transcripts *t, int64_t room);
/* Bytes copied; 0 past the end. The transcript must be held. */
size_t transcript_read(struct transcripts *t, uint64_t ino, void *buf, size_t len,
		       int64_t offset);

/* Something happened in m->room: appends to those of its transcripts that are open and that the
 * message is in, and adds the ids of those that grew to `grown` (of uint64_t). */
void transcript_append(struct transcripts *t, enum store_change_type type,
		       const struct store_message *m, int64_t now_wall_ms, GArray *grown);
