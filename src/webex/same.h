/* SPDX-License-Identifier: MIT */
/*
 * What was asked for beside what the server says it has. Servers write down what they are given in
 * a form of their own: it is the same trimmed, in NFC and with CRLF as LF. Pure; any thread.
 */
#pragma once

#include <stdbool.h>

/* NULL is "". */
bool webex_is_same_text(const char *a, const char *b);

/*
 * A change was asked for by `body` (JSON, an object). The name of its first field that `answer`
 * still has as `before` had it, and not as it was asked for; NULL: none, it was done. A field that
 * is absent, null, "" or false is the same. Owned (g_free).
 */
char *webex_unchanged_field(const char *body, const char *before, const char *answer);
