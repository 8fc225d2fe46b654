/* SPDX-License-Identifier: MIT */
/*
 * Attachments whose names another file is about to get. mv, cp --remove-destination, tar x and
 * their like unlink the file that they replace and then make the new one. The old attachment is
 * still a message, so it is not deleted: it is only hidden from the space and its files/ until
 * the new one is there, which makes it an older version.
 *
 *              replaced_hide            a newer one of the name is known (upload_is_newest)
 *     shown ----------------> hidden ---------------------------------------> an older version
 *       ^                       |
 *       +-----------------------+ replaced_show: the file that was being written under the name ended without
 *                                 one; or nobody wrote any for REPLACED_HIDE_MS
 *
 * Thread rule: replaced_hide on the cache thread, all else on any. Lock: replaced.lock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct tree;
struct replaced;

#define REPLACED_HIDE_MS 10000

struct replaced *replaced_new(struct tree *t);
/* After the cache queue was stopped. */
void replaced_free(struct replaced **r);

/* Hides the content `row` of space `room`, called `name` in `home`, where the other file is made
 * (upload_dir()). */
void replaced_hide(struct replaced *r, int64_t row, int64_t room, uint64_t home,
		   const char *name);
/* Shows it again, because no file of this name is being written there any more. */
void replaced_show(struct replaced *r, uint64_t home, const char *name);
bool replaced_is_hidden(struct replaced *r, int64_t row);
