/* SPDX-License-Identifier: MIT */
/*
 * Content-Range header fields (RFC 9110, 14.4). Pure, fuzzed; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Parses "bytes 0-499/1234". *ret_first is the first byte of the part, *ret_total the length of the
 * whole; each is -1 where the field has a star for it. False, and both -1: the field is missing (NULL)
 * or malformed, or says what cannot be (a part that ends before it begins or behind the whole).
 */
bool http_content_range(const char *value, int64_t *ret_first, int64_t *ret_total);
