/* SPDX-License-Identifier: MIT */
/*
 * What is delivered after the last close of its file, so that nobody waits for it. Until it has ended, a new
 * file keeps its name. Errors are in last-error, and what was written is in unsent/ then.
 * Thread rule: any thread.
 */
#pragma once

#include "fs/internal.h"
#include "tree/write.h"

/* Adopts the letter and, for a file, h->write, which is empty afterwards. */
void late_letter(struct fs *fs, struct handle *h, struct outbox_letter *letter);
/* The same for an object: adopts the plan and, for a new one, h->write. */
void late_object(struct fs *fs, struct handle *h, struct tree_plan *plan);
/* Ends what was written to a file that is being sent, or was. `tell`: the kernel must forget it, since the
 * server's version replaces it, or nothing does. */
void late_end(struct fs *fs, uint64_t ino, struct tree_write *w, bool tell);
