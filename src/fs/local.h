/* SPDX-License-Identifier: MIT */
/*
 * Changes whose letter names a file of this machine: that is read first, by a child (outbox/local_file.h),
 * while the request waits as a submitted change does.
 */
#pragma once

#include "outbox/local_file.h"
#include "fs/op.h"

/* With whose rights, and from whose root directory, a file is read that the request names. Owned. FUSE worker or cache thread, before
 * the answer. */
struct local_caller *local_caller_of(const struct op *op);
/* Before OP_SUBMIT is returned, once op->plan and op->submit are set: if the plan's letter names a
 * file, that is read first, and op->submit goes on from there. If it cannot be read, what is a
 * letter of unsent/ or a scratch file stays that, another letter goes to unsent/. A rename keeps
 * directories locked meanwhile, behind which nobody can be killed, maybe the child itself: it waits
 * no longer than a look-up. */
void local_first(struct op *op);
/* Whoever closed it is gone: the same, and then the letter is sent. Adopts the letter. FUSE worker. */
void local_send_late(struct fs *fs, struct outbox_letter *letter);
