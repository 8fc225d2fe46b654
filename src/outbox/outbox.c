/* SPDX-License-Identifier: MIT */
/* The life of the outbox, the functions for other layers, and the steps that make a letter
 * durable. */
#include "outbox/outbox.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/wait.h"
#include "outbox/draft.h"
#include "outbox/known.h"
#include "outbox/internal.h"
#include "webex/media_type.h"

#define UPLOAD_TIMEOUT_MS (10 * 60 * 1000)
#define CHECK_PAUSE_MS 2000

/* ---- life ---- */

static void queue_free(gpointer queue)
{
	g_queue_free(queue);
}

static struct outbox *outbox_new(const struct outbox_config *config)
{
	struct outbox *o = g_new0(struct outbox, 1);

	o->store = config->store;
	o->client = config->client;
	o->cache = config->cache_queue;
	o->clock = config->clock;
	o->on_changes = config->on_changes;
	o->arg = config->arg;
	o->is_bot = config->is_bot;
	o->on_reply = config->on_reply;
	o->on_answer = config->on_answer;
	o->upload_timeout_ms =
		config->upload_timeout_ms ? config->upload_timeout_ms : UPLOAD_TIMEOUT_MS;
	o->check_pause_ms = config->check_pause_ms ? config->check_pause_ms : CHECK_PAUSE_MS;
	o->dir_fd = -1;
	o->peers_fd = -1;
	o->next_id = 1;
	pthread_mutex_init(&o->lock, NULL);
	wait_init(&o->changed);
	outbox_items_init(o);
	o->known = known_new(o->clock);
	o->jobs = g_hash_table_new(g_int64_hash, g_int64_equal);
	o->lines = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, queue_free);
	o->claims = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	return o;
}

static void outbox_free(struct outbox *o)
{
	work_queue_stop(&o->io);
	outbox_files_close(o);
	outbox_peers_done(o);
	if (o->rechecks)
		g_array_unref(o->rechecks);
	g_hash_table_destroy(o->jobs);
	g_hash_table_destroy(o->lines);
	g_hash_table_destroy(o->claims);
	known_free(&o->known);
	outbox_items_done(o);
	pthread_cond_destroy(&o->changed);
	pthread_mutex_destroy(&o->lock);
	g_free(o);
}

int outbox_open(const struct outbox_config *config, struct outbox **ret_outbox)
{
	struct outbox *o = outbox_new(config);
	int r = outbox_files_open(o, config->state_dir);

	outbox_peers_init(o, config->peers_dir);
	if (r == 0)
		r = outbox_recover(o, config->left);
	if (r == 0)
		r = work_queue_start("outbox", &o->io);
	if (r < 0) {
		outbox_free(o);
		return r;
	}
	outbox_recheck_begin(o);
	*ret_outbox = o;
	return 0;
}

/* ---- making a letter durable ---- */

static void written(void *arg)
{
	struct letter_job *job = arg;

	if (job->error) {
		outbox_job_refuse(job, job->error);
		return;
	}
	job->state = JOB_READY;
	if (!outbox_job_ends_unsubmitted(job))
		outbox_job_advance(job->o, job->line_key);
}

/* Finds the type of the file. Reads the file, and the first time the database of types. */
static void find_type(struct outbox_letter *l)
{
	if (l->form == LETTER_FILE && !l->content_type)
		l->content_type = webex_media_type(l->filename, l->fd);
}

/* io thread */
static void write_job(void *arg)
{
	struct letter_job *job = arg;
	struct outbox *o = job->o;
	bool is_file = job->letter->form == LETTER_FILE;

	find_type(job->letter);
	job->error = outbox_files_put(o, job->letter, &job->note, !is_file, &job->why_size);
	work_post(o->cache, written, job);
}

/*
 * Puts a later version of a file that is still under way behind the earlier one, whoever wrote
 * it, since the last version is the file.
 */
static void follow_older_version(struct letter_job *job)
{
	struct outbox *o = job->o;
	int64_t row = job->letter->content_rowid;
	GHashTableIter iter;
	gpointer value;

	if (job->letter->form != LETTER_FILE || !row)
		return;
	g_hash_table_iter_init(&iter, o->jobs);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct letter_job *other = value;

		if (!other->letter || other->letter->content_rowid != row)
			continue;
		g_free(job->line_key);
		job->line_key = g_strdup(other->line_key);
		return;
	}
}

static void admit(void *arg)
{
	struct letter_job *job = arg;
	struct outbox *o = job->o;
	int64_t replaces = job->letter->replaces;
	GQueue *line;
	int r = 0;

	follow_older_version(job);
	line = g_hash_table_lookup(o->lines, job->line_key);
	if (!line) {
		line = g_queue_new();
		g_hash_table_insert(o->lines, g_strdup(job->line_key), line);
	}
	g_queue_push_tail(line, job);
	g_hash_table_insert(o->jobs, &job->id, job);
	/* Nothing empty is ever sent, whatever way it came. An unsent file may be emptied. */
	if (job->letter->size == 0 &&
	    (job->letter->form != LETTER_FILE || !job->letter->is_rewrite))
		r = -EINVAL;
	else if (replaces)
		r = outbox_item_hold(o, replaces);
	else if (outbox_count(o) >= OUTBOX_MAX)
		r = -ENOSPC;
	if (r < 0) {
		/* Another job holds it, so it is not released here. */
		job->letter->replaces = 0;
		if (r == -EINVAL)
			job->note.reason = g_strdup("it is empty, and nothing empty is sent");
		if (r == -ENOSPC)
			job->note.reason = g_strdup("there are too many unsent messages");
		outbox_job_refuse(job, r);
		return;
	}
	if (job->letter->is_rewrite)
		outbox_rewrite_begin(job);
	else
		work_post(o->io, write_job, job);
}

uint64_t outbox_send(struct outbox *o, struct outbox_letter *letter, outbox_done done,
		     void *arg)
{
	struct letter_job *job = g_new0(struct letter_job, 1);
	const char *where = letter->to.room_id ? letter->to.room_id : letter->to.email;
	uint64_t id;

	g_assert(letter->is_rewrite || destination_is_known(&letter->to));
	g_assert(!letter->local);
	g_assert((letter->form == LETTER_FILE) == (letter->fd >= 0));
	if (letter->form != LETTER_FILE)
		letter->size = (int64_t)letter->body_len;
	job->o = o;
	job->letter = letter;
	job->done = done;
	job->arg = arg;
	job->note.state = OUTBOX_SENDING;
	job->note.began_ms = clock_wall(o->clock);
	job->line_key = g_strdup_printf("%d %s", (int)letter->pid, where ? where : "");
	pthread_mutex_lock(&o->lock);
	id = job->id = o->next_id++;
	o->live++;
	/* Posted under the lock, so that the order of ids is that of sending. */
	work_post(o->cache, admit, job);
	pthread_mutex_unlock(&o->lock);
	return id;
}

bool outbox_sends_to(struct outbox *o, const char *room_id)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, o->jobs);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct letter_job *job = value;

		if (job->state != JOB_SETTLING &&
		    g_strcmp0(job->letter->to.room_id, room_id) == 0)
			return true;
	}
	return false;
}

/* ---- keeping, closing ---- */

int outbox_keep(struct outbox *o, struct outbox_letter *letter, const char *reason)
{
	struct outbox_note note = {
		.state = OUTBOX_UNSENT,
		.began_ms = clock_wall(o->clock),
		.reason = g_strdup(reason),
	};
	_cleanup_gfree_ char *where = destination_name(&letter->to);
	int64_t why_size;
	int r = outbox_count(o) >= OUTBOX_MAX ? -ENOSPC : 0;

	if (letter->form != LETTER_FILE)
		letter->size = (int64_t)letter->body_len;
	find_type(letter);
	/* A part of the bytes must not replace the whole. */
	if (letter->is_rewrite)
		letter->replaces = 0;
	if (r == 0) {
		note.name = outbox_name_claim(o, letter, note.began_ms);
		r = outbox_files_put(o, letter, &note, true, &why_size);
		if (r < 0)
			outbox_name_release(o, note.name);
	}
	if (r == 0)
		outbox_item_put(o, &note, letter->size, why_size);
	log_last_error("a message to %s, written by %s (%d): %s; %s%s", where,
		       letter->comm ? letter->comm : "?", (int)letter->pid, reason,
		       r < 0 ? "it cannot be kept: " : "kept as .sparkfs/unsent/",
		       r < 0 ? g_strerror(-r) : note.name);
	outbox_note_clear(&note);
	outbox_letter_free(letter);
	return r;
}

/* Gives each job a result without waiting for the network any longer. */
static void abort_jobs(void *arg)
{
	struct outbox *o = arg;
	GHashTableIter iter;
	gpointer value;

	o->is_closing = true;
	g_hash_table_iter_init(&iter, o->jobs);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct letter_job *job = value;
		_cleanup_gfree_ char *where = destination_name(&job->letter->to);

		log_warning("cache", "a message to %s is left in the outbox", where);
		if (job->state == JOB_READY)
			outbox_job_fail_unsubmitted(job);
		else if (job->state == JOB_CHECKING)
			outbox_check_abort(job);
		else if (job->call && !webex_withdraw(o->client, job->call))
			webex_cancel(o->client, job->call);
	}
	outbox_one_less(o);
}

static void wait_idle(struct outbox *o, int wait_ms)
{
	int64_t deadline = wait_deadline(wait_ms);
	bool in_time = true;

	pthread_mutex_lock(&o->lock);
	while (o->live > 0 && in_time)
		in_time = wait_until(&o->changed, &o->lock, deadline);
	pthread_mutex_unlock(&o->lock);
}

void outbox_close(struct outbox **outbox, int wait_ms)
{
	struct outbox *o = steal_ptr(outbox);

	if (!o)
		return;
	wait_idle(o, wait_ms);
	pthread_mutex_lock(&o->lock);
	o->live++;
	work_post(o->cache, abort_jobs, o);
	pthread_mutex_unlock(&o->lock);
	/* Each cancelled request is reported, so this ends. */
	wait_idle(o, -1);
	outbox_free(o);
}

int outbox_known_error(struct outbox *o, const struct destination *to)
{
	return known_error(o->known, to->message_id, to->room ? NULL : to->email);
}
