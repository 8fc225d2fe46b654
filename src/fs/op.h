/* SPDX-License-Identifier: MIT */
/*
 * One FUSE request from its arrival to its one reply.
 *
 *                     op_start (FUSE worker)
 *                         | run()
 *         answers <-------+---------> TREE_WAIT           OP_SUBMIT
 *            |                            | park()            | submit()
 *            v                            v                   v
 *          DONE                        PARKED             SUBMITTED
 *            ^  on_fetched, on_soft_timer |                   |
 *            |  <------ run() again ------+                   |
 *            |  stop_if_asked, on_deadline (waits.h)          | op_finish
 *            +------------------------------------------------+ stop_if_asked: -EINTR,
 *                                                               the change goes on
 *
 *     TREE_COPY is like TREE_WAIT, but waits for a copy that the thread of the copies makes
 *     (state COPYING, then run() again). An op that is answered before leaves the copy to
 *     itself. OP_WAIT_EVENT waits for an event (state LISTENING, then run() again): no
 *     deadline ends that. OP_WAIT_ANSWER waits for more of an answer of api/ (state AWAITING, until
 *     op_go_on(), then run() again); the request ends by its own time-outs.
 *
 *  1. There is exactly one reply; op_reply asserts that. It is given without a lock, after the
 *     interrupt callback was removed.
 *  2. An op belongs to the FUSE worker until it parks, and to the cache thread from then on. A
 *     worker does not touch it after park().
 *  3. The interrupt callback runs under libfuse's request lock: it only marks the op, takes a
 *     reference and posts (design 3). It is called once, for the first signal of any kind. A
 *     signal that does not ask the caller to stop (caller.h) does not end the op; but since the
 *     kernel does not tell of further signals, the caller's signals are checked ten times a
 *     second from then on.
 *  4. run() may be called many times and has no effect before the call that answers.
 * Lock: none. `interrupted`, `is_answered` and `refs` are atomic.
 */
#pragma once

#include <stdatomic.h>

#include "fs/internal.h"
#include "tree/asked.h"
#include "tree/write.h"

/* What run() returns but 0, -errno and what the tree returned. */
enum op_result {
	OP_SUBMIT = TREE_RESULTS, /* of a change: submit() is then called on the cache thread */
	OP_WAIT_EVENT,		  /* wait for an event with a cursor above op->cursor */
	OP_WAIT_ANSWER, /* of a request of api/: await() is then called on the cache thread */
};

enum op_state {
	OP_RUNNING,
	OP_PARKED,
	OP_LISTENING,
	OP_COPYING,
	OP_AWAITING,
	OP_SUBMITTED,
	OP_DONE
};

/* What the reply consists of. */
enum op_answer {
	OP_ANSWER_ERR, /* error or plain success */
	OP_ANSWER_ENTRY,
	OP_ANSWER_ATTR,
	OP_ANSWER_LINK,
	OP_ANSWER_OPEN,
	OP_ANSWER_STREAM, /* an open whose file has no position */
	OP_ANSWER_CREATE,
	OP_ANSWER_BUF,
	OP_ANSWER_WRITE,
};

struct op {
	struct fs *fs;
	fuse_req_t req;
	const char *what; /* for the log */
	int (*run)(struct op *op);
	void (*submit)(struct op *op);
	void (*submit_then)(struct op *op); /* local.h: called when the local file was read */
	/* Called once, on the cache thread or the worker, when the op ends without giving out a
	 * handle. */
	void (*undo)(struct op *op);

	/* arguments, copied: libfuse's pointers die with the handler */
	uint64_t ino, newdir;
	char *name, *newname;
	struct fuse_file_info fi;
	pid_t pid;
	uid_t uid;
	mode_t mode, umask; /* umask: the caller's, of a create */
	size_t size;
	int64_t offset;
	int flags;
	bool is_listing, is_plus;
	int64_t cursor;	     /* with OP_WAIT_EVENT */
	int64_t deadline_ms; /* mono; 0: only that of the fetch */
	/* waits.c, cache thread. The deadline is no end: it is looked at how long it takes. What the
	 * gate had kept waiting when that was last looked at, plus 1; 0: it never waited. Something of
	 * what it waits for came. */
	bool is_looked_at;
	int64_t held_seen_ms;
	bool has_progress;
	/* The answer of a look-up that must not wait any longer; NULL: of another op. */
	int (*later)(struct op *op);

	/* the answer */
	enum op_answer answer;
	struct tree_entry entry;
	struct tree_attr attr;
	char *buf; /* owned, unless borrowed_buf */
	bool borrowed_buf;
	size_t buf_len;
	GArray *children; /* of uint64_t: the nodes in buf with attributes; NULL: none */
	size_t written;
	struct tree_plan plan;
	struct handle *handle; /* made by the op, not yet given out */
	bool content_counted;  /* contents_open was called */
	bool ends_quietly;     /* at unmount it gets the end of the file, not an error */
	struct tree_waiting waiting;
	/* answers.c: whose answer is read or awaited, a reference. Cache thread: begins and ends the wait for
	 * it; takes a change back that was submitted, as far as it has no effect yet. */
	struct asked *asked;
	struct asked_waiter asked_waiter;
	void (*await)(struct op *op);
	void (*unawait)(struct op *op);
	void (*withdraw)(struct op *op);
	struct fate *fate; /* of a close or fsync that sends something; NULL: of another op */
	bool is_leaving;   /* cache thread; leave_letter() is under way */
	const char *late;  /* what last-error says if it did not end in time; NULL: nothing */
	/* local.h, cache thread: the id of the read that the submission waits for, and the
	 * letter that names the file */
	uint64_t reading;
	struct outbox_letter *unread;

	/* waiting */
	struct tree_ctx ctx;
	struct pager_waiter waiter;
	enum op_state state; /* worker until parked, then cache thread */
	uint64_t soft_timer, deadline_timer, signal_timer;
	uint64_t generation;	    /* of the store when run() last began */
	uint64_t invalidated_since; /* notify_now() when it was submitted */
	bool has_waited;	    /* from here on everybody may be told why it fails */
	unsigned said_before;	    /* with has_waited: log_last_error_count() then */
	GList link;		    /* fs->parked; cache thread */
	int64_t started_ms;
	atomic_int refs;
	atomic_bool interrupted;
	atomic_bool is_answered; /* for threads that may not look at `state` */
};

/* NULL after having replied -ENOMEM. Takes copies of the names (either may be NULL). */
struct op *op_new(fuse_req_t req, const char *what, int (*run)(struct op *op), uint64_t ino,
		  const char *name);
/* Runs it on this worker; replies, parks or submits. The caller forgets it. */
void op_start(struct op *op);
/* As op_start, but calls run() on the cache thread. */
void op_start_there(struct op *op);
/* Cache thread: ends a submitted change. Replies when the kernel was told of the change, unless
 * the op was interrupted meanwhile. Drops the submission's reference. */
void op_finish(struct op *op, int error);
/* Cache thread: a submitted change is answered by then. */
void op_set_deadline(struct op *op, int64_t mono_ms);
/* Sets the deadline of a close or mv that sends the letter. */
void op_set_letter_deadline(struct op *op, const struct outbox_letter *letter);
/* Cache thread: ends the wait that await() began; run() is called again. */
void op_go_on(struct op *op);
/* A submission holds one reference: op_finish drops it. */
struct op *op_ref(struct op *op);
void op_unref(struct op *op);

/*
 * handle.c: 0, or -ENFILE in words: what is about to be written is too much of OPEN_BYTES_MAX. A text that is
 * being written is in memory, and a program may have thousands of them open: each counts, until its file is
 * closed, with the most that it had.
 */
int handle_take_text(struct op *op, struct handle *h);
/* writes.c: commits what was written to the handle, as a close of its opener does. 0: there is nothing to do;
 * OP_SUBMIT; -errno. */
int handle_commit(struct op *op, struct handle *h);
/* writes.c: an undo: keeps the letter of a request that ended after the draft was taken and before it was
 * submitted. */
void op_keep_letter(struct op *op);
/* handle.c: counts the open file of api/ (OPEN_ANSWER_BYTES); its opener is known. 0 or -ENFILE in words. */
int handle_take_answer(struct op *op, struct handle *h);
/* handle.c: the same refusal of another open. The error. */
int handle_refuse_more(struct op *op, int error);
/* write.c: says that what was written to the handle is not sent. The error. */
int op_say_refused(struct op *op, const struct handle *h, int error);
/* write.c: notes that what is written to the handle was refused, and says why. The error. */
int op_refuse_write(struct op *op, struct handle *h, int error);
/* Refuses a request that has no op: says why, and replies. */
void fs_refuse(fuse_req_t req, int error, const char *fmt, ...) G_GNUC_PRINTF(3, 4);

/*
 * modes.c: 0, TREE_WAIT, or an error where the kernel would refuse it by the modes of the files, if
 * it checked them. The directories of a change that was planned; an open, by op->fi.flags (both
 * between op_begin and op_end); truncate(2) by path; chown(2).
 */
int op_check_dirs(struct op *op);
/* -EACCES for a file or directory that is the mounter's alone (tree_is_private), to anybody else. */
int op_check_private(struct op *op, uint64_t ino);
int op_check_open(struct op *op);
int op_check_cut(struct op *op);
int op_check_owner(struct op *op);

/* inodes.c: how a run ends that planned a change in directories; `r` is what the plan ended with. Ends
 * the snapshot. */
int op_planned(struct op *op, int r, void (*submit)(struct op *op));
/* reply.c: says in last-error why it fails (why.h). */
void op_say_why(struct op *op, int error);
/* reply.c: gives the answer that the op has, with no error. What libfuse returns. */
int op_give_answer(struct op *op);
/*
 * reply.c, after the reply: what the kernel now caches may be older than the store (design 3). The
 * kernel itself drops attributes that a notice has overtaken, but not those of a node that it
 * did not know before.
 */
void op_invalidate_if_overtaken(struct op *op);
/*
 * reply.c: `error`, but -ESTALE instead of -ENOENT for a file that is gone and may have been renamed onto the
 * name of another (a scratch file that became something else, a letter moved onto "post.json"): the kernel
 * knows it under that name, and on -ESTALE looks the name up again. An attachment that the server
 * no longer has stays -ENOENT.
 */
int op_error_to_say(const struct op *op, int error);

/* A store snapshot in op->ctx.conn for the length of one run(). */
int op_begin(struct op *op);
/* In dirs.c: a caller who walks through many spaces will get what is known (walkers.h). */
void fs_may_spare(struct op *op);
void op_end(struct op *op);
/* Ends the snapshot, if it is not ended yet. */
void ctx_end(struct tree_ctx *ctx);

/* Cache thread, at unmount: all parked ops get -ESHUTDOWN. */
void op_fail_all(struct fs *fs);
/* In moves.c. True if the program that asks removes a file once it has a copy of it here. */
bool fs_takes_source(const struct op *op);
/* Refuses it to such a program to put a file in the place of `ino`, if that is one which stays here
 * (tree_check_moved_here). */
int fs_check_moved_onto(struct op *op, uint64_t ino);
