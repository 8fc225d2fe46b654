/* SPDX-License-Identifier: MIT */
/* Compares a listing of messages with the model. */
#pragma once

#include <glib.h>
#include <stdint.h>

#include "model.h"
#include "mount.h"

/* The messages of a listing, in its order; each at most once; those above `exact_ms` as they are now. */
GPtrArray *listing_truths(const struct op *op, int64_t room, int64_t exact_ms);
/* Checks that the listing has all messages between the two times. */
void listing_complete(const struct model_room *room, const GPtrArray *truths, int64_t lo,
		      int64_t hi);
/* Reads some of the listed files. */
void listing_files(const struct op *op);
