/* SPDX-License-Identifier: MIT */
/*
 * Sizes of messages belong to a version of the text's form (WEBEX_TEXT_FORM, webex/render.h). The
 * sizes of a row that an older form wrote are unknown until something finds them:
 *
 *     known  -- the form changes ------------------------------>  unknown
 *     known  <- store_renew_sizes(), store_evict(), or anything    unknown
 *               that writes the row again: an edit, a page of a
 *               sweep, the body that comes back
 *
 * A body that was dropped is not fetched for this here: whoever tells a size does that.
 */
#pragma once

struct store;

/* Finds the sizes of the next `slice` messages, where they have a body. 1: there is more to do; 0: all
 * is done; -errno. Writer only. */
int store_renew_sizes(struct store *s, int slice);
