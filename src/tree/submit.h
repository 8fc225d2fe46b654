/* SPDX-License-Identifier: MIT */
/*
 * A plan that is being carried out, and whether it is done (submit_look.c). Internal to submit*.c.
 * Thread rule: cache thread.
 *
 * An answer may leave that open: none came, a conflict (409), a success without the object, or one
 * that has the old value. Then the thing itself is asked for:
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
	/* What a change is to change, and how the thing was before: JSON. NULL: it is no change of
	 * a thing, or nothing is known of it. */
	char *asked, *before;
	int64_t began; /* a row with a lower number was known before it was submitted */
	bool has_read, has_waited;
	/* How it ends if what is read does not say that it was done; 0: well. */
	int error;
	char *said; /* the line of last-error for that */
	/* Of a deletion, while it is found out. */
	void (*end)(struct submission *s, int error);
	int gone_error; /* how it ends if it is gone; 0: well */
	/* While it waits to read. */
	webex_done again;
	uint64_t timer;
	GList link; /* tree->looking */
	/* rm of what was being sent: rows of messages that are to go, too; NULL: it is none */
	GArray *messages;
	int rm_error; /* with that: what part of it failed */
};

/* ---- submit.c ---- */

/* Tells `done`, frees it, and lets the next change of the same file begin. */
void submission_finish(struct submission *s, int error, uint64_t ino);
/* Does what the plan says. */
void submission_begin(struct submission *s);
/* Deletes the message of plan.id, plan.row, plan.room; finishes. */
void submission_delete_message(struct submission *s);

/* ---- submit_file.c: plans with a pending file ---- */

/* Of what goes by turns: begins now, or when the change before it is over. */
void file_change_submit(struct submission *s);
/* Is over. No effect on what goes by no turns. */
void file_change_leave(struct submission *s);
/* What it holds now goes with a change that has begun: what becomes of it is in unsent/ or at the server. */
bool file_is_being_sent(struct pending *p);
/* TREE_DO_RENAME_PENDING and TREE_DO_NAME; TREE_DO_DROP_PENDING. */
void file_rename(struct submission *s);
void file_drop(struct submission *s);
/* Deletes the next of s->messages; false: there is none. */
bool file_drop_next(struct submission *s);

/* ---- submit_check.c ---- */
/* TREE_DO_CHECK_ROOM, TREE_DO_CHECK_MEMBER. */
void object_check(struct submission *s);

/* ---- submit_look.c ---- */

/* Before it is submitted. */
void submission_note(struct submission *s);
void submission_free(struct submission *s);

/*
 * The answer to a change of a thing, or what was read of it. True: what became of it is looked up;
 * `again` will be called with that. False: it is known, see submission_outcome.
 */
bool submission_must_look(struct submission *s, const char *what,
			  const struct webex_reply *reply, webex_done again);
/* 0: it is done; otherwise the error, which was written to last-error. */
int submission_outcome(struct submission *s, const char *what, const struct webex_reply *reply);

/*
 * The answer to a deletion is no 204, and it may be gone all the same: by an earlier try of ours, or
 * by another's doing; or the answer is wrong. True: that is found out (pager/proof/proof.h), forgotten if
 * it is so, and `end` is called with what it came to, which was written to last-error.
 */
bool submission_must_prove(struct submission *s, const char *what,
			   const struct webex_reply *reply, enum proof_kind kind, int64_t row,
			   void (*end)(struct submission *s, int error));
/* Else: 0 if it was deleted. */
int submission_outcome_of_delete(struct submission *s, const char *what,
				 const struct webex_reply *reply);
