/* SPDX-License-Identifier: MIT */
/*
 * A reply was refused. The service answers 404 if the message is gone to which it replies, and also if the space
 * is (webex-api.md 5.4); of other servers nobody knows. So that message is asked for: the writer is told which
 * of them is gone, and a message that is gone is not shown here any longer.
 *
 *     begin --nobody waits--> refused, as the server said
 *       v                       ^
 *     GET of it --else----------+
 *       +---------404---------> -ENOENT
 */
#include <errno.h>

#include "outbox/internal.h"
#include "outbox/thread.h"

#define HTTP_BAD_REQUEST 400
#define HTTP_NOT_FOUND 404

static void refused(struct letter_job *job)
{
	outbox_job_fail(job, OUTBOX_UNSENT, job->error, g_strdup("the server refused it"));
}

/* Takes the message that is gone out of the store, which shows it perhaps. */
static void forget(const struct letter_job *job)
{
	struct store_conn *conn;
	struct thread thread;
	int64_t row = 0;

	thread_of(job->o, job->letter, &thread);
	if (store_read_begin(job->o->store, &conn) == 0) {
		if (store_message_by_id(conn, thread.id, &row) < 0)
			row = 0;
		store_read_end(conn);
	}
	thread_clear(&thread);
	if (row)
		outbox_forget_message(job->o, row);
}

static void on_root(void *arg, struct webex_reply *reply)
{
	struct letter_job *job = arg;

	job->call = 0;
	if (job->recalls) {
		outbox_job_drop(job);
		return;
	}
	/* A bot does not see all messages. */
	if (reply->status != HTTP_NOT_FOUND || job->o->is_bot) {
		refused(job);
		return;
	}
	forget(job);
	outbox_job_fail(job, OUTBOX_UNSENT, -ENOENT,
			g_strdup("the message that it replies to is not there any more"));
}

bool outbox_root_begin(struct letter_job *job, const struct webex_reply *reply)
{
	struct thread thread;

	if (job->letter->is_edit || job->is_asking ||
	    (reply->status != HTTP_BAD_REQUEST && reply->status != HTTP_NOT_FOUND))
		return false;
	thread_of(job->o, job->letter, &thread);
	if (!thread.id)
		return false;
	job->error = reply->error;
	if (job->is_detached || job->o->is_closing) {
		refused(job);
	} else {
		job->is_asking = true;
		job->call = webex_get_message(job->o->client, thread.id, on_root, job);
	}
	thread_clear(&thread);
	return true;
}
