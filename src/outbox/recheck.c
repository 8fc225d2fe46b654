/* SPDX-License-Identifier: MIT */
/*
 * Letters that were under way when sparkfs was killed. They are listed as in-doubt from the
 * start, while check.c finds out whether they arrived. Each is a job that replaces its own
 * letter.
 */
#include <errno.h>

#include "base/log.h"
#include "outbox/internal.h"
#include "outbox/said.h"

/* So long a server, or a proxy before it, may work on a request. A daemon that was killed did
 * not wait for the answer, so as after a time-out the request may still take effect. */
#define AT_WORK_MS INT64_C(600000)

struct recheck {
	int64_t n, listed, began_ms;
};

void outbox_recheck_add(struct outbox *o, const struct outbox_note *note, int64_t n)
{
	struct recheck r = {.n = n, .listed = note->n, .began_ms = note->began_ms};

	if (!o->rechecks)
		o->rechecks = g_array_new(FALSE, FALSE, sizeof(struct recheck));
	g_array_append_val(o->rechecks, r);
}

static void nobody_waits(void *arg, int error, int64_t room, int64_t message)
{
	(void)arg;
	(void)error;
	(void)room;
	(void)message;
}

/* Cache thread. All of them begin before any ends, since each message belongs to only one of
 * them. */
static void begin(void *arg)
{
	struct letter_job *job = arg;
	struct outbox *o = job->o;
	GQueue *line = g_queue_new();

	g_queue_push_tail(line, job);
	g_hash_table_insert(o->lines, g_strdup(job->line_key), line);
	g_hash_table_insert(o->jobs, &job->id, job);
	outbox_check_begin(job);
}

static void submit(struct outbox *o, const struct recheck *r, int64_t known_until)
{
	struct outbox_letter *l;
	struct letter_job *job;

	if (outbox_take(o, r->listed, &l) < 0)
		return;
	if (!said_is_comparable(l) || !destination_is_known(&l->to) ||
	    outbox_item_hold(o, r->listed) < 0) {
		outbox_letter_free(l);
		return;
	}
	job = g_new0(struct letter_job, 1);
	job->o = o;
	job->letter = l;
	job->done = nobody_waits;
	job->note.n = r->n;
	job->note.state = OUTBOX_IN_DOUBT;
	job->note.began_ms = r->began_ms;
	job->sent_ms = r->began_ms;
	/* The error that processes get which wait for a daemon that is killed. */
	job->error = -ECONNABORTED;
	job->is_slow = ABS(clock_wall(o->clock) - r->began_ms) < AT_WORK_MS;
	job->known_until = known_until;
	job->line_key = g_strdup_printf("again %" G_GINT64_FORMAT, r->listed);
	pthread_mutex_lock(&o->lock);
	job->id = o->next_id++;
	o->live++;
	work_post(o->cache, begin, job);
	pthread_mutex_unlock(&o->lock);
}

void outbox_recheck_begin(struct outbox *o)
{
	int64_t known_until = o->rechecks ? store_new_rowid(o->store) : 0;

	for (guint i = 0; o->rechecks && i < o->rechecks->len; i++)
		submit(o, &g_array_index(o->rechecks, struct recheck, i), known_until);
	if (o->rechecks)
		g_array_unref(o->rechecks);
	o->rechecks = NULL;
}
