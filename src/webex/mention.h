/* SPDX-License-Identifier: MIT */
/* Mentions, as the server gives them and as an author writes them (webex-api.md 6.3). Internal to
 * webex. Pure; any thread. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/*
 * Appends the beginning of the mention whose <spark-mention ...> is [tag, end): "<@personId:ID|",
 * which wants a name and '>', or "<@all>", which is complete. False: it cannot be written so.
 */
bool mention_head(GString *out, const char *tag, const char *end);

enum mention_form {
	MENTION_SOURCE, /* as in the Markdown that an author writes */
	MENTION_NAME,	/* the name alone, as in the server's text */
};
/* Appends `markdown` with its mentions in another form; what is of no such form stays as it is. */
void mention_rewrite(GString *out, const char *markdown, enum mention_form form);
