/* SPDX-License-Identifier: MIT */
/*
 * Finds out whether a letter arrived, after an ambiguous failure (outbox.h 4).
 *
 *     outbox_check_begin
 *           v
 *          ask -> on_list / on_message ------------found------------> outbox_job_deliver
 *                     ^        |  ^ look, on_look (files, one by one)
 *                     |        +--+
 *                     |            |  (a rival is on the wire) --+
 *                     |            +--not found, the first time -+
 *                     +-- [timer] ---------------- pause <-------+
 *                                  +--not found, the second time ---> outbox_job_fail: unsent or in doubt
 *
 * Each of two mistakes would lose a message or send it twice, so an uncertain letter is in
 * doubt. A message counts as the letter only if it is mine, says the same (or its file has the
 * same name and is not known to have another size), was created after we began (by the server's
 * clock, if that is known), was not in the store before (then its row would be lower than the
 * letter's number, since one counter makes both), and is not another letter's.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "outbox/internal.h"
#include "outbox/said.h"
#include "outbox/thread.h"
#include "webex/id.h"
#include "webex/render.h"

#define MESSAGES_ASKED 50
#define PAGES_MAX 4
#define MISSES_MAX 2
#define TRIES_MAX 5
#define RIVAL_WAITS_MAX 20
/* At most so many files of one name are looked at in one check. */
#define LOOKS_MAX 200
/* How far the server's clock and ours may be apart: if a delivery told us the difference, and
 * if not. */
#define SKEW_KNOWN_MS INT64_C(120000)
#define SKEW_UNKNOWN_MS INT64_C(600000)
/* A message that is mine, the same and new to us, but older than our begin by less than this,
 * leaves a doubt, since our clock may be wrong by hours. */
#define DOUBT_MS INT64_C(86400000)

static void ask(void *arg);

void outbox_check_clear(struct letter_job *job)
{
	if (job->page)
		g_ptr_array_unref(job->page);
	job->page = NULL;
	job->page_left = 0;
	g_free(job->page_next);
	job->page_next = NULL;
}

static void give_up(struct letter_job *job, enum outbox_state state, const char *reason)
{
	outbox_job_fail(job, state, job->error, g_strdup(reason));
}

static int64_t window_start(const struct letter_job *job)
{
	const struct outbox *o = job->o;

	if (o->has_skew)
		return job->sent_ms + o->skew_ms - SKEW_KNOWN_MS;
	return job->sent_ms - SKEW_UNKNOWN_MS;
}

static void pause_then_ask(struct letter_job *job)
{
	struct outbox *o = job->o;
	int64_t pause_ms = (int64_t)o->check_pause_ms << job->tries;

	if (o->is_closing) {
		give_up(job, OUTBOX_IN_DOUBT,
			"sparkfs ended before it was known whether it arrived");
		return;
	}
	job->timer = work_post_at(o->cache, clock_mono(clock_system()) + pause_ms, ask, job);
}

/* ---- comparing ---- */

static bool is_delivered(const struct outbox_letter *l, const struct said *said,
			 const struct webex_message *m)
{
	bool has_file = m->files && m->files[0];

	if (l->form == LETTER_FILE ? !has_file || m->files[1] : has_file)
		return false;
	return said_is_in(said, m);
}

bool outbox_check_is_delivered(const struct outbox_letter *l, const struct webex_message *m)
{
	struct said said;
	bool is = said_by(l, &said) && is_delivered(l, &said, m);

	said_clear(&said);
	return is;
}

enum verdict { VERDICT_NO, VERDICT_DOUBTFUL, VERDICT_IT };

/* Who asks, and what for. */
struct question {
	struct store_conn *conn;
	char *me;
	struct said said;
	struct thread thread;
};

/* A list of a thread may leave out to which thread its messages belong; but a server that knows no such
 * lists gives those of the space. */
static enum thread_fit fits(const struct letter_job *job, const struct question *q,
			    const struct webex_message *m)
{
	return job->in_thread && !m->parent_id ? THREAD_IS_UNSURE
					       : thread_fits(&q->thread, m->parent_id);
}

static enum verdict judge(const struct letter_job *job, const struct question *q,
			  const struct webex_message *m)
{
	const struct outbox_letter *l = job->letter;
	int64_t rowid, start_ms = window_start(job);
	enum thread_fit fit = fits(job, q, m);

	if (!m->person_id || !webex_id_is_same(m->person_id, q->me) ||
	    fit == THREAD_IS_ANOTHER || m->created_ms < start_ms - DOUBT_MS ||
	    !is_delivered(l, &q->said, m) || g_hash_table_contains(job->o->claims, m->id))
		return VERDICT_NO;
	if (store_message_by_id(q->conn, m->id, &rowid) == 0) {
		if (rowid < job->note.n)
			return VERDICT_NO;
		/* An earlier run may have known that it is another letter's. */
		if (rowid < job->known_until)
			return VERDICT_DOUBTFUL;
	}
	return m->created_ms < start_ms || fit == THREAD_IS_UNSURE ? VERDICT_DOUBTFUL
								   : VERDICT_IT;
}

/* Finds the oldest of the first `len` items that could be the letter; -1: there is none. So of
 * equal letters the first one gets the first message. A file must still be looked at. */
static int find_it(struct letter_job *job, const GPtrArray *items, guint len)
{
	struct question q = {.me = NULL};
	int found = -1;

	thread_of(job->o, job->letter, &q.thread);
	if (store_read_begin(job->o->store, &q.conn) < 0) {
		thread_clear(&q.thread);
		job->is_doubtful = true;
		return -1;
	}
	q.me = store_meta_get(q.conn, "me.id");
	if (!q.me)
		job->is_doubtful = true;
	/* outbox_check_begin() has seen that it can be compared. */
	(void)said_by(job->letter, &q.said);
	for (guint i = 0; q.me && i < len; i++) {
		enum verdict verdict = judge(job, &q, g_ptr_array_index(items, i));

		if (verdict == VERDICT_IT)
			found = (int)i;
		else if (verdict == VERDICT_DOUBTFUL)
			job->is_doubtful = true;
	}
	store_read_end(q.conn);
	said_clear(&q.said);
	thread_clear(&q.thread);
	g_free(q.me);
	return found;
}

/* True if another letter could have become the same message and is not answered yet. */
static bool has_rival(const struct letter_job *job)
{
	const struct outbox_letter *l = job->letter;
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, job->o->jobs);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct letter_job *other = value;
		const struct outbox_letter *k = other->letter;

		if (other == job || other->state != JOB_WIRE || k->is_edit != l->is_edit ||
		    !destination_is_same(&k->to, &l->to))
			continue;
		if (said_is_same(k, l) && thread_may_be_same(job->o, k, l))
			return true;
	}
	return false;
}

/* ---- asking ---- */

static void not_found(struct letter_job *job)
{
	const struct outbox_letter *l = job->letter;

	if (++job->misses < MISSES_MAX) {
		pause_then_ask(job);
		return;
	}
	if (job->is_answered) {
		give_up(job, OUTBOX_UNSENT,
			"the server said that it was done, but the message is as it was");
		return;
	}
	/* A mention by address comes back as one by id. */
	if (!l->is_edit && said_may_change(l))
		job->is_doubtful = true;
	if (job->is_doubtful || l->form == LETTER_FILE || (job->is_slow && !l->is_edit))
		give_up(job, OUTBOX_IN_DOUBT,
			"no answer came, and the newest messages do not tell whether it "
			"arrived");
	else
		give_up(job, OUTBOX_UNSENT, "it did not arrive");
}

/* True if asking again would give the same answer. */
static bool is_final(const struct webex_reply *reply)
{
	return reply->status >= 400 && reply->status < 500 && reply->status != 423 &&
	       reply->status != 429;
}

/* The question itself failed. */
static void on_error(struct letter_job *job, const struct webex_reply *reply)
{
	if (job->in_thread && is_final(reply)) {
		/* Its root is gone, or the server has no such lists. */
		job->is_thread_refused = true;
		pause_then_ask(job);
		return;
	}
	if (!job->o->is_closing && (is_final(reply) || ++job->tries >= TRIES_MAX))
		give_up(job, OUTBOX_IN_DOUBT,
			"no answer came, and asking whether it arrived failed too");
	else
		pause_then_ask(job);
}

static void deliver(struct letter_job *job, GPtrArray *items, int i)
{
	const struct webex_message *m = g_ptr_array_index(items, (guint)i);

	if (!has_rival(job) && !outbox_peers_have_rival(job)) {
		if (outbox_peers_claim(job->o, m->id)) {
			outbox_job_deliver(job, g_ptr_array_steal_index(items, (guint)i));
			return;
		}
		/* It is not ours, but the next one that is found may be. */
		g_hash_table_add(job->o->claims, g_strdup(m->id));
		ask(job);
	} else if (++job->rival_waits < RIVAL_WAITS_MAX) {
		pause_then_ask(job);
	} else {
		give_up(job, OUTBOX_IN_DOUBT,
			"no answer came; a message that says the same is there, but may be "
			"another");
	}
}

static bool reaches_back(const struct letter_job *job, const GPtrArray *items)
{
	const struct webex_message *last;

	if (items->len == 0)
		return true;
	last = g_ptr_array_index(items, items->len - 1);
	return last->created_ms < window_start(job);
}

static void on_list(void *arg, struct webex_reply *reply);

static void ask_page(struct letter_job *job, const char *next)
{
	struct webex_list list = {
		.room_id = job->letter->to.room_id,
		.max = MESSAGES_ASKED,
		.next = next,
	};
	struct thread thread;

	/* A busy space has pushed a reply out of its newest messages before its thread does. Of a reply to a
	 * message that nobody knows it cannot be told in whose thread it is. */
	thread_of(job->o, job->letter, &thread);
	if (!next)
		job->in_thread = thread.is_certain && !job->is_thread_refused;
	list.parent_id = job->in_thread ? thread.root : NULL;
	job->call = webex_list_messages(job->o->client, &list, on_list, job);
	thread_clear(&thread);
}

/* No item of this page is the letter. */
static void page_is_over(struct letter_job *job)
{
	_cleanup_gfree_ char *next = steal_ptr(&job->page_next);
	bool is_last = reaches_back(job, job->page) || !next;

	outbox_check_clear(job);
	if (is_last || job->o->is_closing) {
		not_found(job);
	} else if (++job->pages < PAGES_MAX) {
		ask_page(job, next);
	} else {
		job->is_doubtful = true;
		not_found(job);
	}
}

static void look(struct letter_job *job);

/* The answer with the name and size of one of my files there. */
static void on_look(void *arg, struct webex_reply *reply)
{
	const struct outbox_letter *l;
	struct letter_job *job = arg;
	int i = (int)job->page_left;

	job->call = 0;
	l = job->letter;
	if (reply->error && reply->error != -ENOENT) {
		outbox_check_clear(job);
		on_error(job, reply);
	} else if (reply->error || !reply->content_name) {
		job->is_doubtful = true;
		look(job);
	} else if (strcmp(reply->content_name, l->filename) != 0 ||
		   (reply->content_bytes >= 0 && reply->content_bytes != l->size)) {
		look(job);
	} else if (find_it(job, job->page, job->page_left + 1) != i) {
		/* Another letter claimed it meanwhile. */
		look(job);
	} else {
		deliver(job, job->page, i);
	}
}

/* Looks at the oldest message that could be the letter, then at newer ones. */
static void look(struct letter_job *job)
{
	int i = find_it(job, job->page, job->page_left);
	const struct webex_message *m;

	if (i >= 0 && job->looks++ >= LOOKS_MAX) {
		job->is_doubtful = true;
		i = -1;
	}
	if (i < 0 || job->o->is_closing) {
		page_is_over(job);
		return;
	}
	m = g_ptr_array_index(job->page, (guint)i);
	job->page_left = (guint)i;
	job->call = webex_head_content(job->o->client, m->files[0], on_look, job);
}

static void on_list(void *arg, struct webex_reply *reply)
{
	struct letter_job *job = arg;
	int i;

	job->call = 0;
	/* Nobody ever wrote to that person. */
	if (reply->error == -ENOENT && job->letter->to.email) {
		not_found(job);
		return;
	}
	if (reply->error || !reply->items) {
		on_error(job, reply);
		return;
	}
	job->is_doubtful |=
		reply->skipped > 0 || (reply->is_cut && !reaches_back(job, reply->items));
	outbox_check_clear(job);
	job->page = steal_ptr(&reply->items);
	job->page_left = job->page->len;
	job->page_next = steal_ptr(&reply->next);
	if (job->letter->form == LETTER_FILE) {
		look(job);
		return;
	}
	i = find_it(job, job->page, job->page->len);
	if (i >= 0)
		deliver(job, job->page, i);
	else
		page_is_over(job);
}

static bool is_edited(const struct letter_job *job, const struct webex_message *m)
{
	if (!webex_id_is_same(m->id, job->letter->to.message_id))
		return false;
	/* The server may have changed the text; it only must not be the old one. */
	return outbox_check_is_delivered(job->letter, m) ||
	       (job->is_answered && job->old && !outbox_answer_is_old(job, m));
}

/* An edit can be repeated; the message shows whether the last try took effect. */
static void on_message(void *arg, struct webex_reply *reply)
{
	struct letter_job *job = arg;

	job->call = 0;
	if (reply->error || !reply->items || reply->items->len == 0)
		on_error(job, reply);
	else if (is_edited(job, g_ptr_array_index(reply->items, 0)))
		outbox_job_deliver(job, g_ptr_array_steal_index(reply->items, 0));
	else
		not_found(job);
}

static void ask(void *arg)
{
	struct letter_job *job = arg;
	const struct outbox_letter *l = job->letter;

	job->timer = 0;
	job->pages = 0;
	if (l->is_edit)
		job->call =
			webex_get_message(job->o->client, l->to.message_id, on_message, job);
	else if (l->to.email)
		job->call = webex_list_direct(job->o->client, l->to.email, on_list, job);
	else
		ask_page(job, NULL);
}

/* A bot sees only messages that mention it. */
static bool is_group(const struct letter_job *job)
{
	struct store_room room = {0};
	struct store_conn *conn;
	bool is_direct = job->letter->to.email != NULL;

	if (is_direct || store_read_begin(job->o->store, &conn) < 0)
		return !is_direct;
	if (store_room_by_id(conn, job->letter->to.room_id, &room) == 0) {
		is_direct = room.room.type == WEBEX_ROOM_DIRECT;
		store_room_clear(&room);
	}
	store_read_end(conn);
	return !is_direct;
}

void outbox_check_begin(struct letter_job *job)
{
	job->state = JOB_CHECKING;
	job->is_slow |= job->error == -ETIMEDOUT;
	if (job->letter->form == LETTER_SUBMIT)
		give_up(job, OUTBOX_IN_DOUBT,
			"no answer came; it may have arrived, which nobody but the author of "
			"the card can see");
	else if (!said_is_comparable(job->letter))
		give_up(job, OUTBOX_IN_DOUBT,
			"no answer came; it may have arrived, which cannot be told of raw "
			"JSON that has more than text and Markdown");
	else if (job->o->is_bot && !job->letter->is_edit && is_group(job))
		give_up(job, OUTBOX_IN_DOUBT,
			"no answer came; it may have arrived, which a bot cannot see here");
	else
		ask(job);
}

void outbox_check_unchanged(struct letter_job *job)
{
	job->state = JOB_CHECKING;
	job->is_answered = true;
	/* The message is read once; a change that becomes visible late has the time until then. */
	job->misses = MISSES_MAX - 1;
	pause_then_ask(job);
}

void outbox_check_abort(struct letter_job *job)
{
	/* Each cancelled call ends in on_error. */
	if (job->call)
		webex_cancel(job->o->client, job->call);
	else if (job->timer && work_cancel(job->o->cache, job->timer))
		give_up(job, OUTBOX_IN_DOUBT,
			"sparkfs ended before it was known whether it arrived");
}
