/* SPDX-License-Identifier: MIT */
/*
 * Which errors a person is told of in .sparkfs/last-error, and in which words.
 *
 * An operation that is refused carries its words (tree_refuse in tree/tree.h), and op_reply() makes
 * them the last error. Where nobody gave words, the errno has general ones here, so that no error
 * of ours is without any. Errors that say nothing of a refusal have none and leave the last error
 * as it is:
 *
 *  - what programs ask to find out how things are: ENOENT, ESTALE, EEXIST, ENOTDIR, EISDIR, EXDEV;
 *  - a call that this file system does not have: ENOSYS, EOPNOTSUPP (cp -a and tar try attributes
 *    and ACLs, rsync and glibc try fallocate, and go on without);
 *  - an operation that was not carried out, but not refused either: EINTR, EAGAIN, ESHUTDOWN at
 *    unmount, EBADF.
 *
 * With words those are told, too (an edit of a message that was deleted meanwhile is ENOENT), but
 * EINTR, EAGAIN and ESHUTDOWN never.
 * Pure; any thread.
 */
#pragma once

#include <stdbool.h>

/* False for what is never told, whatever words there are. */
bool why_is_told(int error);
/* What a person is told of this -errno; NULL: nothing. */
const char *why_words(int error);
