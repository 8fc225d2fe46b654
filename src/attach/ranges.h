/* SPDX-License-Identifier: MIT */
/*
 * A set of bytes, as ranges [lo, hi) that neither touch nor overlap, in order. Pure; the owner's
 * lock guards it.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

struct range {
	int64_t lo, hi;
};

struct ranges {
	GArray *all; /* of struct range; NULL: none */
};

void ranges_clear(struct ranges *r);
/* Makes a copy. */
struct ranges ranges_copy(const struct ranges *r);
/* Adds [lo, hi), of which a part may be in the set. */
void ranges_add(struct ranges *r, int64_t lo, int64_t hi);
/* The first byte from `at` on that is not in it. */
int64_t ranges_end(const struct ranges *r, int64_t at);
/* The first byte from `at` on that is in it; INT64_MAX: none. */
int64_t ranges_next(const struct ranges *r, int64_t at);
guint ranges_count(const struct ranges *r);
struct range ranges_nth(const struct ranges *r, guint i);
