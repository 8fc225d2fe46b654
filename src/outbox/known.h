/* SPDX-License-Identifier: MIT */
/*
 * What the server is known to refuse, so that the open of a file can say it, before anything is
 * typed: a shell shows the error of an open and hides that of a close.
 *
 *  - A message can be edited ten times (webex-api.md 3). Edits from here are counted; a refusal
 *    in the words of that limit counts as ten. The count does not outlive the mount: after that
 *    the close says it once.
 *  - An address that the server has just said nobody has (404 to a post), for KNOWN_NOBODY_MS.
 *
 * Thread rule: any thread. Lock: known.lock, under which nothing is called.
 */
#pragma once

#include <glib.h>

#include "base/clock.h"
#include "outbox/outbox.h"

#define KNOWN_EDITS_MAX 10
#define KNOWN_NOBODY_MS 600000
/* So many messages and addresses are remembered; with more all are forgotten. */
#define KNOWN_MAX 10000

struct known;

/* The clock is borrowed. */
struct known *known_new(const struct clock *clock);
void known_free(struct known **k);
/* The server has the letter. */
void known_delivered(struct known *k, const struct outbox_letter *l);
/* The server refused the letter with this status and these words (may be NULL). */
void known_refused(struct known *k, const struct outbox_letter *l, int status,
		   const char *words);
/* 0, or the -errno that a letter to the address, or an edit of the message, would end with. Either
 * may be NULL. */
int known_error(struct known *k, const char *message_id, const char *email);
