/* SPDX-License-Identifier: MIT */
/*
 * Which process holds which directory open: a process that unlinks in a directory it holds open
 * is walking it (rm -r, mv, find -delete, shutil.rmtree), and recursive deletion is refused
 * (design 2.4). Some programs list everything first, close it, and delete then: what they do
 * looks like `xargs rm`, so they are known by name (guard_lists_first). Thread rule: any thread.
 * Lock: guard.lock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct guard;

struct guard *guard_new(void);
void guard_free(struct guard **g);
/* `tgid` 0 (not known) is not noted. */
void guard_opened(struct guard *g, uint64_t dir, pid_t tgid);
void guard_closed(struct guard *g, uint64_t dir, pid_t tgid);
/* may_wait: a little, for a close that is on its way. */
bool guard_holds(struct guard *g, uint64_t dir, pid_t tgid, bool may_wait);
/* Has opened a directory here, one of the last GUARD_READERS processes that did. */
#define GUARD_READERS 256
bool guard_has_read(struct guard *g, pid_t tgid);
/* A program that deletes what it has listed before: `git clean`, `rsync --delete`,
 * `rsync --remove-source-files`, `tar --remove-files`. `comm` is its name. */
bool guard_lists_first(const char *comm);
