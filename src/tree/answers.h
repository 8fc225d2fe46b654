/* SPDX-License-Identifier: MIT */
/*
 * What the server answered to requests that somebody made by a file: a request of api/, a card that was
 * submitted. `.sparkfs/last-answer` shows it, as last-error shows what was refused (base/log.h): what a
 * session was answered is what its processes read for ANSWER_OWN_MS; after that they read the newest of all.
 *
 * One answer is kept for each of the last ANSWERS_MAX sessions, in memory alone.
 * Thread rule: any thread. Lock: answers.lock, under which nothing is called.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/clock.h"

#define ANSWER_OWN_MS 60000
#define ANSWERS_MAX 16
/* Of a longer one is said how long it was, as a JSON object. */
#define ANSWER_MAX_BYTES (1024 * 1024)

struct answers;

/* `clock` is borrowed. */
struct answers *answers_new(const struct clock *clock);
void answers_free(struct answers **a);

/*
 * Keeps a copy of `text` as the answer to `session` (base/session.h: taken when it asked, since it may have
 * ended by now; 0: unknown, so it is everybody's). A newline is added where the last one is missing; len 0:
 * the server answered without words.
 */
void answers_put(struct answers *a, pid_t session, const char *text, size_t len);
/* Appends the answer that a process of `session` is to see (0: unknown), or nothing if there was none. */
void answers_show(struct answers *a, pid_t session, GString *out);
