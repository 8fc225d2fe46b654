/* SPDX-License-Identifier: MIT */
/*
 * Opening files, and reading them.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "fs/local.h"
#include "fs/op.h"
#include "fs/caller.h"
#include "tree/api.h"

/* A message has no handle, so its open counts as reading it. */
static void watch_message(struct fs *fs, uint64_t ino, pid_t pid)
{
	pid_t tgid;

	rm_guard_message_opened(fs->rm_guard, ino, pid, clock_mono(fs->config.clock));
	/* The name of an unknown process (pid 0) cannot tell what it intends (inodes.c), so its
	 * reads are always noted. */
	if (pid && !fs_watches_reads(fs, ino))
		return;
	tgid = caller_tgid(pid);
	rm_guard_file_opened(fs->rm_guard, ino, tgid);
	rm_guard_file_ended(fs->rm_guard, ino);
	rm_guard_file_closed(fs->rm_guard, ino, tgid, clock_mono(fs->config.clock));
}

static void open_undo(struct op *op)
{
	if (op->handle)
		handle_free(op->fs, op->handle);
	else if (op->content_counted)
		contents_close(op->fs->config.contents, tree_ino_row(op->ino));
	op->handle = NULL;
	op->content_counted = false;
}

static void give_out(struct op *op, struct handle *h)
{
	op->handle = h;
	op->fi.fh = (uintptr_t)h;
	op->answer = OP_ANSWER_OPEN;
}

/* How the kernel may cache what is read through this handle. */
static void set_read_flags(struct fuse_file_info *fi, enum tree_read_from from)
{
	/* A close of it commits nothing, so the kernel need not send FLUSH. */
	fi->noflush = 1;
	switch (from) {
	case TREE_READ_SNAPSHOT:
	case TREE_READ_EMPTY:
		fi->direct_io = 1;
		break;
	case TREE_READ_STORE:
	case TREE_READ_CONTENT:
	case TREE_READ_PENDING:
		fi->keep_cache = 1;
		break;
	case TREE_READ_EVENTS:
		/* The reply sets a flag that libfuse does not know (op.c). */
		break;
	case TREE_READ_TRANSCRIPT:
		/* The text may have been made anew since it was last open. */
		break;
	}
}

/* Counted before the fetch, so that its bytes are kept. */
static void count_content(struct op *op)
{
	if (!tree_is_content(op->ino) || op->content_counted)
		return;
	contents_open(op->fs->config.contents, tree_ino_row(op->ino));
	op->content_counted = true;
}

static int open_letter(struct op *op, struct handle *h)
{
	struct fs *fs = op->fs;
	int r;

	h->letter_reader = caller_tgid(op->pid);
	if (!share_take(fs->open_bytes, (uint64_t)h->letter_reader, OPEN_LETTER_BYTES))
		return handle_refuse_more(op, -ENFILE);
	r = outbox_open_body(fs->config.outbox, tree_ino_row(op->ino), &h->letter);
	if (r < 0)
		share_give(fs->open_bytes, (uint64_t)h->letter_reader, OPEN_LETTER_BYTES);
	return r;
}

/* Takes the bytes of a file that is read as it was at open. */
static int take_snapshot(struct op *op, struct handle *h)
{
	g_autoptr(GString) text = NULL;
	int r;

	if (tree_ino_kind(op->ino) == TREE_LETTER)
		return open_letter(op, h);
	text = g_string_new(NULL);
	r = tree_render(&op->ctx, op->ino, text);
	if (r)
		return r;
	r = snapshots_take(op->fs->snapshots, op->ino, caller_tgid(op->pid), text,
			   &h->snapshot);
	return r ? handle_refuse_more(op, r) : 0;
}

static int open_stream(struct op *op, struct handle *h)
{
	h->events = events_reader_new(op->fs, op->ino, caller_tgid(op->pid));
	op->answer = OP_ANSWER_STREAM;
	return h->events ? 0 : handle_refuse_more(op, -ENFILE);
}

/*
 * The kernel fills reads up to the size that it knows, or cuts them there (platform.md 3). So where that may be
 * an old size, this open reads past the kernel's cache: if the file changed a moment ago, as where the
 * open waited for it, and always if it is an object of which others change details (space.json, members,
 * people), whose news may come between the open and the read. All else that is read keeps its bytes while it
 * is open, but for messages, whose edits are rare.
 */
static void read_past_cache(struct fs *fs, uint64_t ino, enum tree_read_from from,
			    struct fuse_file_info *fi)
{
	bool is_object = from == TREE_READ_STORE && !tree_is_message(ino);

	if (from != TREE_READ_STORE && from != TREE_READ_TRANSCRIPT)
		return;
	if (!is_object && notify_is_told(fs->notifier, ino))
		return;
	fi->keep_cache = 0;
	fi->direct_io = 1;
}

static int open_read_run(struct op *op)
{
	enum tree_read_from from;
	struct pending *pending;
	struct handle *h;
	int r;

	count_content(op);
	r = op_begin(op);
	if (r)
		return r;
	fs_may_spare(op);
	r = op_check_open(op);
	if (r == 0)
		r = tree_open_read(&op->ctx, op->ino, &from, &pending);
	if (r) {
		op_end(op);
		return r;
	}
	h = handle_new(op->fs, HANDLE_READ, op->ino);
	h->from = from;
	h->pending = pending;
	h->content_counted = op->content_counted;
	set_read_flags(&op->fi, from);
	/* A number's content becomes another when the file is written again (store_apply_content);
	 * the kernel is told only where it was written. */
	if (from == TREE_READ_CONTENT && tree_ino_kind(op->ino) != TREE_ATTACHMENT)
		op->fi.keep_cache = 0;
	read_past_cache(op->fs, op->ino, from, &op->fi);
	handle_watch(op, h);
	give_out(op, h);
	if (from == TREE_READ_EVENTS)
		r = open_stream(op, h);
	if (from == TREE_READ_SNAPSHOT)
		r = take_snapshot(op, h);
	op_end(op);
	return r;
}

static int open_write_run(struct op *op)
{
	struct tree_write w;
	struct handle *h;
	int r;

	/* A new version without O_TRUNC begins with the bytes of the old one. */
	if (!(op->flags & O_TRUNC))
		count_content(op);
	r = op_begin(op);
	if (r)
		return r;
	r = op_check_open(op);
	if (r == 0)
		r = fs_check_moved_onto(op, op->ino);
	if (r == 0)
		r = tree_open_write(&op->ctx, op->ino, op->flags & O_TRUNC, &w);
	if (r) {
		op_end(op);
		return r;
	}
	if (op->content_counted)
		contents_close(op->fs->config.contents, tree_ino_row(op->ino));
	op->content_counted = false;
	h = handle_new(op->fs, HANDLE_WRITE, op->ino);
	h->write = w;
	if (w.form == LETTER_JSON)
		h->write.caller = local_caller_of(op);
	handle_join(h, op->pid);
	h->emptied = op->flags & O_TRUNC ? HANDLE_EMPTIED_AT_OPEN : HANDLE_HAS_TEXT;
	if ((op->flags & O_ACCMODE) == O_RDWR && !(op->flags & O_TRUNC))
		handle_watch(op, h);
	op_end(op);
	/* What is written to a post or a message goes into a draft and does not change the
	 * file's bytes. */
	op->fi.direct_io =
		w.what == TREE_WRITE_LETTER || (w.what == TREE_WRITE_OBJECT && !w.pending);
	op->fi.keep_cache = !op->fi.direct_io;
	give_out(op, h);
	if (!tree_is_asked(op->ino))
		return 0;
	op->answer = OP_ANSWER_STREAM;
	return handle_take_answer(op, h);
}

/*
 * Opens a message for reading as cheaply as a file system in memory would, since a program that
 * reads ten thousand messages again sends no other request. It does not look whether the
 * message still exists: the kernel was told if not, and READ, which needs no handle, says so.
 */
static void open_message(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);

	if (log_get_level() >= LOG_LEVEL_DEBUG)
		log_debug("fuse", "open message ino=%" G_GUINT64_FORMAT, (uint64_t)ino);
	tree_note_use(fs->config.tree, ino);
	watch_message(fs, ino, fuse_req_ctx(req)->pid);
	set_read_flags(fi, TREE_READ_STORE);
	read_past_cache(fs, ino, TREE_READ_STORE, fi);
	fi->fh = 0;
	fuse_reply_open(req, fi);
}

void fs_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	/* O_TRUNC is a way of writing, even if nothing else can be written through this
	 * descriptor. */
	bool reads = (fi->flags & (O_ACCMODE | O_TRUNC)) == O_RDONLY, is_asked;
	struct op *op;

	if (reads && tree_opens_freely(fs_of(req)->config.tree, ino)) {
		open_message(req, ino, fi);
		return;
	}
	is_asked = reads && tree_is_asked(ino);
	op = op_new(req, "open",
		    is_asked ? answer_open_run
		    : reads  ? open_read_run
			     : open_write_run,
		    ino, NULL);
	if (!op)
		return;
	op->fi = *fi;
	op->fi.fh = 0;
	op->flags = fi->flags;
	op->undo = is_asked ? answer_open_undo : open_undo;
	op_start(op);
}

static int read_bytes(ssize_t n, struct op *op)
{
	op->buf_len = n > 0 ? (size_t)n : 0;
	return n < 0 ? (int)n : 0;
}

static int read_handle(struct op *op, struct handle *h)
{
	if (!h)
		return tree_read(&op->ctx, op->ino, TREE_READ_STORE, NULL, op->buf, op->size,
				 op->offset, &op->buf_len);
	op->buf_len = 0;
	if (h->what == HANDLE_WRITE)
		return tree_is_post(op->ino) ? 0
					     : read_bytes(draft_read(h->write.draft, op->buf,
								     op->size, op->offset),
							  op);
	if (h->letter >= 0) {
		ssize_t n = pread(h->letter, op->buf, op->size, op->offset);

		return read_bytes(n < 0 ? -errno : n, op);
	}
	if (h->from == TREE_READ_SNAPSHOT) {
		op->buf_len = fs_snapshot_read(h->snapshot, op->buf, op->size, op->offset);
		return 0;
	}
	return tree_read(&op->ctx, op->ino, h->from, h->pending, op->buf, op->size, op->offset,
			 &op->buf_len);
}

static int read_run(struct op *op)
{
	struct handle *h = (struct handle *)(uintptr_t)op->fi.fh;
	int r = op_begin(op);

	if (r)
		return r;
	r = read_handle(op, h);
	op_end(op);
	if (r == 0 && h && h->is_watched &&
	    (op->buf_len < op->size || op->offset + (int64_t)op->buf_len >= h->size))
		rm_guard_file_ended(op->fs->rm_guard, op->ino);
	if (r == 0)
		op->answer = OP_ANSWER_BUF;
	return r;
}

void fs_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	bool is_stream = events_reader_of(fi), is_asked = tree_is_asked(ino);
	struct op *op = op_new(req, "read",
			       is_stream  ? events_read_run
			       : is_asked ? answer_read_run
					  : read_run,
			       ino, NULL);

	if (!op)
		return;
	op->fi = *fi;
	op->size = size;
	op->offset = off;
	op->buf = g_try_malloc(size);
	if (!op->buf && size) {
		op_unref(op);
		fs_before_reply(fs_of(req));
		fuse_reply_err(req, ENOMEM);
		return;
	}
	if (is_asked)
		op->undo = answer_read_undo;
	if (is_stream) {
		op->undo = events_read_undo;
		op->ends_quietly = true;
		op_start_there(op);
	} else {
		op_start(op);
	}
}
