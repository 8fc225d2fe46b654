/* SPDX-License-Identifier: MIT */
/*
 * The table of unsent/: the letters that are listed, and for ten seconds those that were removed, since
 * `rm unsent/ *` removes a letter before its reason, and must still find that.
 *
 * Nothing here takes longer because there are many letters (but for the logarithm of their number).
 *
 * Thread rule: whoever holds the lock of the outbox.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "outbox/outbox.h"

struct outbox_entry {
	struct outbox_item item;
	char *key;	 /* name_key of item.name; owned */
	bool is_taken;	 /* it is being sent again */
	bool is_doubt;	 /* it may have arrived; never changes once it is in the table */
	int64_t gone_ms; /* entries.c; mono, when rm removed it */
	GList gone_link; /* entries.c */
};

struct outbox_entries;

struct outbox_entries *entries_new(void);
void entries_free(struct outbox_entries **table);

/* NULL if it is not listed. Borrowed until it is dropped, replaced or gone. */
struct outbox_entry *entries_find(const struct outbox_entries *t, int64_t n);
struct outbox_entry *entries_named(const struct outbox_entries *t, const char *name);
int entries_count(const struct outbox_entries *t);
int entries_count_doubts(const struct outbox_entries *t);
/* Lists it; frees the entry with its number. Adopts it. */
void entries_put(struct outbox_entries *t, struct outbox_entry *e);
/* Frees a listed one. */
void entries_drop(struct outbox_entries *t, struct outbox_entry *e);
/* The listed ones with number `from` and above, rising, until `fn` returns false. */
void entries_each(const struct outbox_entries *t, int64_t from,
		  bool (*fn)(void *arg, const struct outbox_entry *e), void *arg);
/* The listed ones of this size. */
void entries_of_size(const struct outbox_entries *t, int64_t size,
		     void (*fn)(void *arg, const struct outbox_entry *e), void *arg);

/* Takes a listed one off the list; its reason is found for a moment. now_ms: mono. */
void entries_set_gone(struct outbox_entries *t, struct outbox_entry *e, int64_t now_ms);
/* Drops one that is gone; false if there is none. */
bool entries_forget(struct outbox_entries *t, int64_t n);
/* The number of one that went within the last moment; 0 if there is none. */
int64_t entries_gone_named(struct outbox_entries *t, const char *name, int64_t now_ms);
