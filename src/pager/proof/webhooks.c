/* SPDX-License-Identifier: MIT */
/*
 * Proof of webhooks (proof.h has the states): there is one list of them, of no space, and a GET by its id
 * proves that one is gone. So each that a list lacks is asked for.
 */
#include <errno.h>

#include "pager/proof/internal.h"

static struct store *store_of(const struct thing *t)
{
	return pager_get_config(t->proof->pager)->store;
}

void proof_webhooks_listed(struct proof *p, const GArray *missing)
{
	g_autoptr(GPtrArray) listed = g_ptr_array_new();
	GHashTableIter iter;
	gpointer value;

	if (p->is_stopped)
		return;
	g_hash_table_iter_init(&iter, p->things);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct thing *t = value;

		if (t->kind == PROOF_WEBHOOK && t->state == DOUBTED &&
		    !proof_has_row(missing, t->row))
			g_ptr_array_add(listed, t);
	}
	for (guint i = 0; i < listed->len; i++)
		proof_drop(listed->pdata[i], PROOF_THERE);
	for (guint i = 0; i < missing->len; i++)
		proof_doubt(p, PROOF_WEBHOOK, g_array_index(missing, int64_t, i), 0);
	proof_pump(p);
}

static int get(const struct thing *t, struct store_webhook *ret_hook)
{
	struct store_conn *conn;
	int r = store_read_begin(store_of(t), &conn);

	if (r)
		return r;
	r = store_webhook_get(conn, t->row, ret_hook);
	store_read_end(conn);
	return r;
}

int proof_load_webhook(const struct thing *t, char **ret_id)
{
	struct store_webhook hook = {0};
	int r = get(t, &hook);

	if (r == 0 && !hook.gone)
		*ret_id = g_steal_pointer(&hook.w.id);
	store_webhook_clear(&hook);
	return r == -ENOENT ? 0 : r;
}

int proof_keep_webhook(const struct thing *t, const struct webex_reply *reply,
		       GPtrArray *changes)
{
	const struct pager_config *c = pager_get_config(t->proof->pager);

	return store_apply_webhooks(c->store, reply->items, NULL, clock_wall(c->clock),
				    changes);
}

int proof_forget_webhook(const struct thing *t, int64_t now_wall_ms, GPtrArray *changes)
{
	const struct need list = {.kind = NEED_WEBHOOKS};
	int r;

	/* A list under way may still have it. */
	pager_touch(t->proof->pager, &list);
	r = store_remove_webhook(store_of(t), t->row, now_wall_ms, changes);
	return r == -ENOENT ? 0 : r;
}

bool proof_is_webhook_live(const struct thing *t)
{
	struct store_webhook hook = {.gone = true};
	bool is = get(t, &hook) == 0 && !hook.gone;

	store_webhook_clear(&hook);
	return is;
}

void proof_unpin_webhook(const struct thing *t)
{
	store_pin_webhook(store_of(t), t->row, 0);
}
