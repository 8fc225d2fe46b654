/* SPDX-License-Identifier: MIT */
/*
 * Checks whether the server did what it was asked to do. A 2xx alone does not say so: a proxy
 * may answer from its cache, and the server may silently leave out what it does not allow.
 */
#include <string.h>

#include "base/cleanup.h"
#include "outbox/internal.h"
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
