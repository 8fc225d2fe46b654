/* SPDX-License-Identifier: MIT */
/* For tests of op.c: a file system without a mount. Its queue, its store (in memory) and its pager are
 * real; the rest of what op.c calls is played by op_kit.h. */
#pragma once

#include "fs/op.h"

struct fs *new_world(int soft_wait_ms, int lookup_timeout_ms);
/* Ends what waits in it, as an unmount does, and frees it, with its loop and its copies. */
void end_world(struct fs *fs);
/* Only ends what waits. An item of its queue; `arg` is the world. */
void shut_world(void *arg);
