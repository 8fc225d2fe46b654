/* SPDX-License-Identifier: MIT */
/*
 * Webhooks (webex-api.md 5.9). Threads and errors as in store.h, which includes this.
 *
 * A webhook has a secret, by which its receiver knows that a call comes from the service. The store keeps it
 * with the rest of the object, as the account's own folder keeps messages: the file is 0600, and what is
 * shown has the secret also without network. The row of one that is gone keeps nothing of the object.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "webex/model.h"

struct store;
struct store_conn;

struct store_webhook {
	int64_t rowid;
	char *name; /* of its file, without ".json"; of a tombstone the last one */
	bool gone;
	/* When it changed last, as far as is known here: the service tells no time of it. -1: never */
	int64_t changed_ms;
	struct webex_webhook w;
};
void store_webhook_clear(struct store_webhook *h);

/* Finds tombstones, too: ret_hook->gone. */
int store_webhook_get(struct store_conn *c, int64_t rowid, struct store_webhook *ret_hook);
/* `name`: as in struct store_webhook. These find no tombstones. */
int store_webhook_by_name(struct store_conn *c, const char *name,
			  struct store_webhook *ret_hook);
/* The one whose name is the same to a person (name_key()). */
int store_webhook_by_key(struct store_conn *c, const char *name,
			 struct store_webhook *ret_hook);
int store_webhook_list(struct store_conn *c, int64_t after,
		       bool (*fn)(void *arg, const struct store_webhook *hook), void *arg);
/* When they were last listed completely; -1: never. And the time of the newest change of any. */
int64_t store_webhooks_listed_ms(struct store_conn *c);
int64_t store_webhooks_changed_ms(struct store_conn *c);

/*
 * Keeps webhooks (of struct webex_webhook). If ret_missing is not NULL, `hooks` is the complete list: its
 * time is kept, and ret_missing gets the rows of those that it lacks, rising, but for those with a pin that
 * lasts beyond `now_wall_ms`. Nothing is removed.
 */
int store_apply_webhooks(struct store *s, GPtrArray *hooks, GArray *ret_missing,
			 int64_t now_wall_ms, GPtrArray *changes);
/* Until then a list without the webhook, which was made here, does not make it missing. */
int store_pin_webhook(struct store *s, int64_t rowid, int64_t until_wall_ms);
/* Removes it, unless it has a pin that lasts beyond `now_wall_ms`: 0, too. */
int store_remove_webhook(struct store *s, int64_t rowid, int64_t now_wall_ms,
			 GPtrArray *changes);
