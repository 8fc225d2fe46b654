/* SPDX-License-Identifier: MIT */
/*
 * What a letter says, in whatever form it was written: so `post.json` with nothing but a text is
 * compared with messages, and with other letters, like the same text in `post`. Pure; any thread.
 */
#pragma once

#include <stdbool.h>

struct outbox_letter;
struct webex_message;

/* Owns its strings. */
struct said {
	char *text, *markdown;
};

/* False if no message can be recognised by it: raw JSON with a card, a file by its URL, or a field
 * that is not known here. For a file: what goes with it; the file is compared by its name. */
bool said_by(const struct outbox_letter *l, struct said *ret_said);
void said_clear(struct said *said);
/* What said_by() returns. */
bool said_is_comparable(const struct outbox_letter *l);
/* True if the message says that. The thread is not compared. */
bool said_is_in(const struct said *said, const struct webex_message *m);
/* True if a message that one letter became says what the other does. The thread is not compared (thread.h). */
bool said_is_same(const struct outbox_letter *a, const struct outbox_letter *b);
/* True if the letter says something that the server is known to write in another way. */
bool said_may_change(const struct outbox_letter *l);
