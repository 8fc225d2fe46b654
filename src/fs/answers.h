/* SPDX-License-Identifier: MIT */
/*
 * Open files of api/ (tree/api.h). What is read through one is an answer, from its beginning on, and each of its
 * bytes once: the file has no position (FOPEN_STREAM).
 *
 *     opened for reading: the open makes the GET, and ends when its first bytes are there
 *     written to: a close or fsync by the opener, or the next read by anybody, makes the request; then reads give
 *     its answer
 *     opened for both, read before anything was written: the read makes the GET
 *
 * Thread rule: any thread. Lock: answer_slot.lock, under which nothing is called.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>

struct asked;
struct handle;
struct op;

/* What a handle's reads give. */
struct answer_slot {
	pthread_mutex_t lock;
	struct asked *now; /* lock; a reference; NULL: none */
	int error; /* lock; what was written last could not be sent: reads fail so; 0: no */
};

void answer_slot_init(struct answer_slot *slot);
/* Leaves what is there. */
void answer_slot_clear(struct answer_slot *slot);
/* Takes a reference of its own; NULL with an error. */
void answer_slot_set(struct answer_slot *slot, struct asked *a, int error);

/* The answer, a reference; NULL: there is none yet, or there is the error. */
struct asked *answer_slot_get(struct answer_slot *slot, int *ret_error);

/* The op reads this answer, and waits for it. */
void answer_is_read(struct op *op, struct asked *a);
/* For whom the op asks, and how it takes its request back when it is interrupted. */
void answer_is_awaited(struct op *op, struct asked *a);

int answer_open_run(struct op *op);
void answer_open_undo(struct op *op);
int answer_read_run(struct op *op);
void answer_read_undo(struct op *op);
