/* SPDX-License-Identifier: MIT */
/*
 * Makes text of others fit to be shown in the log, in last-error, in a transcript and on a
 * terminal. Pure; any thread.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * `text` (any bytes, NULL is "") as one line of valid UTF-8: white space and control characters
 * become single spaces, none at the ends; other unsafe characters become U+FFFD; cut at a
 * character to at most `max` bytes. Owned (g_free), never NULL.
 */
char *webex_text_line(const char *text, size_t max);

/* Appends `text` with "\r\n" as line ends, and with U+FFFD for bytes that are no UTF-8 and for the
 * characters of char_is_unsafe() other than newline and tab. False: some were replaced. */
bool webex_text_clean(const char *text, GString *out);
/* True if that leaves the first `len` bytes, up to the end, as they are. */
bool webex_text_is_clean(const char *text, size_t len);

/* How many of the first `max` bytes of `text`, valid UTF-8, are whole characters. */
size_t webex_text_cut(const char *text, size_t len, size_t max);
