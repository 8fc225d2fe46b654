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

/* Adopts the text. */
static void tell(const struct letter_job *job, char *json)
{
	if (job->o->on_answer)
		job->o->on_answer(job->o->arg, job->letter, json);
	g_free(json);
}

/* The server's words, as its errors have them; nothing of what it never said. */
static void tell_refusal(const struct letter_job *job, const struct webex_reply *reply)
{
	_cleanup_gfree_ char *words = webex_json_quote(reply->message ? reply->message : "");
	_cleanup_gfree_ char *id =
		webex_json_quote(reply->tracking_id ? reply->tracking_id : "");

	if (reply->status >= 400)
		tell(job, g_strdup_printf("{\n  \"message\": %s,\n  \"trackingId\": %s\n}\n",
					  words, id));
}

static void on_action(void *arg, struct webex_reply *reply)
{
	struct letter_job *job = arg;
	struct outbox *o = job->o;
	const struct webex_action *a =
		!reply->error && reply->items->len ? reply->items->pdata[0] : NULL;

	g_assert(job->state == JOB_WIRE);
	job->call = 0;
	if (o->on_reply)
		o->on_reply(o->arg, reply);
	if (reply->error) {
		tell_refusal(job, reply);
		outbox_job_failed(job, reply);
		return;
	}
	if (a && is_of_another(job, a)) {
		outbox_job_fail(job, OUTBOX_IN_DOUBT, -EIO,
				g_strdup("the server answered with the answer to another "
					 "card; it may have arrived"));
		return;
	}
	tell(job, a ? webex_action_json(a) : g_strdup(""));
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
