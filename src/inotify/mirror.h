/* SPDX-License-Identifier: MIT */
/*
 * -o inotify. The kernel tells programs that watch a directory only of what is done to its
 * files through the mount. So when something changed at the server, a process of ours, the
 * helper, does to the mount what would have made this change, and we answer as if it was done:
 *
 *     cache thread                 mirror's thread            the helper        FUSE workers
 *     on_changes: an act
 *       (notifier: kernel told) -> take_told: the oldest
 *                                  expect it; send it ------> openat(O_EXCL) -> LOOKUP: none
 *                                                                               CREATE: here it is
 *                                  forget it <--------------- done
 *
 *  1. Nothing of this reaches the server: each change that the helper requests is answered here
 *     (answer.c, which wraps the table of operations), never by the layers below. By the time
 *     that the helper follows its path, the path may lead to something else. So a request that
 *     is not the one expected act, by operation, node and name, is refused (-EPERM), also when
 *     no act is expected and when the act is done already.
 *  2. Only the helper gets these answers. It is known by its process number (it has one
 *     thread). The number is set before the helper gets its first act and unset after the
 *     helper has ended but before it is reaped, so that no other process has the number
 *     meanwhile.
 *  3. The kernel itself has told of changes that are made through this mount (rm, mkdir, touch
 *     members/x), so these are not repeated.
 *  4. The helper has nothing open in the mount between two acts. It is started when the first
 *     act comes and ends with its socket. If it dies it is started again, but only a few times.
 *  5. The mirror's thread waits for the helper without a limit, since the helper waits at most
 *     for a directory's lock, and so for a request that will be answered.
 *  6. Acts are done in the order of the changes, whatever the order in which the notifier ends
 *     its waits.
 *  7. The mount is in use while somebody watches something in it (watchers.h). A request of the
 *     helper is nobody's use: else a busy space would keep the mount awake for ever.
 *
 * Thread rule: as said at each. Lock: mirror.lock guards what is expected and what is to be done;
 * nothing is called under it.
 */
#pragma once

#include "fs/session.h"

/* The fs_config.above for -o inotify. `start` is -ENOSYS if the kernel does not tell the device
 * of the mount. */
extern const struct fs_above mirror_above;
