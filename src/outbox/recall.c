/* SPDX-License-Identifier: MIT */
/*
 * A file was removed while it is being sent: it must not arrive or, if it does, its message
 * must be known.
 *
 *     not yet on the wire, or only a part of its bytes ---> withdrawn: removed, done(0, no message)
 *     all of its bytes are there: the answer is waited for
 *         delivered      ---> recalled(message)
 *         refused        ---> unsent, as ever: its writer is told
 *         nobody knows   ---> in-doubt, as ever; recalled(error)
 *
 * Thread rule: cache thread.
 */
#include <errno.h>

#include "base/cleanup.h"
#include "outbox/internal.h"

struct recall {
	struct outbox *o;
	int64_t content_row;
	outbox_recalled done;
	void *arg;
	int left;	 /* how many letters have not ended */
	int error;	 /* of a letter of which it is unknown whether it arrived */
	GArray *arrived; /* of int64_t */
};

static void end_if_over(struct recall *r)
{
	if (r->left)
		return;
	r->done(r->arg, r->error, r->arrived);
	g_array_unref(r->arrived);
	g_free(r);
}

void outbox_recall_over(struct letter_job *job)
{
	GSList *recalls = steal_ptr(&job->recalls);

	for (GSList *l = recalls; l; l = l->next) {
		struct recall *r = l->data;

		if (!job->error && job->message)
			g_array_append_val(r->arrived, job->message);
		if (job->error && job->note.state == OUTBOX_IN_DOUBT)
			r->error = job->error;
		r->left--;
		end_if_over(r);
	}
	g_slist_free(recalls);
}

bool outbox_recall_is_undone(const struct letter_job *job, const struct webex_reply *reply)
{
	return job->recalls && reply->error == -ECANCELED && !reply->may_have_applied;
}

static void stop(struct letter_job *job)
{
	if (job->state == JOB_READY)
		outbox_job_drop(job);
	else if (job->state == JOB_WIRE && job->call)
		webex_cut(job->o->client, job->call);
}

static void recall(void *arg)
{
	struct recall *r = arg;
	struct outbox *o = r->o;
	GHashTableIter iter;
	gpointer value;
	GSList *found = NULL;

	g_hash_table_iter_init(&iter, o->jobs);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct letter_job *job = value;

		if (job->letter->content_rowid != r->content_row)
			continue;
		job->recalls = g_slist_prepend(job->recalls, r);
		found = g_slist_prepend(found, job);
		r->left++;
	}
	/* None of the letters ends before this item does. */
	for (GSList *l = found; l; l = l->next)
		stop(l->data);
	g_slist_free(found);
	end_if_over(r);
	outbox_one_less(o);
}

void outbox_recall(struct outbox *o, int64_t content_row, outbox_recalled done, void *arg)
{
	struct recall *r = g_new0(struct recall, 1);

	r->o = o;
	r->content_row = content_row;
	r->done = done;
	r->arg = arg;
	r->arrived = g_array_new(FALSE, FALSE, sizeof(int64_t));
	pthread_mutex_lock(&o->lock);
	o->live++;
	/* Posted behind the letters that were sent before. */
	work_post(o->cache, recall, r);
	pthread_mutex_unlock(&o->lock);
}
