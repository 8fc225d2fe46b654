/* SPDX-License-Identifier: MIT */
/*
 * To which thread a letter goes. A letter, an answer and a list may write the id of its root in different
 * notations, and raw JSON may name a reply instead: the service refuses that (webex-api.md 6.5), another
 * server may put the message under the root of that reply.
 * Thread rule: any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct outbox;
struct outbox_letter;

/* Owns its strings. */
struct thread {
	char *id; /* what the letter names; NULL: it goes to the space itself */
	/* The root of that; the same as `id` unless the store knows that as a reply. */
	char *root;
	/* The store knows it. Otherwise it may be a reply to a root that nobody knows. */
	bool is_certain;
	int64_t row; /* of the thread in the store; 0: nobody has replied yet, as far as is known */
};

void thread_of(const struct outbox *o, const struct outbox_letter *l,
	       struct thread *ret_thread);
void thread_clear(struct thread *t);

enum thread_fit { THREAD_IS_ANOTHER, THREAD_IS_UNSURE, THREAD_FITS };

/* Whether a message with this parentId (NULL: none) is in the thread. */
enum thread_fit thread_fits(const struct thread *t, const char *parent_id);
/* True if messages of the two letters may come to stand in one thread, or both in the space itself. */
bool thread_may_be_same(const struct outbox *o, const struct outbox_letter *a,
			const struct outbox_letter *b);
