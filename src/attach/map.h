/* SPDX-License-Identifier: MIT */
/*
 * Which bytes of a content are in its file, as the text of its map:
 *
 *     sparkfs-content 1
 *     length 1234            (-1: not known)
 *     known 0 1000
 *
 * Pure, fuzzed; any thread.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "attach/ranges.h"

/*
 * Adds the ranges to *known, which is empty; `bytes` is the size of the file. False: this is no map, or
 * one that cannot be true for this file; then *ret_length and *known mean nothing, and *known is to be
 * cleared all the same.
 */
bool content_map_parse(const char *text, int64_t bytes, int64_t *ret_length,
		       struct ranges *known);
/* Makes the text. */
GString *content_map_print(int64_t length, const struct ranges *known);
