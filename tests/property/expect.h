/* SPDX-License-Identifier: MIT */
/* How a message of the server must look as a file. */
#pragma once

#include "model.h"
#include "mount.h"

/* Checks a listed message. `is_exact`: it must be as it is now; else as it was at some time,
 * since nobody may have told of a change. */
void expect_listed(const struct truth *t, const struct listed *l, bool is_exact);
/* True if its text was dropped and the server now gives it in an unusable form. */
bool is_lost(int64_t row);
/*
 * Checks that the transcript has these messages in this order, as they are stored. False if the
 * store has changed since `generation`, when they were listed, because texts came back and
 * brought news.
 */
bool expect_transcript(uint64_t ino, const GPtrArray *truths, uint64_t generation);
