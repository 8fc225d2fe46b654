/* SPDX-License-Identifier: MIT */
/* How a message of the server must look as a file. */
#pragma once

#include "model.h"
#include "mount.h"

/* `is_exact`: as it is now; else as it was some time, since nobody told. */
void expect_listed(const struct truth *t, const struct listed *l, bool is_exact);
/* Its text was dropped, and now the server gives it in a form that nobody can use. */
bool is_lost(int64_t row);
/*
 * The transcript has these messages, in this order; as they are stored. False if the store moved on
 * from `generation`, of when they were listed: texts came back for it, and brought news.
 */
bool expect_transcript(uint64_t ino, const GPtrArray *truths, uint64_t generation);
