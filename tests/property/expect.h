/* SPDX-License-Identifier: MIT */
/* How a message of the server must look as a file. */
#pragma once

#include "model.h"
#include "mount.h"

/* `is_exact`: as it is now; else as it was some time, since nobody told. */
void expect_listed(const struct truth *t, const struct listed *l, bool is_exact);
/* The transcript has these messages, in this order; as they are stored. */
void expect_transcript(uint64_t ino, const GPtrArray *truths);
