/* SPDX-License-Identifier: MIT */
/*
 * The store learns whose it is, and the account's owner gets a row in it.
 * Thread rule: the main thread; waits for the cache thread, the only one that writes.
 */
#pragma once

#include "base/work.h"
#include "main/account.h"
#include "store/store.h"

/*
 * `me` is what the server said, NULL if it was not reached. 0 and the rowid of the owner's
 * person, or -errno and one line in *ret_reason (owned); -EEXIST: the store is another
 * person's.
 */
int introduce_owner(struct store *store, struct work_queue *cache_queue,
		    const struct account_owner *owner, const struct webex_person *me,
		    int64_t *ret_person, char **ret_reason);
