/* SPDX-License-Identifier: MIT */
/*
 * Compares what was asked for with what the server says it has. A server may store a text in a
 * form of its own, so texts are the same if they are equal when trimmed, in NFC, and with CRLF
 * as LF. Pure; any thread.
 */
#pragma once

#include <stdbool.h>

/* NULL is "". */
bool webex_is_same_text(const char *a, const char *b);

/*
 * `body` (a JSON object) asked for a change. Returns the name of its first field that has its
 * value of `before` still in `answer` and not the value that was asked for; NULL: the change
 * was done. Absent, null, "" and false count as equal. A secret that
 * the answer does not have counts as changed. Owned (g_free).
 */
char *webex_unchanged_field(const char *body, const char *before, const char *answer);
