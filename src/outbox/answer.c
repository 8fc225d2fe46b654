/* SPDX-License-Identifier: MIT */
/*
 * The answer to the request, and whether the server did what it was asked to do. A 2xx alone does
 * not say so: a proxy may answer from its cache, and the server may silently leave out what it does
 * not allow.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "outbox/internal.h"
#include "outbox/said.h"
#include "outbox/thread.h"
#include "webex/id.h"

void outbox_answer_note_old(struct letter_job *job)
{
	const struct outbox_letter *l = job->letter;
	struct store_message m = {0};
	struct store_conn *conn;
	bool is_evicted = true;
	int64_t row;

	g_free(job->old);
	job->old = g_strdup(l->base);
	if (job->old || store_read_begin(job->o->store, &conn) < 0)
		return;
	if (store_message_by_id(conn, l->to.message_id, &row) == 0 &&
	    store_message_is_evicted(conn, row, &is_evicted) == 0 && !is_evicted &&
	    store_message_get(conn, row, &m) == 0) {
		job->old = letter_form_render(l->form, &m.m);
		store_message_clear(&m);
	}
	store_read_end(conn);
}

static bool was_known_before(const struct letter_job *job, const struct webex_message *m)
{
	struct store_conn *conn;
	int64_t row;
	bool was_known;

	if (store_read_begin(job->o->store, &conn) < 0)
		return false;
	/* Rows and letters are numbered by one counter (check.c). */
	was_known = store_message_by_id(conn, m->id, &row) == 0 && row < job->note.n;
	store_read_end(conn);
	return was_known;
}

bool outbox_answer_is_old(const struct letter_job *job, const struct webex_message *m)
{
	_cleanup_gfree_ char *now = NULL;

	if (!job->letter->is_edit)
		return was_known_before(job, m);
	if (!job->old)
		return false;
	now = letter_form_render(job->letter->form, m);
	return webex_is_same_text(now, job->old) && !outbox_check_is_delivered(job->letter, m);
}

/* True if the message is of another person. What cannot be read is not held against it. */
static bool is_of_another(const struct letter_job *job, const struct webex_message *m)
{
	_cleanup_gfree_ char *me = NULL;
	struct store_conn *conn;

	if (!m->person_id || store_read_begin(job->o->store, &conn) < 0)
		return false;
	me = store_meta_get(conn, "me.id");
	store_read_end(conn);
	return me && !webex_id_is_same(m->person_id, me);
}

bool outbox_answer_is_another(const struct letter_job *job, const struct webex_message *m)
{
	const struct outbox_letter *l = job->letter;

	if (l->is_edit)
		return !webex_id_is_same(m->id, l->to.message_id);
	if (l->to.room_id && m->room_id && !webex_id_is_same(m->room_id, l->to.room_id))
		return true;
	return is_of_another(job, m);
}

/* True if the message is not in the thread that the letter is for, or in one though the letter is for the
 * space itself. */
static bool is_elsewhere(const struct letter_job *job, const struct webex_message *m)
{
	struct thread thread;
	bool is;

	/* A message that is edited is where it is. */
	if (job->letter->is_edit)
		return false;
	thread_of(job->o, job->letter, &thread);
	is = thread_fits(&thread, m->parent_id) != THREAD_FITS;
	thread_clear(&thread);
	return is;
}

bool outbox_answer_has_item(const struct webex_reply *reply)
{
	return !reply->error && reply->items && reply->items->len > 0;
}

/* ---- the answer to the request ---- */

static bool is_partial(const struct outbox_letter *l, const struct webex_message *m)
{
	bool has_text = l->form != LETTER_FILE && !letter_form_is_json(l->form);

	return !m->person_id || !m->room_id || (l->form == LETTER_FILE && !m->files) ||
	       (has_text && !m->text && !m->markdown && !m->html);
}

/* Fills in what we know of the message ourselves. What the server has is its word, though: a whole message
 * without a parentId is in no thread. */
static void complete(const struct letter_job *job, struct webex_message *m, bool is_whole)
{
	const struct outbox_letter *l = job->letter;
	struct store_conn *conn;

	if (!m->person_id && store_read_begin(job->o->store, &conn) == 0) {
		m->person_id = store_meta_get(conn, "me.id");
		store_read_end(conn);
	}
	if (!is_whole && !m->parent_id && !l->is_edit) {
		struct thread thread;

		thread_of(job->o, l, &thread);
		m->parent_id = g_steal_pointer(&thread.root);
		thread_clear(&thread);
	}
	if (m->text || m->markdown || m->html)
		return;
	if (l->form == LETTER_TEXT)
		m->text = g_strdup(l->body);
	else if (l->form == LETTER_MARKDOWN)
		m->markdown = g_strdup(l->body);
}

/* The complete answer has come. */
static void answered(struct letter_job *job, struct webex_message *m)
{
	bool is_edit = job->letter->is_edit;

	if (outbox_answer_is_old(job, m)) {
		webex_message_free(m);
		job->error = -EIO;
		if (is_edit)
			outbox_check_unchanged(job);
		else
			outbox_check_begin(job);
		return;
	}
	if (!is_edit && m->created_ms > 0) {
		job->o->skew_ms = m->created_ms - job->answered_ms;
		job->o->has_skew = true;
	}
	outbox_job_deliver(job, m);
}

/*
 * True if the answer is none to the letter. The service refuses a reply to a reply; another server may put it
 * under the root of that, or into the space (webex-api.md 6.5), and then it has arrived. `is_whole`: it is what
 * the server has, and not only what the answer said.
 */
static bool is_of_something_else(const struct letter_job *job, const struct webex_message *m,
				 bool is_whole)
{
	const struct outbox_letter *l = job->letter;
	_cleanup_gfree_ char *where = destination_name(&l->to);

	if (!is_whole)
		/* A success that does not say where, of a message that is not there, may be no
		 * success. */
		return (!m->room_id && !l->is_edit) || (m->parent_id && is_elsewhere(job, m));
	if (outbox_answer_is_another(job, m))
		return true;
	if (!is_elsewhere(job, m))
		return false;
	if (g_hash_table_contains(job->o->claims, m->id) ||
	    (said_is_comparable(l) && !outbox_check_is_delivered(l, m)))
		return true;
	log_last_error(
		"a message to %s, written by %s (%d): it was sent, but the server put it "
		"%s",
		where, l->comm ? l->comm : "?", (int)l->pid,
		m->parent_id ? "into another thread" : "into the space itself");
	return false;
}

static void on_whole(void *arg, struct webex_reply *reply)
{
	struct letter_job *job = arg;
	struct webex_message *m = steal_ptr(&job->delivered);
	bool is_whole = false;

	job->call = 0;
	if (outbox_answer_has_item(reply)) {
		const struct webex_message *whole = g_ptr_array_index(reply->items, 0);

		is_whole = webex_id_is_same(whole->id, m->id);
	}
	if (is_whole) {
		webex_message_free(m);
		m = g_ptr_array_steal_index(reply->items, 0);
	}
	if (is_of_something_else(job, m, is_whole)) {
		webex_message_free(m);
		job->error = -EIO;
		job->is_doubtful = true;
		outbox_check_begin(job);
		return;
	}
	if (is_whole && job->letter->form == LETTER_FILE && !m->files) {
		g_hash_table_add(job->o->claims, g_strdup(m->id));
		webex_message_free(m);
		outbox_job_fail(job, OUTBOX_IN_DOUBT, -EIO,
				g_strdup("the server has a message of it, but the file is not "
					 "in that message"));
		return;
	}
	complete(job, m, is_whole);
	answered(job, m);
}

void outbox_job_answered(void *arg, struct webex_reply *reply)
{
	struct letter_job *job = arg;
	struct outbox *o = job->o;
	struct webex_message *m;

	g_assert(work_on_thread(o->cache));
	g_assert(job->state == JOB_WIRE);
	job->call = 0;
	outbox_upload_end(job);
	if (o->on_reply)
		o->on_reply(o->arg, reply);
	if (!outbox_answer_has_item(reply) ||
	    outbox_answer_is_another(job, g_ptr_array_index(reply->items, 0))) {
		outbox_job_failed(job, reply);
		return;
	}
	m = g_ptr_array_steal_index(reply->items, 0);
	job->answered_ms = clock_wall(o->clock);
	if (!is_partial(job->letter, m) && !is_elsewhere(job, m)) {
		answered(job, m);
		return;
	}
	/* The answer may lack fields, or tell of another thread, and names are given only once, so
	 * the whole message is fetched. */
	job->state = JOB_APPLYING;
	job->delivered = m;
	job->call = webex_get_message(o->client, m->id, on_whole, job);
}
