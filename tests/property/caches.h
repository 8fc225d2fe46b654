/* SPDX-License-Identifier: MIT */
/*
 * A model of the kernel's caches: listings, names and attributes of answers, kept as long as
 * the answers allow, until the kernel is told to forget them. At each moment they must equal
 * what the tree would say.
 */
#pragma once

#include <stdint.h>

#include "mount.h"

void caches_start(void);
void caches_stop(void);
/* Keeps the answer of an operation. */
void caches_learn(const struct op *op);
void caches_forget_inode(uint64_t ino);
void caches_forget_name(uint64_t dir, const char *name);
void caches_forget_all(void);
/* Ends the program if anything is stale. */
void caches_check(void);
