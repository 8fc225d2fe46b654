/* SPDX-License-Identifier: MIT */
/*
 * Something of which there is so much and no more (bytes, places), shared among callers that a
 * number tells apart: processes, sessions. A caller may hold at most as much as is left for the
 * others. So one alone gets half of it, two get a third each, and whoever comes anew finds
 * something, however much those want who came before.
 * Thread rule: any thread. Lock: the share's, under which nothing is called.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct share;

struct share *share_new(int64_t all);
/* NULL may be freed. */
void share_free(struct share **s);
/* True if `who` got `n` more; nothing was taken else. */
bool share_take(struct share *s, uint64_t who, int64_t n);
/* Gives back what share_take() gave. */
void share_give(struct share *s, uint64_t who, int64_t n);
/* How much all of them hold. */
int64_t share_held(struct share *s);
