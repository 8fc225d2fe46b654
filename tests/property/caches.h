/* SPDX-License-Identifier: MIT */
/*
 * What the kernel remembers of answers, for as long as they said, until it is told to forget it: listings, names,
 * attributes. What it would answer from must at each moment be what the tree would say.
 */
#pragma once

#include <stdint.h>

#include "mount.h"

void caches_start(void);
void caches_stop(void);
/* An operation was answered. */
void caches_learn(const struct op *op);
void caches_forget_inode(uint64_t ino);
void caches_forget_name(uint64_t dir, const char *name);
void caches_forget_all(void);
/* Ends the program if anything is stale. */
void caches_check(void);
