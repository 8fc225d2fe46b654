/* SPDX-License-Identifier: MIT */
#include "fs/events.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include "fs/op.h"
#include "tree/events.h"

/* As much as the text of its lines may grow to. */
#define EVENTS_READER_BYTES (2 * TREE_EVENTS_PORTION)

struct events_reader {
	pid_t opener; /* for whom it counts */
	/* cache thread */
	struct tree_events events;
	GString *lines; /* lines up to events.cursor */
	size_t taken;	/* bytes of `lines` that the kernel took */
	/* any thread: what poll() looks at */
	atomic_int_fast64_t cursor;
	atomic_bool has_lines;
};

struct events_reader *events_reader_new(struct fs *fs, uint64_t ino, pid_t opener)
{
	struct events_reader *r;

	if (!share_take(fs->open_bytes, (uint64_t)opener, EVENTS_READER_BYTES))
		return NULL;
	r = g_new0(struct events_reader, 1);
	r->opener = opener;
	tree_events_begin(fs->config.tree, ino, &r->events);
	r->lines = g_string_new(NULL);
	atomic_init(&r->cursor, r->events.cursor);
	atomic_init(&r->has_lines, false);
	pager_stay_awake(fs->config.pager, 1);
	return r;
}

static struct fuse_pollhandle *take_poll(struct fs_polls *p, struct events_reader *r)
{
	struct fuse_pollhandle *ph = NULL;

	pthread_mutex_lock(&p->lock);
	g_hash_table_steal_extended(p->waiting, r, NULL, (gpointer *)&ph);
	pthread_mutex_unlock(&p->lock);
	return ph;
}

static void free_there(void *arg)
{
	struct events_reader *r = arg;

	g_string_free(r->lines, TRUE);
	g_free(r);
}

void events_reader_free(struct fs *fs, struct events_reader *r)
{
	struct fuse_pollhandle *ph;

	if (!r)
		return;
	ph = take_poll(&fs->polls, r);
	if (ph)
		fuse_pollhandle_destroy(ph);
	share_give(fs->open_bytes, (uint64_t)r->opener, EVENTS_READER_BYTES);
	pager_stay_awake(fs->config.pager, -1);
	/* It is freed behind the last read of it. */
	work_post(fs->config.queue, free_there, r);
}

/* ---- read ---- */

struct events_reader *events_reader_of(const struct fuse_file_info *fi)
{
	const struct handle *h = (const struct handle *)(uintptr_t)fi->fh;

	/* A message that is open for reading has no handle. */
	return h ? h->events : NULL;
}

/* Fetches lines if none are left and there are events. */
static int fill(struct op *op, struct events_reader *r)
{
	int error;

	if (r->taken < r->lines->len)
		return 0;
	g_string_truncate(r->lines, 0);
	r->taken = 0;
	error = op_begin(op);
	if (error)
		return error;
	error = tree_events_next(&op->ctx, &r->events, r->lines);
	op_end(op);
	atomic_store(&r->has_lines, r->lines->len > 0);
	atomic_store(&r->cursor, r->events.cursor);
	return error;
}

/* Gives whole lines if one fits, so that no reader of a pipe gets half a line. */
static size_t portion(const char *lines, size_t left, size_t size)
{
	const char *end;

	if (left <= size)
		return left;
	end = memrchr(lines, '\n', size);
	return end ? (size_t)(end - lines) + 1 : size;
}

static void set_taken(struct events_reader *r, size_t taken)
{
	r->taken = taken;
	atomic_store(&r->has_lines, r->taken < r->lines->len);
}

int events_read_run(struct op *op)
{
	struct events_reader *r = events_reader_of(&op->fi);
	const char *lines;
	int error = fill(op, r);

	if (error)
		return error;
	if (r->taken == r->lines->len) {
		if (op->fi.flags & O_NONBLOCK)
			return -EAGAIN;
		op->cursor = r->events.cursor;
		return OP_WAIT_EVENT;
	}
	lines = r->lines->str + r->taken;
	op->answer = OP_ANSWER_BUF;
	op->buf_len = portion(lines, r->lines->len - r->taken, op->size);
	memcpy(op->buf, lines, op->buf_len);
	set_taken(r, r->taken + op->buf_len);
	return 0;
}

void events_read_undo(struct op *op)
{
	struct events_reader *r = events_reader_of(&op->fi);

	set_taken(r, r->taken - op->buf_len);
	op->buf_len = 0;
}

/* ---- poll ---- */

static bool has_news(struct fs *fs, struct events_reader *r)
{
	return atomic_load(&r->has_lines) ||
	       store_event_last(fs->config.store) > atomic_load(&r->cursor);
}

void fs_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi,
	     struct fuse_pollhandle *ph)
{
	const unsigned always = POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
	struct events_reader *r = events_reader_of(fi);
	struct fs *fs = fs_of(req);
	struct fuse_pollhandle *unused = ph;
	unsigned events = always;

	(void)ino;
	if (r && ph) {
		pthread_mutex_lock(&fs->polls.lock);
		unused = g_hash_table_lookup(fs->polls.waiting, r);
		g_hash_table_insert(fs->polls.waiting, r, ph);
		pthread_mutex_unlock(&fs->polls.lock);
	}
	if (unused)
		fuse_pollhandle_destroy(unused);
	/* This check comes after the handle was noted, so that an event in between is seen here
	 * or told there. */
	if (r)
		events = has_news(fs, r) ? POLLIN | POLLRDNORM : 0;
	fs_before_reply(fs);
	fuse_reply_poll(req, events);
}

void fs_polls_init(struct fs_polls *p)
{
	pthread_mutex_init(&p->lock, NULL);
	p->waiting = g_hash_table_new(NULL, NULL);
}

void fs_polls_clear(struct fs_polls *p)
{
	g_hash_table_unref(p->waiting);
	pthread_mutex_destroy(&p->lock);
}

/* ---- an event was committed ---- */

static void wake_readers(void *arg)
{
	struct fs *fs = arg;

	pager_wake_events(fs->config.pager);
}

/* On the notifier's thread. */
static void tell_polls(void *arg)
{
	struct fs *fs = arg;
	GHashTable *all;
	GHashTableIter iter;
	gpointer ph;

	pthread_mutex_lock(&fs->polls.lock);
	all = fs->polls.waiting;
	fs->polls.waiting = g_hash_table_new(NULL, NULL);
	pthread_mutex_unlock(&fs->polls.lock);
	g_hash_table_iter_init(&iter, all);
	while (g_hash_table_iter_next(&iter, NULL, &ph)) {
		fuse_lowlevel_notify_poll(ph);
		fuse_pollhandle_destroy(ph);
	}
	g_hash_table_unref(all);
	work_post(fs->config.queue, wake_readers, fs);
}

/* By now the notifier has the notices of the item that committed the event. */
static void told(void *arg)
{
	struct fs *fs = arg;

	fs->polls.is_telling = false;
	if (!fs->stopping)
		notify_then(fs->notifier, 0, tell_polls, fs);
}

void fs_on_event(struct fs *fs)
{
	if (fs->stopping || fs->polls.is_telling)
		return;
	fs->polls.is_telling = true;
	work_post(fs->config.queue, told, fs);
}
