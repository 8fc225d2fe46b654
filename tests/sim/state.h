/* SPDX-License-Identifier: MIT */
/*
 * --state FILE: what a restart does not lose. Rooms without a team, their members, messages and
 * files; of people only who is there at every start. Everything else begins anew.
 *
 * A line a room, followed by a line for each of its messages, oldest first, all JSON.
 */
#pragma once

#include "data.h"

/* Both: 0 or -errno, -EBADMSG for a file that is no such. No file is no state. */
int state_load(struct sim *sim, const char *path);
/* Complete when it appears. After the server has stopped. */
int state_save(const struct sim *sim, const char *path);
