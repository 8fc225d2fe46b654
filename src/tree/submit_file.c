/* SPDX-License-Identifier: MIT */
/*
 * Changes of pending files: scratch files, and files that are being sent.
 *
 *                  file_change_submit
 *     rename, send ------+-------> in line behind the change before it
 *                        |               | file_change_leave of that one
 *                        v               v
 *                      start: still listed?  --no--> -ENOENT: the one before sent it, or rm took it
 *                        | yes
 *                        v
 *                      submission_begin ... submission_finish
 *
 *     rm --> file_drop: the name goes, and what of it is under way is recalled (outbox.h)
 *                  | nothing arrived           | it arrived all the same
 *                  v                           v
 *                finish <---------------- that message is deleted
 *
 * Of several `mv` of one file only one sends it, even if some were interrupted and go on
 * although nobody waits for them.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "tree/submit.h"

/* ---- by turns ---- */

static void start(struct submission *s)
{
	const struct tree_waiting *w = s->plan.waiting;

	if (w && w->is_over)
		submission_finish(s, -EINTR, 0);
	else if (s->plan.action != TREE_DO_HIDE &&
		 !pending_is_listed(s->tree->pendings, s->plan.pending))
		submission_finish(s, -ENOENT, 0);
	else
		submission_begin(s);
}

void file_change_submit(struct submission *s)
{
	struct pending *p = s->plan.pending;

	g_queue_push_tail(&p->changes, s);
	if (g_queue_get_length(&p->changes) == 1)
		start(s);
}

void file_change_leave(struct submission *s)
{
	struct pending *p = s->plan.pending;
	struct submission *next;

	if (!p || !g_queue_remove(&p->changes, s))
		return;
	next = g_queue_peek_head(&p->changes);
	if (next)
		start(next);
}

bool file_is_being_sent(struct pending *p)
{
	const struct submission *s = g_queue_peek_head(&p->changes);

	return s && (s->plan.action == TREE_DO_SEND || s->plan.kept) &&
	       draft_is_at(p->draft, s->plan.state);
}

static void rename_scratch(struct submission *s)
{
	pending_rename(s->tree->pendings, s->plan.pending, s->plan.text);
	tree_tell_stays(s->tree, s->plan.pending);
}

void file_rename(struct submission *s)
{
	if (s->plan.action == TREE_DO_NAME)
		pending_name(s->tree->pendings, s->plan.pending, s->plan.text);
	else
		rename_scratch(s);
	tree_tell_passed(s->tree, s->plan.pending);
	if (pending_waits(s->tree->pendings, s->plan.pending))
		tree_tell_waits(s->tree, s->plan.text);
	submission_finish(s, 0, 0);
}

/* ---- rm ---- */

/* Notes the message of an earlier version that was sent under this row. */
static void note_sent(struct submission *s, GArray *messages)
{
	struct store_content content = {0};
	struct store_conn *conn;

	if (store_read_begin(s->tree->config.store, &conn))
		return;
	if (store_content_get(conn, s->plan.pending->content_row, &content) == 0 &&
	    !content.gone && content.message)
		g_array_append_val(messages, content.message);
	store_content_clear(&content);
	store_read_end(conn);
}

static int aim_at(struct submission *s, int64_t row)
{
	struct store_message m = {0};
	struct store_conn *conn;
	int r = store_read_begin(s->tree->config.store, &conn);

	if (r)
		return r;
	r = store_message_get(conn, row, &m);
	if (r == 0 && m.deleted)
		r = -ENOENT;
	if (r == 0) {
		s->plan.row = row;
		s->plan.room = m.room;
		g_free(s->plan.id);
		s->plan.id = g_strdup(m.m.id);
		s->has_read = s->has_waited = false;
		s->error = 0;
	}
	store_message_clear(&m);
	store_read_end(conn);
	return r;
}

bool file_drop_next(struct submission *s)
{
	int64_t row;

	while (s->messages && s->messages->len) {
		row = g_array_index(s->messages, int64_t, s->messages->len - 1);
		g_array_set_size(s->messages, s->messages->len - 1);
		if (aim_at(s, row) == 0) {
			submission_delete_message(s);
			return true;
		}
	}
	return false;
}

static void recalled(void *arg, int error, const GArray *arrived)
{
	struct submission *s = arg;

	if (error)
		log_last_error(
			"rm %s: it was being sent, and whether it arrived is not known (%s): "
			"see .sparkfs/unsent, and look in the space",
			s->plan.text, strerror(-error));
	s->messages = g_array_new(FALSE, FALSE, sizeof(int64_t));
	note_sent(s, s->messages);
	for (guint i = 0; i < arrived->len; i++) {
		int64_t row = g_array_index(arrived, int64_t, i);

		if (!s->messages->len || g_array_index(s->messages, int64_t, 0) != row)
			g_array_append_val(s->messages, row);
	}
	s->rm_error = error;
	if (!file_drop_next(s))
		submission_finish(s, error, 0);
}

void file_drop(struct submission *s)
{
	/* After this nothing more of it is sent. */
	pending_remove(s->tree->pendings, s->plan.pending);
	tree_tell_passed(s->tree, s->plan.pending);
	outbox_recall(s->tree->config.outbox, s->plan.pending->content_row, recalled, s);
}
