/* SPDX-License-Identifier: MIT */
/*
 * A writer that waits no longer. It gets an error, so its bytes must be in unsent/ before that.
 *
 *     detach --being written, in line------------> unsent -----------> done
 *       |  \--on the wire, nothing sent: withdrawn -> unsent ---------> done
 *       |
 *       +-- on the wire, or being looked for --> [io] note: in-doubt, still on the wire
 *       |                                             |
 *       |                                          listed (held) --> told: the writer has his error
 *       |                                             |
 *       |                                             +--delivered--> off the list
 *       |                                             +--refused, not found--> unsent, free again
 *       +-- ending: `done` is about to come
 *
 * Thread rule: cache thread.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "outbox/internal.h"

struct detach {
	struct outbox *o;
	uint64_t id;
	int error;
	outbox_told told;
	void *arg;
};

struct listing {
	struct letter_job *job;
	struct outbox_note note;
	int64_t why_size;
};

static void tell(struct letter_job *job, bool is_kept)
{
	outbox_told told = steal_ptr(&job->told);

	if (told)
		told(job->told_arg, job->detach_error, is_kept);
}

void outbox_detach_over(struct letter_job *job)
{
	tell(job, false);
}

static void say_under_way(const struct letter_job *job, const struct outbox_note *note)
{
	const struct outbox_letter *l = job->letter;
	_cleanup_gfree_ char *where = destination_name(&l->to);

	log_last_error(
		"a message to %s, written by %s (%d): %s; until that is known it is listed as "
		".sparkfs/unsent/%s",
		where, l->comm ? l->comm : "?", (int)l->pid, note->reason, note->name);
}

/* True if the whole answer has come, or only the disk is left to wait for. */
static bool is_ending(const struct letter_job *job)
{
	return job->state == JOB_APPLYING || job->state == JOB_SETTLING;
}

/* Ends the wait for the rest of the message, since what is known of it is enough. */
static void hurry(struct letter_job *job)
{
	if (job->state == JOB_APPLYING && job->call)
		webex_cancel(job->o->client, job->call);
}

static void listed(void *arg)
{
	struct listing *l = arg;
	struct letter_job *job = l->job;
	struct outbox *o = job->o;

	if (is_ending(job)) {
		if (!job->letter->replaces)
			outbox_name_release(o, l->note.name);
		hurry(job);
	} else {
		outbox_item_put(o, &l->note, job->letter->size, l->why_size);
		if (!job->letter->replaces) {
			outbox_item_hold(o, l->note.n);
			job->note.name = g_strdup(l->note.name);
			job->is_listed = true;
		}
		say_under_way(job, &l->note);
		tell(job, true);
	}
	outbox_note_clear(&l->note);
	g_free(l);
}

/* io thread. Whatever ends the job is posted behind this, so the job still exists. */
static void list(void *arg)
{
	struct listing *l = arg;
	struct outbox *o = l->job->o;
	const struct outbox_letter *letter = l->job->letter;
	_cleanup_gfree_ char *text = NULL;
	int r = 0;

	if (!letter->replaces && letter->form == LETTER_FILE)
		r = outbox_files_sync_body(o, l->note.n);
	if (r == 0)
		r = outbox_files_put_note(o, letter, &l->note, &l->why_size);
	if (r < 0)
		/* The file on disk says "sending", so the letter is in doubt at the next start. */
		log_error("cache", "%s/%" G_GINT64_FORMAT ".json cannot be written: %s", o->dir,
			  l->note.n, g_strerror(-r));
	if (r < 0 && outbox_files_get_text(o, l->note.n, &text) == 0)
		l->why_size = (int64_t)strlen(text);
	work_post(o->cache, listed, l);
}

static void list_as_under_way(struct letter_job *job)
{
	struct listing *l = g_new0(struct listing, 1);
	const struct outbox_letter *letter = job->letter;

	l->job = job;
	l->note = (struct outbox_note){
		.n = letter->replaces ? letter->replaces : job->note.n,
		.state = OUTBOX_IN_DOUBT,
		.began_ms = job->note.began_ms,
		.error = job->detach_error,
		.is_under_way = !letter->replaces,
		.reason = g_strdup_printf(
			"its writer %s; it is still on the wire, and may have arrived",
			job->detach_error == -ETIMEDOUT ? "waited long enough"
							: "was interrupted"),
	};
	l->note.name = letter->replaces ? outbox_item_name(job->o, letter->replaces)
					: outbox_name_claim(job->o, letter, job->note.began_ms);
	work_post(job->o->io, list, l);
}

/* True if nothing of the letter has left, and nothing will. */
static bool withdraw(struct letter_job *job)
{
	if (webex_withdraw(job->o->client, job->call))
		return true;
	if (job->is_asking)
		webex_cancel(job->o->client, job->call);
	return job->is_asking;
}

static void begin(struct letter_job *job, const struct detach *d)
{
	/* Only once: at the end of the mount it may be detached already. */
	if (job->is_detached)
		return;
	job->is_detached = true;
	job->detach_error = d->error;
	job->told = d->told;
	job->told_arg = d->arg;
	if (job->state == JOB_READY)
		outbox_job_fail_unsubmitted(job);
	else if (is_ending(job))
		hurry(job);
	else if (job->state == JOB_CHECKING
			 ? d->told != NULL
			 : job->state == JOB_WIRE && !withdraw(job) && d->told)
		list_as_under_way(job);
}

static void detach(void *arg)
{
	struct detach *d = arg;
	struct letter_job *job = g_hash_table_lookup(d->o->jobs, &d->id);

	if (job)
		begin(job, d);
	else if (d->told)
		d->told(d->arg, d->error, false);
	outbox_one_less(d->o);
	g_free(d);
}

void outbox_detach(struct outbox *o, uint64_t id, int error, outbox_told told, void *arg)
{
	struct detach *d = g_new(struct detach, 1);

	*d = (struct detach){.o = o, .id = id, .error = error, .told = told, .arg = arg};
	pthread_mutex_lock(&o->lock);
	o->live++;
	work_post(o->cache, detach, d);
	pthread_mutex_unlock(&o->lock);
}
