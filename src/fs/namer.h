/* SPDX-License-Identifier: MIT */
/*
 * A message that is nothing but a file says in its text what the file is called, once that is known.
 * Its size is another then, so it waits until nobody has the message open. Thread rule: namer_opened,
 * namer_closed: any thread; namer_named: the cache thread. Lock: namer.lock; nothing is called under
 * it.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

#include "base/work.h"

struct namer;

/* `show` is called on the cache thread for a message that nobody has open. */
struct namer *namer_new(struct work_queue *queue, void (*show)(void *arg, int64_t message),
			void *arg);
/* After the queue was stopped. */
void namer_free(struct namer **n);

/* The message is opened for reading, and closed. */
void namer_opened(struct namer *n, int64_t message);
void namer_closed(struct namer *n, int64_t message);
/* A file of the message has got its name. */
void namer_named(struct namer *n, int64_t message);
