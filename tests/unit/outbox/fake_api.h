/* SPDX-License-Identifier: MIT */
/*
 * The endpoints that the outbox uses, answered by the test: linked instead of webex/api_*.c. A
 * call waits until the test answers it; the answer runs as an item of the queue, as the real
 * one's does. One per process. Thread rule: fake_* from the test's thread, webex_* from the
 * queue's.
 */
#pragma once

#include "webex/api.h"

enum fake_kind {
	FAKE_POST,
	FAKE_EDIT,
	FAKE_LIST,
	FAKE_DIRECT,
	FAKE_GET_MESSAGE,
	FAKE_GET_ROOM,
	FAKE_HEAD,
	FAKE_SUBMIT
};

struct fake_call {
	enum fake_kind kind;
	/* What the caller passed; NULL where it passed nothing. */
	char *room_id, *email, *parent_id, *text, *markdown, *json, *message_id, *filename,
		*next, *url;
	GString *file;
	int timeout_ms;
	/* The fake's. */
	uint64_t id;
	webex_done done;
	void *arg;
	bool is_answered;
};

/* Answers and cancellations run on `queue`. */
void fake_start(struct work_queue *queue);
/* Fails the test if a call was not answered. */
void fake_stop(void);

/* Whether webex_withdraw finds calls that have sent nothing. At first: no. */
void fake_set_withdraw(bool can);
/* Whether all bytes of a file are handed over before it is answered. At first: yes. */
void fake_set_takes_all(bool takes);
/* Called in webex_post_message, on the queue's thread. */
void fake_set_on_post(void (*fn)(void));
/* The next call that was not answered; waits for it. Fails the test after ten seconds, or if
 * it is of another kind. */
struct fake_call *fake_expect(enum fake_kind kind);
/* Calls since the start. */
int fake_count(enum fake_kind kind);

/* Adopt what they are given. The call is gone after them. */
void fake_answer(struct fake_call *call, struct webex_message *m);
/* Also a file's without one. */
void fake_answer_as_is(struct fake_call *call, struct webex_message *m);
/* `size` -1: not told. */
void fake_answer_head(struct fake_call *call, const char *name, int64_t size);
/* `message_id` is copied; NULL: a success without words. */
void fake_answer_submit(struct fake_call *call, const char *message_id);
void fake_answer_room(struct fake_call *call, struct webex_room *room);
/* NULL-terminated messages. */
void fake_answer_list(struct fake_call *call, const char *next, ...);
/* As the real ones do. `status` 0: the network's error. */
void fake_fail(struct fake_call *call, int error, int status, bool may_have_applied);
/* A success whose body nobody can read. */
void fake_answer_nothing(struct fake_call *call);
