/* SPDX-License-Identifier: MIT */
/*
 * A job is a letter on its way. It passes between the cache thread, which decides, and the io
 * thread, which writes. The functions that make each step (* in outbox.c, + in check.c, - in
 * answer.c; those without a mark that are not static stand here without their outbox_job_):
 *
 *   outbox_send* -> admit* -> [io] write_job* -> written* ->   advance   ->   submit
 *                     |                             |                     |
 *                     |refused                      |detached             v
 *                     |                             |                 answered-
 *                     |                             |                  |     |failed
 *                     |                             |           success|     v
 *                     |                             |<--refused--------|-- failed
 *                     |                             |                  |     |in doubt
 *                     |                             |                  |     v
 *                     |                             |<--not found------|-- outbox_check_begin+
 *                     |                             |                  |     |
 *                     |                             v                  v     |found
 *                     |                         fail            deliver     <+
 *                     |                             |                  |
 *                     |                             |               on_room (a new space)
 *                     |                             |                  |
 *                     |                             |                apply
 *                     |                             v                  v
 *                     |                    [io] record_job     [io] remove_job
 *                     v                             v                  v
 *                refuse     -> finish     <---- recorded            removed ---> finish
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "outbox/internal.h"
#include "outbox/known.h"
#include "webex/id.h"

/* So long the server's list may lag behind its answer (webex-api.md 7.4). */
#define PIN_MS INT64_C(60000)
#define WORDS_MAX_BYTES 2000

/* ---- the end of a job ---- */

static void job_free(struct letter_job *job)
{
	outbox_letter_free(job->letter);
	outbox_note_clear(&job->note);
	webex_message_free(job->delivered);
	outbox_check_clear(job);
	g_assert(!job->recalls);
	g_free(job->line_key);
	g_free(job->old);
	g_free(job->sha256);
	g_free(job);
}

void outbox_one_less(struct outbox *o)
{
	pthread_mutex_lock(&o->lock);
	o->live--;
	pthread_cond_broadcast(&o->changed);
	pthread_mutex_unlock(&o->lock);
}

/* Submits the first job of the line if it is ready. */
void outbox_job_advance(struct outbox *o, const char *line_key)
{
	GQueue *line = g_hash_table_lookup(o->lines, line_key);
	struct letter_job *first = line ? g_queue_peek_head(line) : NULL;

	if (first && first->state == JOB_READY)
		outbox_job_submit(first);
}

static void leave_line(struct outbox *o, struct letter_job *job)
{
	GQueue *line = g_hash_table_lookup(o->lines, job->line_key);

	g_queue_remove(line, job);
	if (g_queue_is_empty(line))
		g_hash_table_remove(o->lines, job->line_key);
	else
		outbox_job_advance(o, job->line_key);
}

void outbox_job_finish(struct letter_job *job)
{
	struct outbox *o = job->o;

	g_hash_table_remove(o->jobs, &job->id);
	if (job->letter->replaces)
		outbox_item_release(o, job->letter->replaces);
	else if (job->is_listed)
		outbox_item_release(o, job->note.n);
	/* Later letters are compared with what the store knows. */
	if (g_hash_table_size(o->jobs) == 0)
		g_hash_table_remove_all(o->claims);
	outbox_recall_over(job);
	job->done(job->arg, job->error, job->room, job->message);
	outbox_detach_over(job);
	leave_line(o, job);
	job_free(job);
	outbox_one_less(o);
}

/* ---- not delivered ---- */

static void say_failed(const struct letter_job *job)
{
	const struct outbox_letter *l = job->letter;
	const struct outbox_note *note = &job->note;
	_cleanup_gfree_ char *where = destination_name(&l->to);

	log_last_error("a message to %s, written by %s (%d): %s (%s)%s%s%s%s%s%s", where,
		       l->comm ? l->comm : "?", (int)l->pid,
		       note->reason ? note->reason : "failed", g_strerror(-job->error),
		       note->words ? "; the server says: " : "", note->words ? note->words : "",
		       note->tracking_id ? "; tracking id " : "",
		       note->tracking_id ? note->tracking_id : "",
		       note->name ? "; kept as .sparkfs/unsent/" : "; it was not kept",
		       note->name ? note->name : "");
}

static void recorded(void *arg)
{
	struct letter_job *job = arg;

	outbox_item_put(job->o, &job->note, job->letter->size, job->why_size);
	say_failed(job);
	outbox_job_finish(job);
}

/* io thread */
static void record_job(void *arg)
{
	struct letter_job *job = arg;
	struct outbox *o = job->o;
	const struct outbox_letter *l = job->letter;
	_cleanup_gfree_ char *text = NULL;
	int64_t n = job->note.n;
	int r = 0;

	if (l->replaces)
		job->note.n = l->replaces;
	else if (l->form == LETTER_FILE)
		r = outbox_files_sync_body(o, n);
	if (r == 0)
		r = outbox_files_put_note(o, l, &job->note, &job->why_size);
	if (r < 0)
		/* The file on disk says "sending", so the letter is in doubt at the next start. */
		log_error("cache", "%s/%" G_GINT64_FORMAT ".json cannot be written: %s", o->dir,
			  n, g_strerror(-r));
	if (r < 0 && outbox_files_get_text(o, job->note.n, &text) == 0)
		job->why_size = (int64_t)strlen(text);
	/* A letter that was only looked for again (recheck.c) replaces itself. */
	if (l->replaces && l->replaces != n)
		outbox_files_remove(o, n);
	work_post(o->cache, recorded, job);
}

void outbox_job_fail(struct letter_job *job, enum outbox_state state, int error, char *reason)
{
	struct outbox *o = job->o;

	job->state = JOB_SETTLING;
	job->error = error;
	job->note.state = state;
	job->note.error = error;
	g_free(job->note.reason);
	job->note.reason = reason;
	if (job->letter->replaces)
		job->note.name = outbox_item_name(o, job->letter->replaces);
	else if (!job->is_listed)
		job->note.name = outbox_name_claim(o, job->letter, job->note.began_ms);
	work_post(o->io, record_job, job);
}

void outbox_job_fail_unsubmitted(struct letter_job *job)
{
	if (job->o->is_closing)
		outbox_job_fail(job, OUTBOX_UNSENT, -ESHUTDOWN,
				g_strdup("sparkfs ended before it was sent"));
	else if (job->detach_error == -ETIMEDOUT)
		outbox_job_fail(job, OUTBOX_UNSENT, -ETIMEDOUT,
				g_strdup("it was not sent within the time that a close has"));
	else
		outbox_job_fail(job, OUTBOX_UNSENT, -EINTR,
				g_strdup("the writer was interrupted before it was sent"));
}

bool outbox_job_ends_unsubmitted(struct letter_job *job)
{
	if (job->recalls)
		outbox_job_drop(job);
	else if (job->is_detached || job->o->is_closing)
		outbox_job_fail_unsubmitted(job);
	else
		return false;
	return true;
}

/* Ends a job that the outbox cannot take: nothing was sent, and nothing is kept. */
void outbox_job_refuse(struct letter_job *job, int error)
{
	job->error = error;
	if (!job->note.reason)
		job->note.reason = g_strdup("the outbox cannot take it");
	say_failed(job);
	outbox_job_finish(job);
}

void outbox_job_note_reply(struct letter_job *job, const struct webex_reply *reply)
{
	_cleanup_gfree_ char *words =
		reply->message && reply->advice
			? g_strdup_printf("%s; %s", reply->message, reply->advice)
			: g_strdup(reply->message);

	g_free(job->note.words);
	g_free(job->note.tracking_id);
	job->note.words = words ? g_utf8_make_valid(words, -1) : NULL;
	if (job->note.words && strlen(job->note.words) > WORDS_MAX_BYTES) {
		char *cut = g_utf8_find_prev_char(job->note.words,
						  job->note.words + WORDS_MAX_BYTES);
		*cut = '\0';
	}
	job->note.tracking_id = g_strdup(reply->tracking_id);
}

/* ---- delivered ---- */

/* Keeps the checksum, by which the same file is recognised later (design 2.3). */
static void keep_sum(const struct letter_job *job)
{
	int r = 0;

	if (job->sha256 && job->content)
		r = store_set_content_sum(job->o->store, job->content, job->sha256);
	if (r < 0 && r != -ENOENT)
		log_warning("cache", "the sum of a file is not kept: %s", g_strerror(-r));
}

static void removed(void *arg)
{
	struct letter_job *job = arg;

	keep_sum(job);
	outbox_copies_drop(job);
	if (job->letter->replaces)
		outbox_item_drop(job->o, job->letter->replaces);
	else if (job->is_listed)
		outbox_item_drop(job->o, job->note.n);
	outbox_job_finish(job);
}

/* io thread */
static void remove_job(void *arg)
{
	struct letter_job *job = arg;
	struct outbox *o = job->o;
	int r = 0;

	/* This letter is removed last: if a crash leaves it alone it is in doubt, while the
	 * other one would say "unsent". */
	if (job->letter->replaces)
		r = outbox_files_remove(o, job->letter->replaces);
	if (r == 0)
		r = outbox_files_remove(o, job->note.n);
	if (r < 0)
		log_error("cache", "a delivered letter cannot be removed from %s: %s", o->dir,
			  g_strerror(-r));
	if (r == 0 && job->message)
		outbox_copies_remove(job);
	work_post(o->cache, removed, job);
}

void outbox_job_drop(struct letter_job *job)
{
	job->error = 0;
	job->state = JOB_SETTLING;
	work_post(job->o->io, remove_job, job);
}

static int apply_content(struct letter_job *job, const struct webex_message *m,
			 GPtrArray *changes)
{
	const struct outbox_letter *l = job->letter;
	struct store_content content = {
		.rowid = l->content_rowid,
		.room = job->room,
		.message = job->message,
		.name = l->filename,
		.size = l->size,
		.is_proven = true,
		.mtime_ms = l->mtime_ms,
	};

	if (l->form != LETTER_FILE || !m->files || !m->files[0])
		return 0;
	content.url = m->files[0];
	return store_apply_content(job->o->store, &content, &job->content, changes);
}

/* Keeps the message in the room with this row. It was delivered, even if the store fails. */
static void apply(struct letter_job *job, int64_t room, GPtrArray *changes)
{
	struct outbox *o = job->o;
	int64_t now_ms = clock_wall(o->clock), message = 0;
	int r = 0;

	if (job->letter->to.email)
		r = store_set_direct_email(o->store, room, job->letter->to.email);
	job->room = room;
	if (r == 0)
		r = store_apply_message(o->store, room, job->delivered, now_ms + PIN_MS,
					&message, changes);
	if (r == 0) {
		job->message = message;
		r = apply_content(job, job->delivered, changes);
	}
	if (r < 0)
		log_error("cache", "a delivered message is not in the store: %s",
			  g_strerror(-r));
	if (o->on_changes && changes->len > 0)
		o->on_changes(o->arg, changes);
	g_ptr_array_unref(changes);
	if (job->letter->arrived)
		job->letter->arrived(job->arg);
	job->state = JOB_SETTLING;
	work_post(o->io, remove_job, job);
}

/* Makes a room that could not be fetched from what the message says. */
static void guess_room(const struct letter_job *job, struct webex_room *room)
{
	static char no_title[] = "";
	const struct webex_message *m = job->delivered;

	memset(room, 0, sizeof(*room));
	room->id = m->room_id;
	room->title = job->letter->to.place ? job->letter->to.place : no_title;
	room->type = m->room_type;
	room->created_ms = -1;
	room->last_activity_ms = m->created_ms;
}

static void on_room(void *arg, struct webex_reply *reply)
{
	struct letter_job *job = arg;
	GPtrArray *changes = store_changes_new();
	const struct webex_room *fetched = NULL;
	struct webex_room guessed;
	int64_t room = 0;
	int r;

	job->call = 0;
	if (reply->error == 0 && reply->items && reply->items->len > 0)
		fetched = g_ptr_array_index(reply->items, 0);
	if (!fetched || strcmp(fetched->id, job->delivered->room_id) != 0) {
		guess_room(job, &guessed);
		fetched = &guessed;
	}
	r = store_apply_room(job->o->store, fetched, clock_wall(job->o->clock) + PIN_MS, &room,
			     changes);
	if (r < 0)
		log_error("cache", "a new space is not in the store: %s", g_strerror(-r));
	apply(job, room, changes);
}

static int find_room(struct outbox *o, const char *id, int64_t *ret_rowid)
{
	struct store_room room = {0};
	struct store_conn *conn;
	int r = store_read_begin(o->store, &conn);

	if (r < 0)
		return r;
	r = store_room_by_id(conn, id, &room);
	store_read_end(conn);
	if (r == 0) {
		*ret_rowid = room.rowid;
		store_room_clear(&room);
	}
	return r;
}

/* Keeps the spelling of an id that is known here, however the answer writes it. */
static void keep_id(char **id, const char *known)
{
	if (known && *id && strcmp(*id, known) != 0 && webex_id_is_same(*id, known)) {
		g_free(*id);
		*id = g_strdup(known);
	}
}

void outbox_job_deliver(struct letter_job *job, struct webex_message *m)
{
	struct outbox *o = job->o;
	int64_t room = job->letter->to.room;

	keep_id(&m->room_id, job->letter->to.room_id);
	if (job->letter->is_edit)
		keep_id(&m->id, job->letter->to.message_id);
	job->delivered = m;
	job->error = 0;
	if (!job->letter->is_edit || job->is_put)
		known_delivered(o->known, job->letter);
	g_hash_table_add(o->claims, g_strdup(m->id));
	if (job->state != JOB_CHECKING && !job->letter->is_edit)
		outbox_peers_claim(o, m->id);
	if (!m->room_id)
		m->room_id = g_strdup(job->letter->to.room_id);
	if (m->room_id && find_room(o, m->room_id, &room) == -ENOENT) {
		job->state = JOB_APPLYING;
		job->call = webex_get_room(o->client, m->room_id, on_room, job);
		return;
	}
	apply(job, room, store_changes_new());
}

/* ---- sending ---- */

static bool is_success(int status)
{
	return status >= 200 && status < 300;
}

/* Why the letter is unsent. A server that cannot be asked has refused nothing. */
static const char *why_unsent(const struct letter_job *job, const struct webex_reply *reply)
{
	if (!reply->status || is_success(reply->status))
		return "it could not be sent";
	if (job->is_asking && reply->status >= 500)
		return "the server did not say what it has, so nothing was sent";
	return "the server refused it";
}

void outbox_job_failed(struct letter_job *job, const struct webex_reply *reply)
{
	struct outbox *o = job->o;
	int error = reply->error ? reply->error : -EIO;
	bool is_ours = error == -ECANCELED || error == -ESHUTDOWN;

	if (outbox_recall_is_undone(job, reply)) {
		outbox_job_drop(job);
		return;
	}
	outbox_job_note_reply(job, reply);
	/* A success that cannot be read does not say which message it was. */
	if (!job->is_asking && (reply->may_have_applied || is_success(reply->status))) {
		job->error = error;
		job->is_answered = job->letter->is_edit && is_success(reply->status) &&
				   !outbox_answer_has_item(reply);
		if (o->is_closing)
			outbox_job_fail(job, OUTBOX_IN_DOUBT, error,
					g_strdup("sparkfs ended before the answer came: it may "
						 "have arrived"));
		else
			outbox_check_begin(job);
	} else if (is_ours && o->is_closing) {
		outbox_job_fail(job, OUTBOX_UNSENT, -ESHUTDOWN,
				g_strdup("sparkfs ended before it was sent"));
	} else if (is_ours && job->is_detached) {
		outbox_job_fail_unsubmitted(job);
	} else {
		known_refused(o->known, job->letter, reply->status, reply->message);
		if (!outbox_root_begin(job, reply))
			outbox_job_fail(job, OUTBOX_UNSENT, error,
					g_strdup(why_unsent(job, reply)));
	}
}
