/* SPDX-License-Identifier: MIT */
/*
 * Changes whose letter names a local file: a child reads it first (outbox/local_file.h), and
 * the request waits like a submitted change.
 */
#pragma once

#include "outbox/local_file.h"
#include "fs/op.h"

/* The caller of the request, with whose rights and from whose root directory a file that it
 * names is read. Owned. FUSE worker or cache thread, before the answer. */
struct local_caller *local_caller_of(const struct op *op);
/* Called before OP_SUBMIT is returned, when op->plan and op->submit are set: if the plan's
 * letter names a file, that file is read first, and then op->submit is called. If it cannot be
 * read, a letter of unsent/ and a scratch file stay what they are; another letter goes to
 * unsent/. While a rename waits, the kernel keeps directories locked, and nobody behind the
 * lock can be killed, perhaps the child itself: so a rename waits no longer than a look-up. */
void local_first(struct op *op);
/* The same where nobody waits, as after the last close; then the letter is sent. Adopts the
 * letter. FUSE worker. */
void local_send_late(struct fs *fs, struct outbox_letter *letter);
