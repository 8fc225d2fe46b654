/* SPDX-License-Identifier: MIT */
/*
 * -o inotify. The kernel tells those who watch a directory of what is done to its files through
 * the mount, and of nothing else. So a process of ours does to the mount what the change of the
 * server would have taken, and we answer as if it had been done:
 *
 *     cache thread                 mirror's thread            the helper        FUSE workers
 *     on_changes: an act
 *       (notifier: kernel told) -> take_told: the oldest
 *                                  expect it; send it ------> openat(O_EXCL) -> LOOKUP: none
 *                                                                               CREATE: here it is
 *                                  forget it <--------------- done
 *
 *  1. Nothing of it reaches the server: whatever the helper asks to have changed is answered here
 *     (answer.c, which wraps the table of operations), none of it by what stands below. Its path may mean
 *     something else by the time that it follows it: what is not the one expected act, by
 *     operation, node and name, is refused (-EPERM), also when none is expected and when it is
 *     done already.
 *  2. Only the helper gets these answers: by the number of its process (its one thread is the main
 *     one). That is set before the helper gets its first act, and taken back when the helper has
 *     ended and before it is waited for, so that it is nobody else's meanwhile.
 *  3. What somebody does here by himself (rm, mkdir, touch members/x) the kernel has told of.
 *  4. The helper holds nothing open in the mount between two acts. It ends with its socket, and is
 *     started when the first act comes. One that died is started again, not for ever.
 *  5. The thread waits for the helper as long as it takes: who waits for a directory's lock waits
 *     for a request that somebody will answer.
 *  6. Acts are done in the order of the changes, whatever order the notifier ends its waits in.
 *
 * Thread rule: as said at each. Lock: mirror.lock guards what is expected and what is to be done;
 * nothing is called under it.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "fs/session.h"

/* -o inotify: what fs_config.above is. `start` is -ENOSYS where the kernel does not say which
 * device the mount is. */
extern const struct fs_above mirror_above;
