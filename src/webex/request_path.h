/* SPDX-License-Identifier: MIT */
/*
 * The path and query of a request that a person typed, made one that cannot lead out of the API's root
 * (webex-api.md 1.1): `people/me`, `rooms?type=group`.
 *
 *  1. It has at most one '?'. What stands before it are segments with single '/' between them; one '/' may
 *     stand before the first. No segment is empty, "." or "..", however it is written.
 *  2. %XX stands for a byte. In a segment it stands for no '/', '\', '%' or control character, since servers
 *     and what is before them may read the path once more than we do.
 *  3. '#', '\', control characters and what is no UTF-8 are refused everywhere.
 *  4. What else a URL cannot have as it is, is percent-encoded. What the query has encoded stays as it is.
 *     A query without anything is none.
 * Pure, fuzzed; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define REQUEST_PATH_MAX 8000

/*
 * 0 and "/people/me?callingData=true" (owned, g_free). -EINVAL, or -ENAMETOOLONG above REQUEST_PATH_MAX bytes,
 * with the reason for a person: static words that follow "PATH: ".
 */
int request_path_make(const char *typed, char **ret_path, const char **ret_why);

/* True if its query has that key, with or without a value. */
bool request_path_has_key(const char *path, const char *key);
