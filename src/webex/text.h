/* SPDX-License-Identifier: MIT */
/*
 * Makes text of others fit to be shown in the log, in last-error, in a transcript and on a
 * terminal. Pure; any thread.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/* Characters that make a terminal act or text stand in another order: C0, DEL, C1,
 * bidirectional embeddings, overrides and isolates. Newline and tab count too. */
bool webex_char_is_unsafe(gunichar c);

/*
 * `text` (any bytes, NULL is "") as one line of valid UTF-8: white space and control characters
 * become single spaces, none at the ends; other unsafe characters become U+FFFD; cut at a
 * character to at most `max` bytes. Owned (g_free), never NULL.
 */
char *webex_text_line(const char *text, size_t max);

/* How many of the first `max` bytes of `text`, valid UTF-8, are whole characters. */
size_t webex_text_cut(const char *text, size_t len, size_t max);
