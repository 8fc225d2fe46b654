/* SPDX-License-Identifier: MIT */
#include "tree/submit.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "tree/object.h"
#include "webex/id.h"
#include "webex/same.h"

/* The object is read again after this time, since a change may become visible late. */
#define LOOK_AGAIN_MS 2000

/* ---- before ---- */

void submission_note(struct submission *s)
{
	const struct tree_plan *plan = &s->plan;
	const struct tree_object *object = tree_object_of(plan->action);
	struct store *store = s->tree->config.store;
	struct store_conn *conn;

	if (plan->action == TREE_DO_MAKE_ROOM || plan->action == TREE_DO_INVITE ||
	    plan->action == TREE_DO_MAKE_WEBHOOK)
		s->began = store_new_rowid(store);
	if (plan->action == TREE_DO_RENAME_ROOM)
		s->asked = webex_place(plan->type)->title_body(plan->text);
	else if (object && plan->action == object->update)
		s->asked = g_strdup(plan->text);
	if (!object || !s->asked || store_read_begin(store, &conn))
		return;
	s->before = object->before(conn, plan->row);
	store_read_end(conn);
}

void submission_free(struct submission *s)
{
	tree_plan_clear(s->tree, &s->plan);
	g_free(s->asked);
	g_free(s->before);
	g_free(s->said);
	if (s->messages)
		g_array_unref(s->messages);
	g_free(s);
}

/* ---- looking ---- */

/* The line for last-error with the server's words, since the person sees only an errno. Owned. */
static char *words(const char *what, const struct webex_reply *reply)
{
	_cleanup_gfree_ char *said = webex_reply_words(reply);

	return g_strdup_printf("%s: %s: %s", what, strerror(-reply->error), said);
}

static void read_it(struct submission *s)
{
	tree_object_of(s->plan.action)->get(s->tree->config.client, &s->plan, s->again, s);
}

static void read_now(void *arg)
{
	struct submission *s = arg;

	g_queue_unlink(&s->tree->looking, &s->link);
	read_it(s);
}

static void read_later(struct submission *s)
{
	struct tree *t = s->tree;

	if (t->is_shut) {
		read_it(s);
		return;
	}
	s->link.data = s;
	g_queue_push_tail_link(&t->looking, &s->link);
	s->timer = work_post_at(t->config.queue, clock_mono(clock_system()) + LOOK_AGAIN_MS,
				read_now, s);
}

void tree_shutdown(struct tree *t)
{
	GList *link = t->looking.head;

	t->is_shut = true;
	/* Waiting changes are read at once: the loop may have ended, but a timer would
	 * certainly be lost. */
	while (link) {
		struct submission *s = link->data;

		link = link->next;
		if (work_cancel(t->config.queue, s->timer))
			read_now(s);
	}
}

static void keep_error(struct submission *s, int error, char *said)
{
	s->error = error;
	g_free(s->said);
	s->said = said;
}

/* ---- changes ---- */

/* True if the answer has another object than the one that was changed, so that it says nothing
 * of this one. */
static bool is_about_another(const struct submission *s, const struct webex_reply *reply)
{
	if (reply->error || !reply->items->len || !s->plan.id)
		return false;
	return !webex_id_is_same(webex_item_id(reply->items->pdata[0]), s->plan.id);
}

/* The name of a field that was to change and has its old value. Owned; NULL: there is none, or
 * nothing to compare. */
static char *unchanged(const struct submission *s, const struct webex_reply *reply)
{
	_cleanup_gfree_ char *now = NULL;

	if (reply->error || !reply->items->len || !s->asked || !s->before ||
	    is_about_another(s, reply))
		return NULL;
	now = tree_object_of(s->plan.action)->json(reply->items->pdata[0]);
	return webex_unchanged_field(s->asked, s->before, now);
}

static char *unchanged_words(const char *what, const char *field)
{
	return g_strdup_printf("%s: the server said that it was done, but \"%s\" is as it was",
			       what, field);
}

bool submission_must_look(struct submission *s, const char *what,
			  const struct webex_reply *reply, webex_done again)
{
	bool is_open = reply->error ? reply->may_have_applied : !reply->items->len;
	_cleanup_gfree_ char *field = NULL;

	if (!s->asked || !s->plan.id)
		return false;
	is_open |= is_about_another(s, reply);
	s->again = again;
	if (is_open && !s->has_read) {
		s->has_read = true;
		if (reply->error)
			keep_error(s, reply->error, words(what, reply));
		read_it(s);
		return true;
	}
	field = unchanged(s, reply);
	if (!field || s->has_waited)
		return false;
	s->has_read = s->has_waited = true;
	if (!s->error)
		keep_error(s, -EIO, unchanged_words(what, field));
	read_later(s);
	return true;
}

int submission_outcome(struct submission *s, const char *what, const struct webex_reply *reply)
{
	_cleanup_gfree_ char *field = unchanged(s, reply);
	bool is_told = !reply->error && reply->items->len && !field &&
		       !(s->asked && is_about_another(s, reply));

	if (!is_told && s->has_read) {
		if (s->said)
			log_last_error("%s", s->said);
		return s->error;
	}
	if (reply->error) {
		keep_error(s, reply->error, words(what, reply));
		log_last_error("%s", s->said);
		return s->error;
	}
	return reply->items->len ? 0 : -EIO;
}

/* ---- deletions ---- */

#define HTTP_NOT_FOUND 404
#define HTTP_GONE 410

static void proven(void *arg, enum proof_verdict verdict)
{
	struct submission *s = arg;
	bool is_gone = verdict == PROOF_GONE;
	int r = is_gone ? s->gone_error : s->error;

	if (r && s->said)
		log_last_error("%s%s", s->said,
			       is_gone || r != -EBUSY ? ""
			       : verdict == PROOF_THERE
				       ? "; but it is there: try again"
				       : "; that alone proves nothing: it stays");
	s->end(s, r);
}

bool submission_must_prove(struct submission *s, const char *what,
			   const struct webex_reply *reply, enum proof_kind kind, int64_t row,
			   void (*end)(struct submission *s, int error))
{
	bool is_absent = reply->status == HTTP_NOT_FOUND || reply->status == HTTP_GONE;
	bool was_tried = reply->error ? reply->may_have_applied : is_absent;

	if (!s->plan.id || (!is_absent && !was_tried))
		return false;
	s->end = end;
	s->gone_error = was_tried ? 0 : reply->error;
	if (reply->error)
		keep_error(s, is_absent ? -EBUSY : reply->error, words(what, reply));
	else
		keep_error(s, -EBUSY, g_strdup_printf("%s: the server did not find it", what));
	proof_ask(s->tree->config.pager, kind, row, was_tried, proven, s);
	return true;
}

int submission_outcome_of_delete(struct submission *s, const char *what,
				 const struct webex_reply *reply)
{
	if (!reply->error)
		return 0;
	keep_error(s, reply->error, words(what, reply));
	log_last_error("%s", s->said);
	return s->error;
}
