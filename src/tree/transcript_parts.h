/* SPDX-License-Identifier: MIT */
/*
 * A transcript of many messages, by parts: where each message stands in it is known from the sizes in
 * the store, so a read makes only what it asks for.
 *
 * Once the transcript is open its bytes must stay, whatever is edited, deleted or dropped later. So a
 * thread of its own (the keeper) holds a snapshot with the messages as they are, and makes the parts
 * from it. A snapshot keeps the store's log from being folded in, so it is not held for long:
 *
 *   SERVES  --- nobody has read for parts_quiet_ms, or PARTS_HELD_MS are over: starts the whole --> MAKES
 *   MAKES   --- the last message: gives the snapshot back -------------------------------------> WHOLE
 *   MAKES, SERVES  --- parts_stop(): gives the snapshot back ----------------------------------> the end
 *
 * In MAKES the thread serves reads between two slices. In WHOLE the text is in memory. Who looks only at
 * the end or the beginning of a long text, and closes it, never pays for the whole.
 *
 * Thread rule: any thread, where nothing else is said. The store is never read under a lock.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "store/texts.h"

#define PARTS_HELD_MS 30000
/* How long nobody has read when the whole is begun; a variable for tests. */
extern int64_t parts_quiet_ms;

/* The places of a text's messages. Never changes; counted references (g_atomic_rc_box_*). */
struct layout {
	struct store_range range;
	GArray *cookies; /* rising (int64_t) */
	GArray *ends;	 /* where each message ends in the text (int64_t) */
};

/* 0 or -errno; -ENODATA: a size is unknown, or a message has no body here. */
int layout_read(struct store_conn *conn, const struct store_range *range,
		struct layout **ret_layout);
/* The size of the text. */
int64_t layout_size(const struct layout *l);
void layout_unref(struct layout **l);

/* Adds a message to the text. */
void transcript_render(GString *out, const struct store_message *m);

struct parts;

/*
 * Starts the keeper of a text as `conn` sees it, which takes a reference to the layout. -ESTALE: it
 * cannot have that snapshot any more, or the store has none that lasts (in memory), or there are too many
 * keepers; -errno. The store of `conn`
 * must live until parts_stop().
 */
int parts_start(struct store_conn *conn, struct layout *l, struct parts **ret_parts);
/* Waits for the thread. Nobody may read any more. NULL is fine. */
void parts_stop(struct parts **p);
/* Reads within the text. The number of bytes, or -errno: -EIO if a message is not as long as the store
 * says, so that no wrong bytes are given. */
ssize_t parts_read(struct parts *p, void *buf, size_t len, int64_t offset);
/* How many messages were made into text, for tests. */
int64_t parts_rendered(void);
