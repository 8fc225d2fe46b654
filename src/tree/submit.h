/* SPDX-License-Identifier: MIT */
/*
 * A plan that is being carried out, and how it is found out whether it was done
 * (submit_look.c). Internal to submit*.c.
 * Thread rule: cache thread.
 *
 * An answer may leave open whether the change was done: no answer, a conflict (409), a success
 * without the object, or a success with the old value. Then the object itself is read:
 *
 *     submit -> answer --done, refused------------------------------> end
 *                 | ^  \
 *       open, once| |   +--success with the old value--> [2 s] --+    what is read says it, and
 *                 v |                                            |    what cannot be read is as
 *                read <------------------------------------------+    the answer said
 */
#pragma once

#include "pager/proof/proof.h"
#include "tree/internal.h"
#include "tree/write.h"

struct submission {
	struct tree *tree;
	struct tree_plan plan;
	tree_done done;
	void *arg;
	/* JSON: what the change asks for, and the object before it. NULL: it changes no object,
	 * or nothing is known of the object. */
	char *asked, *before;
	int64_t began; /* rows with lower numbers were known before it was submitted */
	bool has_read, has_waited;
	bool has_arrived; /* plan.pending has ended */
	/* The result if what is read does not show that it was done; 0: success. */
	int error;
	char *said; /* the line for last-error in that case */
	/* Of a deletion: called when it is known whether the object is gone. */
	void (*end)(struct submission *s, int error);
	int gone_error; /* the result if the object is gone; 0: success */
	/* Called with what is read; set while it waits to read. */
	webex_done again;
	uint64_t timer;
	GList link; /* tree->looking */
	/* rm of a file that was being sent: rows of the messages to delete, too; else NULL */
	GArray *messages;
	int rm_error; /* with `messages`: the first error */
};

/* ---- submit.c ---- */

/* Calls `done`, frees the submission, and lets the next change of the same file begin. */
void submission_finish(struct submission *s, int error, uint64_t ino);
/* Does what the plan says. */
void submission_begin(struct submission *s);
/* Deletes the message plan.id (plan.row of plan.room) and finishes. */
void submission_delete_message(struct submission *s);

/* ---- submit_file.c: plans with a pending file ---- */

/* For changes of one file, which go by turns: begins now, or when the change before it is over. */
void file_change_submit(struct submission *s);
/* Ends the turn. Does nothing for changes that do not go by turns. */
void file_change_leave(struct submission *s);
/* True if a change that has begun takes what the file holds now, so that it will be at the
 * server or in unsent/. */
bool file_is_being_sent(struct pending *p);
/* TREE_DO_RENAME_PENDING and TREE_DO_NAME; TREE_DO_DROP_PENDING. */
void file_rename(struct submission *s);
void file_drop(struct submission *s);
/* Deletes the next of s->messages; false if there is none. */
bool file_drop_next(struct submission *s);

/* What the plan is about, in a word. */
static inline const char *submission_thing(const struct submission *s)
{
	return s->plan.type == WEBEX_ROOM_TEAM ? "team" : "space";
}
static inline bool submission_is_of_team(const struct submission *s)
{
	return s->plan.type == WEBEX_ROOM_TEAM;
}

/* ---- submit_check.c ---- */
/* TREE_DO_ASK. */
void ask_begin(struct submission *s);
/* Begins a check of an object, and what submit_webhook.c does; false for anything else. */
bool object_begin(struct submission *s);

/* ---- submit_webhook.c ---- */
/* TREE_DO_MAKE_WEBHOOK, TREE_DO_UPDATE_WEBHOOK, TREE_DO_DELETE_WEBHOOK. */
void webhook_submit(struct submission *s);

/* ---- submit_look.c ---- */

/* Notes the object as it is before the plan is submitted. */
void submission_note(struct submission *s);
void submission_free(struct submission *s);

/*
 * `reply` is the answer to a change of an object, or what was read of the object. True: it
 * leaves open what happened, and the object is read; `again` will be called with that. False:
 * it is known; submission_outcome() says what.
 */
bool submission_must_look(struct submission *s, const char *what,
			  const struct webex_reply *reply, webex_done again);
/* 0: the change was done; otherwise the error, which was written to last-error. */
int submission_outcome(struct submission *s, const char *what, const struct webex_reply *reply);

/*
 * True if the answer to a deletion is no 204 but the object may be gone all the same: by an
 * earlier try, by somebody else, or because the answer is wrong. Then proof is sought
 * (pager/proof/proof.h), the object is forgotten if it is gone, and `end` is called with the
 * result, which was written to last-error.
 */
bool submission_must_prove(struct submission *s, const char *what,
			   const struct webex_reply *reply, enum proof_kind kind, int64_t row,
			   void (*end)(struct submission *s, int error));
/* Called if submission_must_prove() was false. 0: it was deleted; otherwise the error, which
 * was written to last-error. */
int submission_outcome_of_delete(struct submission *s, const char *what,
				 const struct webex_reply *reply);
