/* SPDX-License-Identifier: MIT */
/*
 * Webhooks: one is made, changed, or deleted. Thread rule: cache thread.
 *
 *     POST --answer has it--> kept, with a pin
 *       | \--refused----------------> its words; unsent/ has what was written
 *       | no answer, or none that says what became of it
 *       v
 *     in doubt: nothing that is listed could tell one made by this try from another one. unsent/ has what
 *     was written, and webhooks/ is listed anew when somebody looks; nothing is sent again by itself
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "tree/submit.h"

/* So long a list without a webhook that was made here proves nothing (webex-api.md 7.4). */
#define PIN_MS 60000

static const struct need list = {.kind = NEED_WEBHOOKS};

static void publish(struct tree *t, GPtrArray *changes)
{
	if (changes->len && t->config.on_changes)
		t->config.on_changes(t->config.arg, changes);
	g_ptr_array_unref(changes);
}

/* Keeps what the answer has; *ret_row: the row of that webhook. */
static int keep(struct submission *s, const struct webex_reply *reply, int64_t *ret_row)
{
	struct tree *t = s->tree;
	GPtrArray *changes = store_changes_new();
	int r;

	pager_touch(t->config.pager, &list);
	r = store_apply_webhooks(t->config.store, reply->items, NULL,
				 clock_wall(t->config.clock), changes);
	for (guint i = 0; i < changes->len; i++) {
		const struct store_change *c = changes->pdata[i];

		if (c->type == STORE_WEBHOOK_ADDED)
			*ret_row = c->rowid;
	}
	if (r == 0 && *ret_row)
		store_pin_webhook(t->config.store, *ret_row,
				  clock_wall(t->config.clock) + PIN_MS);
	publish(t, changes);
	return r;
}

/* ---- making one ---- */

/* Adopts the line. */
static void say(struct submission *s, char *line)
{
	g_free(s->said);
	s->said = line;
	log_last_error("%s", s->said);
}

static void made(void *arg, struct webex_reply *reply)
{
	struct submission *s = arg;
	_cleanup_gfree_ char *words = webex_reply_words(reply);
	int64_t row = 0;
	int r = reply->error;

	if (r == 0 && reply->items->len)
		r = keep(s, reply, &row);
	if (r == 0 && row) {
		submission_finish(s, 0, tree_ino(TREE_WEBHOOK, row));
		return;
	}
	pager_touch(s->tree->config.pager, &list);
	pager_expire(s->tree->config.pager, &list);
	if (r == 0 || reply->may_have_applied)
		say(s, g_strdup_printf(
			       "in doubt: whether the webhook was made is not known (%s): look "
			       "in webhooks/ before you write it again; it is not sent again "
			       "by itself",
			       r ? words : "the server answered with another one"));
	else
		say(s, g_strdup_printf("the webhook was not made: %s", words));
	submission_finish(s, r ? r : -EIO, 0);
}

/* ---- changing ---- */

static void saved(void *arg, struct webex_reply *reply)
{
	struct submission *s = arg;
	int64_t row = s->plan.row;
	int r, stored = 0;

	if (submission_must_look(s, "webhook", reply, saved))
		return;
	r = submission_outcome(s, "webhook", reply);
	if (!reply->error && reply->items->len)
		stored = keep(s, reply, &row);
	else
		pager_expire(s->tree->config.pager, &list);
	submission_finish(s, r ? r : stored, tree_ino(TREE_WEBHOOK, s->plan.row));
}

/* ---- deleting ---- */

static void deleted(struct submission *s, int error)
{
	submission_finish(s, error, 0);
}

static void removed(void *arg, struct webex_reply *reply)
{
	struct submission *s = arg;
	struct tree *t = s->tree;
	GPtrArray *changes;
	int r;

	pager_touch(t->config.pager, &list);
	if (submission_must_prove(s, "rm", reply, PROOF_WEBHOOK, s->plan.row, deleted))
		return;
	r = submission_outcome_of_delete(s, "rm", reply);
	if (r == 0) {
		changes = store_changes_new();
		r = store_remove_webhook(t->config.store, s->plan.row, INT64_MAX, changes);
		publish(t, changes);
	}
	submission_finish(s, r == -ENOENT ? 0 : r, 0);
}

void webhook_submit(struct submission *s)
{
	struct webex_client *client = s->tree->config.client;

	if (s->plan.action == TREE_DO_MAKE_WEBHOOK)
		webex_create_webhook(client, s->plan.text, made, s);
	else if (s->plan.action == TREE_DO_UPDATE_WEBHOOK)
		webex_update_webhook(client, s->plan.id, s->plan.text, saved, s);
	else
		webex_delete_webhook(client, s->plan.id, removed, s);
}
