/* SPDX-License-Identifier: MIT */
/*
 * A person edited an unsent letter: it gets new bytes and stays where it is.
 */
#include <errno.h>
#include <glib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "outbox/internal.h"

static void rewritten(void *arg)
{
	struct letter_job *job = arg;
	_cleanup_gfree_ char *where = destination_name(&job->letter->to);

	if (job->error == 0)
		outbox_item_put(job->o, &job->note, job->letter->size, job->why_size);
	else
		log_last_error("the unsent message to %s keeps its old text: %s", where,
			       g_strerror(-job->error));
	outbox_job_finish(job);
}

/* io thread. The note of the letter stays. */
static void rewrite(void *arg)
{
	struct letter_job *job = arg;
	struct outbox *o = job->o;
	struct outbox_letter *known = NULL;
	struct outbox_item *item = NULL;
	int64_t n = job->letter->replaces;

	job->error = outbox_find(o, n, &item);
	if (job->error == 0)
		job->error = outbox_files_get(o, n, &known, &job->note, NULL);
	if (job->error == 0) {
		job->why_size = item->why_size;
		job->error = outbox_files_replace_body(o, n, job->letter);
	}
	outbox_letter_free(known);
	outbox_item_free(item);
	work_post(o->cache, rewritten, job);
}

void outbox_rewrite_begin(struct letter_job *job)
{
	job->state = JOB_SETTLING;
	outbox_note_clear(&job->note);
	work_post(job->o->io, rewrite, job);
}
