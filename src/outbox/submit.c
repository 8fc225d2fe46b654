/* SPDX-License-Identifier: MIT */
/* Submits letters. job.c handles the answers. */
#include "base/cleanup.h"
#include "base/log.h"
#include "outbox/draft.h"
#include "outbox/internal.h"

/* On the io thread while the file is on the wire; later steps of the job on that thread find it
 * done. */
void outbox_job_sum(struct letter_job *job)
{
	int r = job->sha256 ? 0 : draft_sha256(job->letter->fd, &job->sha256);

	if (r < 0)
		log_warning("cache", "the sum of a file: %s", g_strerror(-r));
}

static void sum_job(void *arg)
{
	outbox_job_sum(arg);
}

static void submit_post(struct letter_job *job, const char *json_body)
{
	const struct outbox_letter *l = job->letter;
	struct webex_post post = {
		.room_id = l->to.room_id,
		.to_email = l->to.email,
		.parent_id = l->to.parent_id,
		.text = l->form == LETTER_TEXT ? l->body : l->text,
		.markdown = l->form == LETTER_MARKDOWN ? l->body : l->markdown,
		.json_body = json_body,
		.fd = -1,
	};

	if (l->form == LETTER_FILE) {
		post.fd = l->fd;
		post.size = l->size;
		post.filename = l->filename;
		post.content_type = l->content_type;
		post.timeout_ms = job->o->upload_timeout_ms;
		outbox_upload_begin(job);
		post.sent = &job->upload->sent;
	}
	job->call = webex_post_message(job->o->client, &post, outbox_job_answered, job);
	if (l->form == LETTER_FILE)
		work_post(job->o->io, sum_job, job);
}

static void submit_json(struct letter_job *job)
{
	const struct outbox_letter *l = job->letter;
	_cleanup_gfree_ char *body = NULL, *reason = NULL;
	int r = webex_post_body(l->body, l->body_len, l->to.room_id, l->to.email,
				l->to.parent_id, &body, &reason);

	if (r < 0)
		outbox_job_fail(job, OUTBOX_UNSENT, r,
				reason ? steal_ptr(&reason) : g_strdup("not a message"));
	else
		submit_post(job, body);
}

void outbox_job_post(struct letter_job *job)
{
	job->state = JOB_WIRE;
	submit_post(job, NULL);
}

void outbox_job_put(struct letter_job *job)
{
	const struct outbox_letter *l = job->letter;
	bool is_markdown = l->form == LETTER_MARKDOWN;

	job->is_put = true;
	job->call = webex_edit_message(job->o->client, l->to.message_id, l->to.room_id,
				       is_markdown ? NULL : l->body,
				       is_markdown ? l->body : NULL, outbox_job_answered, job);
}

void outbox_job_submit(struct letter_job *job)
{
	const struct outbox_letter *l = job->letter;

	g_assert(job->state == JOB_READY);
	job->state = JOB_WIRE;
	job->sent_ms = clock_wall(job->o->clock);
	if (l->is_edit) {
		outbox_answer_note_old(job);
		outbox_edit_begin(job);
	} else if (l->form == LETTER_JSON) {
		submit_json(job);
	} else if (l->form == LETTER_SUBMIT) {
		outbox_action_submit(job);
	} else if (l->form == LETTER_FILE) {
		outbox_same_begin(job);
	} else {
		submit_post(job, NULL);
	}
}
