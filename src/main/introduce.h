/* SPDX-License-Identifier: MIT */
/*
 * Notes in the store to whom it belongs, and makes a row for the account's owner.
 * Thread rule: the main thread; waits for the cache thread, the only one that writes.
 */
#pragma once

#include "base/work.h"
#include "main/account.h"
#include "store/store.h"

/*
 * `me` is the server's answer, NULL if it was not reached. 0 and the rowid of the owner's
 * person, or -errno and one line in *ret_reason (owned); -EEXIST: the store belongs to another
 * person.
 */
int introduce_owner(struct store *store, struct work_queue *cache_queue,
		    const struct account_owner *owner, const struct webex_person *me,
		    int64_t *ret_person, char **ret_reason);
