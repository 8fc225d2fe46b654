/* SPDX-License-Identifier: MIT */
/*
 * A file is to be sent again that has the name, size and bytes of the newest version (cron's
 * `cp`). It is not sent a second time if that version is still at the server. The server is
 * asked first, since what is known here may be old.
 *
 *     begin --no such version--> post
 *       |                         ^  ^
 *       | same name and size      |  |
 *     [io] sum  -- other bytes ---+  |
 *       |                            |
 *     GET of its message --404-------+
 *       |       |        \--nobody waits any more, or it was removed: not sent
 *       |       +-- no answer --> unsent: sent now it might be there twice
 *       v
 *     there --> done(0), nothing is sent
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "outbox/draft.h"
#include "outbox/internal.h"
#include "outbox/thread.h"
#include "webex/id.h"

/* The newest version in the thread that the letter is for, or in all of the space: there, too, it is under
 * its name. */
static int find_version(const struct letter_job *job, struct store_conn *conn,
			struct store_content *ret_content)
{
	const struct outbox_letter *l = job->letter;
	struct store_range range = {.room = l->to.room};
	struct thread thread;

	thread_of(job->o, l, &thread);
	range.thread = thread.row;
	thread_clear(&thread);
	if (l->to.parent_id && !range.thread)
		return -ENOENT;
	return store_content_newest(conn, &range, l->filename, ret_content);
}

/* Finds the newest version, if it has the same size and its checksum is known. */
static bool find(const struct letter_job *job, struct store_content *ret_content,
		 struct store_message *ret_message)
{
	const struct outbox_letter *l = job->letter;
	struct store_conn *conn;
	bool found = false;

	if (!l->to.room || !l->filename || l->text || l->markdown ||
	    store_read_begin(job->o->store, &conn))
		return false;
	found = find_version(job, conn, ret_content) == 0 && ret_content->size == l->size &&
		ret_content->sha256 && ret_content->url &&
		store_message_get(conn, ret_content->message, ret_message) == 0;
	store_read_end(conn);
	return found;
}

void outbox_forget_message(struct outbox *o, int64_t row)
{
	GPtrArray *changes = store_changes_new();
	int r = store_remove_message(o->store, row, changes);

	if (r < 0 && r != -ENOENT)
		log_error("cache", "a message is not in the store: %s", g_strerror(-r));
	if (o->on_changes && changes->len > 0)
		o->on_changes(o->arg, changes);
	g_ptr_array_unref(changes);
}

static bool is_same_content(const char *a, const char *b)
{
	size_t a_len, b_len;
	const char *left = webex_content_id(a, &a_len), *right = webex_content_id(b, &b_len);

	return a_len == b_len && memcmp(left, right, a_len) == 0;
}

static bool has_file(const struct webex_message *m, const char *url)
{
	for (size_t i = 0; m->files && m->files[i]; i++)
		if (is_same_content(m->files[i], url))
			return true;
	return false;
}

/* The answer with its message. */
static void on_message(void *arg, struct webex_reply *reply)
{
	struct store_content content = {0};
	struct store_message known = {0};
	struct letter_job *job = arg;
	bool is_there = false;

	job->call = 0;
	if (reply->error && reply->status != 404) {
		/* This request only read. */
		reply->may_have_applied = false;
		job->message = 0;
		outbox_job_failed(job, reply);
		return;
	}
	job->is_asking = false;
	if (!reply->error && reply->items && reply->items->len)
		is_there = find(job, &content, &known) && content.message == job->message &&
			   has_file(g_ptr_array_index(reply->items, 0), content.url);
	store_content_clear(&content);
	store_message_clear(&known);
	if (is_there) {
		job->room = job->letter->to.room;
		outbox_job_drop(job);
		return;
	}
	/* A bot does not see all messages. */
	if (reply->error && !job->o->is_bot)
		outbox_forget_message(job->o, job->message);
	job->message = 0;
	/* The file was removed meanwhile, or nobody waits any more. */
	if (!outbox_job_ends_unsubmitted(job))
		outbox_job_post(job);
}

static void summed(void *arg)
{
	struct store_content content = {0};
	struct store_message message = {0};
	struct letter_job *job = arg;
	bool is_same;

	if (outbox_job_ends_unsubmitted(job))
		return;
	job->state = JOB_WIRE;
	is_same = find(job, &content, &message) && job->sha256 &&
		  strcmp(content.sha256, job->sha256) == 0;
	if (is_same) {
		job->message = content.message;
		job->is_asking = true;
		job->call = webex_get_message(job->o->client, message.m.id, on_message, job);
	}
	store_content_clear(&content);
	store_message_clear(&message);
	if (!is_same)
		outbox_job_post(job);
}

/* io thread */
static void sum(void *arg)
{
	struct letter_job *job = arg;

	outbox_job_sum(job);
	work_post(job->o->cache, summed, job);
}

void outbox_same_begin(struct letter_job *job)
{
	struct store_content content = {0};
	struct store_message message = {0};
	bool may_be = find(job, &content, &message);

	store_content_clear(&content);
	store_message_clear(&message);
	if (!may_be) {
		outbox_job_post(job);
		return;
	}
	job->state = JOB_WRITING;
	work_post(job->o->io, sum, job);
}
