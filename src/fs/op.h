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
 *            |  stop_if_asked, on_deadline                    | op_finish
 *            +------------------------------------------------+ stop_if_asked: -EINTR,
 *                                                               the change goes on
 *
 *     TREE_COPY is as TREE_WAIT, but what it waits for is a copy that the thread of the copies makes
 *     (state COPYING, then run() again); who is answered before it is made leaves it to itself.
 *
 *  1. Exactly one reply: op_reply asserts it. It is given with no lock held, after the
 *     interrupt callback was disarmed.
 *  2. Until it parks, an op belongs to the FUSE worker; from then on to the cache thread. A
 *     worker does not touch it after park.
 *  3. The interrupt callback runs under libfuse's request lock: it only marks, takes a
 *     reference and posts (design 3). It comes once, for whatever signal: one that asks nobody
 *     to stop (caller.h) does not end the op, but from then on the caller is looked after, ten
 *     times a second, since the kernel will not tell of the next.
 *  4. run() may be called many times and has no effect before the call that answers.
 * Lock: none. `interrupted`, `is_answered` and `refs` are atomic.
 */
#pragma once

#include <stdatomic.h>

#include "fs/internal.h"
#include "tree/write.h"

/* What run() returns for a change: submit() is then called on the cache thread. */
#define OP_SUBMIT 2

enum op_state { OP_RUNNING, OP_PARKED, OP_COPYING, OP_SUBMITTED, OP_DONE };

/* What the one reply is made of. */
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
	void (*submit_then)(struct op *op); /* local.h: behind the read of a file */
	/* Once, on the cache thread or the worker, when the op ends without a handle having
	 * been given out. */
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
	int64_t deadline_ms; /* mono; 0: none but the fetch's own */

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
	bool ends_quietly;     /* at unmount it reads the end of the file, no error */
	struct tree_waiting waiting;
	bool is_leaving;  /* cache thread; the letter is being left (leave_letter) */
	const char *late; /* what last-error says when it was not over in time; NULL: nothing */
	/* local.h, cache thread: the id of the read of a file while the submission waits for it, and
	 * the letter that names it */
	uint64_t reading;
	struct outbox_letter *unread;

	/* waiting */
	struct tree_ctx ctx;
	struct pager_waiter waiter;
	enum op_state state; /* worker until parked, then cache thread */
	uint64_t soft_timer, deadline_timer, signal_timer;
	uint64_t generation;	    /* of the store when run() last began */
	uint64_t invalidated_since; /* notify_now() when it was submitted */
	GList link;		    /* fs->parked; cache thread */
	int64_t started_ms;
	atomic_int refs;
	atomic_bool interrupted;
	atomic_bool is_answered; /* for who has no say in `state` */
};

/* NULL after having replied -ENOMEM. Takes copies of the names (either may be NULL). */
struct op *op_new(fuse_req_t req, const char *what, int (*run)(struct op *op), uint64_t ino,
		  const char *name);
/* Runs it on this worker; replies, parks or submits. The caller forgets it. */
void op_start(struct op *op);
/* The same, but run() is called on the cache thread. */
void op_start_there(struct op *op);
/* Cache thread: the end of a submitted change. Replies, once the kernel was told of it, unless it
 * was interrupted meanwhile; drops the submission's reference. */
void op_finish(struct op *op, int error);
/* Cache thread, of a submitted change: it is answered by then. */
void op_set_deadline(struct op *op, int64_t mono_ms);
/* That of a close or mv that sends it. */
void op_set_letter_deadline(struct op *op, const struct outbox_letter *letter);
/* A submission holds one reference: op_finish drops it. */
struct op *op_ref(struct op *op);
void op_unref(struct op *op);

/* A store snapshot in op->ctx.conn for the length of one run(). */
int op_begin(struct op *op);
void op_end(struct op *op);
/* Ends the snapshot, unless that was done. */
void ctx_end(struct tree_ctx *ctx);

/* invalidate.c, cache thread: for namer.h; `arg` is the fs. */
void fs_show_names(void *arg, int64_t message);

/* Cache thread, at unmount: everybody parked gets -ESHUTDOWN. */
void op_fail_all(struct fs *fs);
