/* SPDX-License-Identifier: MIT */
/*
 * Link header fields (RFC 8288; webex-api.md 2.1, 2.3). Pure, fuzzed; any thread.
 */
#pragma once

/*
 * The target of the first link of `value` whose rel is (or contains) "next", however many
 * links are in it, whatever the order, case and quoting of parameters, whatever valueless
 * query parameters the target has. `value` may be several fields joined by ", ". Owned
 * (g_free); NULL if there is none, if the field is malformed, or if the target is longer than
 * 8192 bytes or has control characters or spaces.
 */
char *http_link_next(const char *value);
