/* SPDX-License-Identifier: MIT */
/*
 * Before the PUT of an edit: checks that the message still is what the edit was made from. This
 * is also done for an edit that changes nothing as far as is known here, since that knowledge
 * may be old.
 */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "outbox/internal.h"
#include "webex/id.h"

/* True if the message is as the writer saw it at open. */
static bool is_base(const struct outbox_letter *l, const struct webex_message *m)
{
	_cleanup_gfree_ char *now = letter_form_render(l->form, m);

	return strcmp(now, l->base) == 0;
}

/* Keeps the message that was read, so that the next edit begins with it. */
static void publish(struct letter_job *job, int r, GPtrArray *changes)
{
	struct outbox *o = job->o;

	if (r < 0 && r != -ENOENT)
		log_error("cache", "a message is not in the store: %s", g_strerror(-r));
	if (o->on_changes && changes->len > 0)
		o->on_changes(o->arg, changes);
	g_ptr_array_unref(changes);
}

static void show(struct letter_job *job, const struct webex_message *m)
{
	GPtrArray *changes = store_changes_new();

	publish(job,
		store_apply_message(job->o->store, job->letter->to.room, m, 0, NULL, changes),
		changes);
}

static void forget(struct letter_job *job)
{
	GPtrArray *changes = store_changes_new();
	struct store_conn *conn;
	int64_t rowid = 0;
	int r = store_read_begin(job->o->store, &conn);

	if (r == 0) {
		r = store_message_by_id(conn, job->letter->to.message_id, &rowid);
		store_read_end(conn);
	}
	if (r == 0)
		r = store_message_answered(job->o->store, job->o->is_bot, rowid,
					   clock_wall(job->o->clock), changes);
	publish(job, r, changes);
}

/* True if an answer has come that has this message. */
static bool is_answer(const struct letter_job *job, const struct webex_reply *reply)
{
	const struct webex_message *m;

	if (reply->error || !reply->items || reply->items->len == 0)
		return false;
	m = g_ptr_array_index(reply->items, 0);
	return webex_id_is_same(m->id, job->letter->to.message_id);
}

static void on_present(void *arg, struct webex_reply *reply)
{
	struct letter_job *job = arg;
	struct webex_message *m;

	job->call = 0;
	if (!is_answer(job, reply)) {
		if (reply->status == 404)
			forget(job);
		/* This request only read. */
		reply->may_have_applied = false;
		outbox_job_failed(job, reply);
		return;
	}
	job->is_asking = false;
	m = g_ptr_array_index(reply->items, 0);
	/* The answer came just when the writer stopped waiting. */
	if (outbox_job_ends_unsubmitted(job))
		return;
	/* This check is first, since an edit that only changes line ends is an edit, too. */
	if (job->letter->base && !job->letter->is_unchanged && is_base(job->letter, m)) {
		outbox_job_put(job);
	} else if (outbox_check_is_delivered(job->letter, m)) {
		outbox_job_deliver(job, g_ptr_array_steal_index(reply->items, 0));
	} else {
		show(job, m);
		outbox_job_fail(job, OUTBOX_UNSENT, -ESTALE,
				g_strdup("the message was edited elsewhere meanwhile"));
	}
}

void outbox_edit_begin(struct letter_job *job)
{
	job->is_asking = job->letter->base || job->letter->is_unchanged;
	if (job->is_asking)
		job->call = webex_get_message(job->o->client, job->letter->to.message_id,
					      on_present, job);
	else
		outbox_job_put(job);
}
