/* SPDX-License-Identifier: MIT */
/* The server's answer to a question, made from the truth at the time when it arrives. */
#pragma once

#include "webex/api.h"

enum question_kind {
	QUESTION_ROOMS,
	QUESTION_ROOM,
	QUESTION_MEMBERS,
	QUESTION_MEMBER,
	QUESTION_MESSAGES,
	QUESTION_MESSAGE,
};

/* Its strings are owned. */
struct question {
	enum question_kind kind;
	char *id; /* of the room, the message, or the membership */
	char *next, *before_message, *sort_by;
	int64_t before_ms;
	int max;
	bool mentioned_me;
};

void question_set(struct question *q, enum question_kind kind, const struct webex_list *l,
		  const char *id);
void question_clear(struct question *q);
/* Fills in error and status, or items, next and skipped. */
void pages_answer(const struct question *q, struct webex_reply *reply);
