/* SPDX-License-Identifier: MIT */
/*
 * For tests of op.c: fakes of libfuse's side of a request, of the functions that op.c calls,
 * and of the API's list of spaces.
 */
#pragma once

#include "fs/op.h"

struct fuse_req {
	pthread_mutex_t lock; /* like libfuse's lock: held while the interrupt callback runs */
	fuse_interrupt_func_t callback;
	void *callback_data;
	bool interrupted;
	struct fs *fs;
	struct fuse_ctx ctx;
	atomic_int replies;
	atomic_int error;
	int reply_result; /* what the reply function returns */
	char data[256];	  /* of fuse_reply_buf; before `replies` */
	size_t size;
};

struct fuse_req *new_req(struct fs *fs);
void free_req(struct fuse_req *req);

#define DEADLINE_MS 20000

#define wait_for(cond)                                                                         \
	do {                                                                                   \
		int64_t until_ = clock_mono(clock_system()) + DEADLINE_MS;                     \
		while (!(cond)) {                                                              \
			if (clock_mono(clock_system()) > until_)                               \
				fail_msg("never came: %s", #cond);                             \
			g_usleep(200);                                                         \
		}                                                                              \
	} while (0)

/* Everything posted so far has run. */
void drain(struct work_queue *queue);
/* Calls fn(arg) in the queue's thread, after everything posted so far. */
void run_there(struct work_queue *queue, work_fn fn, void *arg);
/* It is answered, once, and can be interrupted no more. */
void assert_replied(struct fuse_req *req, int error);

/* Does what a signal to the caller does. */
void interrupt(fuse_req_t req);

/* A copy does not end as long as this is true. */
extern atomic_bool copy_waits;
extern atomic_int copies;
extern atomic_int notices, detached, cancelled;
/* The kernel's references that were counted and taken back, and the ops that let go of theirs. */
extern atomic_int looked_up, forgotten, cleared;
/* The interrupting signal does not ask the caller to stop (caller.h). */
extern atomic_bool only_told;

struct api_call {
	webex_done done;
	void *arg;
	bool cancelled;
	uint64_t id;
};

extern pthread_mutex_t api_lock;
extern GQueue api_calls; /* of struct api_call; api_lock */

/* Answers the oldest call (a cancelled one with -ECANCELED); false if there is none. Cache thread. */
bool answer_one(int error);
/* The same, as an item of a work queue; `arg` points to the int. */
void answer_item(void *arg);
int api_waiting(void);
