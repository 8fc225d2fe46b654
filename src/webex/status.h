/* SPDX-License-Identifier: MIT */
/*
 * HTTP status to errno: the one table of design 2.5, tested row by row (statuses: webex-api.md
 * 1.7). Pure; any thread.
 */
#pragma once

#include "http/loop.h"

/*
 * 0 for 2xx; otherwise a negative errno. 408 and 504 are time-outs, 413 is EFBIG; what the
 * table does not name is EIO. `message` is the server's text (may be NULL): a 400 whose text
 * says that the message is too long or the payload too big is -EFBIG. The meaning depends on
 * the method: a conflict (409) is EEXIST for a POST, which was to create something, and EBUSY
 * for all others; a DELETE of what is gone (410) is ENOENT.
 */
int webex_status_errno(enum http_method method, int status, const char *message);
