/* SPDX-License-Identifier: MIT */
/* The only source of chance: the same seed gives the same run. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

void dice_seed(uint64_t seed);
/* 0 .. n-1; 0 for n < 1. */
int64_t dice(int64_t n);
/* lo .. hi */
int64_t dice_between(int64_t lo, int64_t hi);
/* True in so many of a hundred cases. */
bool dice_percent(int percent);
