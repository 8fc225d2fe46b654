/* SPDX-License-Identifier: MIT */
/*
 * The answer to a card (webex-api.md 5.6). It becomes no message, and no list shows it: so one of
 * unknown fate is in doubt, and nothing of it comes into the store.
 */
#include <errno.h>

#include "base/cleanup.h"
#include "outbox/internal.h"
#include "webex/id.h"

/* True if the answer is that to another card: a proxy gave one that it had. */
static bool is_of_another(const struct letter_job *job, const struct webex_action *a)
{
	return a->message_id && !webex_id_is_same(a->message_id, job->letter->to.message_id);
}

static void on_action(void *arg, struct webex_reply *reply)
{
	struct letter_job *job = arg;
	struct outbox *o = job->o;
	const struct webex_action *a =
		!reply->error && reply->items->len ? reply->items->pdata[0] : NULL;
	_cleanup_gfree_ char *json = NULL;

	g_assert(job->state == JOB_WIRE);
	job->call = 0;
	if (o->on_reply)
		o->on_reply(o->arg, reply);
	if (reply->error) {
		outbox_job_failed(job, reply);
		return;
	}
	if (a && is_of_another(job, a)) {
		outbox_job_fail(job, OUTBOX_IN_DOUBT, -EIO,
				g_strdup("the server answered with the answer to another "
					 "card; it may have arrived"));
		return;
	}
	json = a ? webex_action_json(a) : NULL;
	if (o->on_answer && json)
		o->on_answer(o->arg, job->letter, json);
	if (job->letter->arrived)
		job->letter->arrived(job->arg);
	outbox_job_drop(job);
}

void outbox_action_submit(struct letter_job *job)
{
	const struct outbox_letter *l = job->letter;

	if (!l->inputs || !l->to.message_id) {
		outbox_job_fail(job, OUTBOX_UNSENT, -EINVAL,
				g_strdup("it is not known which card it answers: mv it onto "
					 "the .submit.json of one"));
		return;
	}
	job->call =
		webex_submit_card(job->o->client, l->to.message_id, l->inputs, on_action, job);
}
