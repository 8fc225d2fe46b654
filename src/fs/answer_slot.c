/* SPDX-License-Identifier: MIT */
#include "base/cleanup.h"
#include "fs/answers.h"
#include "fs/caller.h"
#include "fs/op.h"

/* ---- what a handle's reads give ---- */

void answer_slot_init(struct answer_slot *slot)
{
	pthread_mutex_init(&slot->lock, NULL);
}

void answer_slot_set(struct answer_slot *slot, struct asked *a, int error)
{
	struct asked *old;

	pthread_mutex_lock(&slot->lock);
	old = slot->now;
	slot->now = a ? asked_ref(a) : NULL;
	slot->error = error;
	pthread_mutex_unlock(&slot->lock);
	if (old)
		asked_leave(old);
	asked_unref(&old);
}

void answer_slot_clear(struct answer_slot *slot)
{
	answer_slot_set(slot, NULL, 0);
	pthread_mutex_destroy(&slot->lock);
}

/* The answer, a reference; NULL: there is none yet, or there is the error. */
struct asked *answer_slot_get(struct answer_slot *slot, int *ret_error)
{
	struct asked *a;

	pthread_mutex_lock(&slot->lock);
	a = slot->now ? asked_ref(slot->now) : NULL;
	*ret_error = slot->error;
	pthread_mutex_unlock(&slot->lock);
	return a;
}

/* ---- waiting ---- */

static void on_answer(struct asked_waiter *w)
{
	op_go_on(container_of(w, struct op, asked_waiter));
}

static void await(struct op *op)
{
	asked_start(op->asked, NULL, NULL);
	op->asked_waiter.fn = on_answer;
	asked_wait(op->asked, &op->asked_waiter);
}

static void unawait(struct op *op)
{
	asked_unwait(&op->asked_waiter);
}

static void withdraw(struct op *op)
{
	asked_withdraw(op->asked);
}

void answer_is_read(struct op *op, struct asked *a)
{
	op->asked = asked_ref(a);
	op->await = await;
	op->unawait = unawait;
}

void answer_is_awaited(struct op *op, struct asked *a)
{
	asked_set_asker(a, (struct http_asker){.user = op->uid,
					       .session = (uint32_t)caller_session(op->pid)});
	op->withdraw = withdraw;
	answer_is_read(op, a);
}
