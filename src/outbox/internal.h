/* SPDX-License-Identifier: MIT */
/*
 * What the files of the outbox share. Each does one thing:
 *
 *   outbox.c    life, sending, detaching, keeping
 *   submit.c    a letter to the wire
 *   job.c       from there to its end: the state machine
 *   answer.c    the answer to the request, and whether it is what was asked for
 *   edit.c      whether what is to be edited is still the same
 *   action.c    the answer to a card
 *   same.c      whether a file that was sent before still is there
 *   root.c      whether the message is there to which a refused letter replies
 *   copies.c    earlier tries of a file that was delivered in the end
 *   recall.c    what becomes of a file that is removed while it is sent
 *   detach.c    what becomes of a letter whose writer waits no longer
 *   rewrite.c   new bytes for an unsent letter
 *   check.c     what became of a letter whose answer did not come
 *   files.c     the two files of a letter
 *   recover.c   what an earlier run left
 *   recheck.c   whether the letters that it was sending have arrived
 *   thread.c    in which thread a letter belongs
 *   note.c      the .json of a letter as text
 *   unsent.c    the letters in unsent/
 *   peers.c     other daemons of the same person
 *   uploads.c   how far files on the wire are
 *
 * Threads: a job belongs to the cache thread, but to the outbox's own ("io") thread from
 * work_post(o->io) until that posts back. Items: any thread, under o->lock, which is held for
 * memory only.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "base/names.h"
#include "outbox/known.h"
#include "outbox/outbox.h"
#include "webex/same.h"

/* The largest body of a text form, which raw JSON has. */
#define OUTBOX_BODY_MAX (1024 * 1024)

enum outbox_state { OUTBOX_SENDING, OUTBOX_UNSENT, OUTBOX_IN_DOUBT };

/* What the .json of a letter has besides the letter itself. */
struct outbox_note {
	int64_t n;
	enum outbox_state state;
	char *name;			    /* in unsent/ */
	int64_t began_ms;		    /* wall */
	int error;			    /* -errno that its writer got; 0: none */
	char *reason, *words, *tracking_id; /* NULL if there is none */
	bool is_under_way;		    /* in-doubt and still on the wire (detach.c) */
};
void outbox_note_clear(struct outbox_note *note);

/* ---- note.c: pure ---- */
#define OUTBOX_WHY_SUFFIX ".why.json"
/* A name of this length and the suffix fit into a file name. */
#define OUTBOX_ITEM_NAME_MAX (NAME_MAX_BYTES - 15)
/* Owned. */
GString *outbox_note_print(const struct outbox_letter *l, const struct outbox_note *note);
/*
 * Parses a .json, which may contain anything. *ret_letter comes without body, fd and size, and
 * with at most one destination; *ret_note without n. -EBADMSG: it is no note.
 */
int outbox_note_parse(const char *json, struct outbox_letter **ret_letter,
		      struct outbox_note *ret_note);

/* ---- unsent.c ---- */
struct outbox {
	struct store *store;
	struct webex_client *client;
	struct work_queue *cache, *io;
	const struct clock *clock;
	void (*on_changes)(void *arg, GPtrArray *changes);
	void (*on_reply)(void *arg, const struct webex_reply *reply);
	void (*on_answer)(void *arg, const struct outbox_letter *l, const char *json);
	void *arg;
	bool is_bot;
	int upload_timeout_ms, check_pause_ms;
	char *dir, *spool; /* never change */
	int dir_fd;
	int peers_fd; /* peers.c; -1: there are none; never changes, like the next field */
	char *peers_tag;

	pthread_mutex_t lock;
	pthread_cond_t changed;		/* signals that `live` fell */
	struct outbox_entries *entries; /* lock; what unsent/ lists */
	GHashTable *keys; /* lock; keys of names that are listed or about to be; owned */
	GQueue uploads;	  /* lock; of struct upload.link */
	int live;	  /* lock; number of jobs, and of items on the cache queue that
				 * use this */
	uint64_t next_id; /* lock */

	GHashTable *jobs;    /* cache thread; &job->id to struct letter_job */
	GHashTable *lines;   /* cache thread; job->line_key to GQueue of jobs, in order */
	GHashTable *claims;  /* cache thread; ids of messages that letters have become */
	bool has_skew;	     /* cache thread */
	int64_t skew_ms;     /* cache thread; server's clock minus ours, at the last delivery */
	bool is_closing;     /* cache thread */
	struct known *known; /* never changes */
	GArray *rechecks;    /* of recheck.c; used before any other thread has the outbox */
};

void outbox_items_init(struct outbox *o);
void outbox_items_done(struct outbox *o);
/* A name for the letter that no other letter has or gets while this one is listed. Owned. */
char *outbox_name_claim(struct outbox *o, const struct outbox_letter *l, int64_t began_ms);
/* Reserves the name of a letter that was found on disk; false if another one has it. */
bool outbox_name_reserve(struct outbox *o, const char *name);
void outbox_name_release(struct outbox *o, const char *name);
/* Lists the letter, or updates its entry. */
void outbox_item_put(struct outbox *o, const struct outbox_note *note, int64_t size,
		     int64_t why_size);
/* Takes the letter off the list and frees its name. */
void outbox_item_drop(struct outbox *o, int64_t n);
/* The numbers of the letters of files of this size, but not of `n`. Owned array of int64_t. */
GArray *outbox_items_of_size(struct outbox *o, int64_t size, int64_t n);
/* Marks the letter as under way. 0, -ENOENT, -EBUSY. */
int outbox_item_hold(struct outbox *o, int64_t n);
void outbox_item_release(struct outbox *o, int64_t n);
/* The name of the letter, owned; NULL if it is not listed. */
char *outbox_item_name(struct outbox *o, int64_t n);

/* ---- files.c: io thread, outbox_keep's caller, outbox_open ---- */
int outbox_files_open(struct outbox *o, const char *state_dir);
/* The same if there is an outbox in the folder; else -ENOENT. */
int outbox_files_find(struct outbox *o, const char *state_dir);
void outbox_files_close(struct outbox *o);
/* A number that no letter has. */
int64_t outbox_files_new_number(struct outbox *o);
/* Links the .json of a letter, and one that was put aside, into another outbox. 0, -ENOENT: it has none,
 * -errno. */
int outbox_files_link_note(const struct outbox *from, int64_t n, const struct outbox *to,
			   int64_t new_n);
/* Moves the body; what went there before is durable then. 0: it is there; -errno: it is where it was. */
int outbox_files_move_body(const struct outbox *from, int64_t n, const struct outbox *to,
			   int64_t new_n);
int outbox_files_sync_body(struct outbox *o, int64_t n);
/* Writes <n>.json durably. An older one is replaced or, on an error, not changed. */
int outbox_files_put_note(struct outbox *o, const struct outbox_letter *l,
			  const struct outbox_note *note, int64_t *ret_size);
/* Reads a letter from the disk. *ret_letter comes without body and fd; *ret_size is the length of its
 * text for outbox_why(), and may be NULL. */
int outbox_files_get(struct outbox *o, int64_t n, struct outbox_letter **ret_letter,
		     struct outbox_note *ret_note, int64_t *ret_size);
int outbox_files_get_text(struct outbox *o, int64_t n, char **ret_text);
int outbox_files_open_body(struct outbox *o, int64_t n, int *ret_fd);
/* Replaces the body durably: after a crash the letter has the old bytes or the new ones.
 * Removes the name of a draft in the spool. */
int outbox_files_replace_body(struct outbox *o, int64_t n, const struct outbox_letter *l);
/* For a .json that cannot be read: keeps it as <n>.json.damaged as long as the letter exists. */
void outbox_files_put_aside(struct outbox *o, int64_t n);
/* Removes the body first, so that a .json without body shows a removal that was interrupted. */
int outbox_files_remove(struct outbox *o, int64_t n);
/* Writes both files of a new letter; sets note->n and *ret_why_size. The .json is always
 * fsynced, the body with is_durable. Removes the name of a draft in the spool. */
int outbox_files_put(struct outbox *o, const struct outbox_letter *l, struct outbox_note *note,
		     bool is_durable, int64_t *ret_why_size);
/* ---- recover.c, gather.c: before any other thread has the outbox ---- */
/* True for "<n>.<suffix>". */
bool outbox_parse_name(const char *name, const char *suffix, int64_t *ret_n);
/* Appends the numbers of all bodies (int64_t), by rising number; removes files that were being written or
 * removed. */
int outbox_scan(struct outbox *o, GArray *numbers);
/* Moves all that is in the outbox of that folder, which nobody else uses, into this one, and appends the new
 * numbers. What cannot be moved stays there, and the log says so. */
void outbox_gather(struct outbox *o, const char *state_dir, GArray *numbers);
/* Lists the letters that an earlier run left here, or in the folders `left` (of struct outbox_config), and makes
 * letters of what it was writing. */
int outbox_recover(struct outbox *o, const char *const *left);

/* ---- recheck.c ---- */
/* outbox_recover found letter `n` as sending and lists it as `note`. */
void outbox_recheck_add(struct outbox *o, const struct outbox_note *note, int64_t n);
/* Begins to ask about them, when the io thread exists. */
void outbox_recheck_begin(struct outbox *o);

/* ---- job.c: cache thread ---- */
enum job_state {
	JOB_WRITING,  /* the io thread makes it durable, or sums its bytes */
	JOB_READY,    /* it waits for its turn */
	JOB_WIRE,     /* job->call is under way */
	JOB_CHECKING, /* check.c compares */
	JOB_APPLYING, /* delivered; the whole message, or its room, is being fetched */
	JOB_SETTLING, /* the io thread writes or removes its files */
};

/* In uploads.c. A file on the wire. */
struct upload {
	char *name, *place;
	int64_t total, began_ms; /* mono */
	atomic_int_fast64_t sent;
	GList link; /* outbox.uploads */
};

struct letter_job {
	struct outbox *o;
	struct upload *upload; /* cache thread; NULL: no file, or not on the wire */
	uint64_t id;
	char *line_key; /* letters with the same key are sent in order */
	struct outbox_letter *letter;
	struct outbox_note note;
	outbox_done done;
	void *arg;
	enum job_state state; /* cache thread */
	bool is_detached;     /* cache thread */
	int detach_error;     /* cache thread; the error that its writer got */
	outbox_told told;     /* cache thread; NULL: none */
	void *told_arg;
	bool is_put;	     /* cache thread; edits: the change itself was asked for */
	bool is_asking;	     /* cache thread; the call only reads: nothing was sent by it */
	bool is_listed;	     /* cache thread; detach.c lists it in unsent/ as note.name, held */
	int64_t sent_ms;     /* wall, when it was submitted; cache thread */
	int64_t answered_ms; /* wall, when it was answered with success; cache thread */
	uint64_t call;	     /* cache thread; id of the request under way, 0: none */
	char *old;	     /* edits: the text before, if known */
	char *sha256;	     /* files; belongs to the io thread until that has posted back */
	GSList *recalls;     /* cache thread; of struct recall */
	int64_t why_size;
	/* the result */
	int error;
	int64_t room, message, content;
	struct webex_message *delivered; /* JOB_APPLYING */
	/* check.c */
	uint64_t timer;
	int64_t known_until; /* a message with a lower row than this, and a higher one than the
			      * letter's, may be another letter's. 0: none */
	int tries, misses, pages, rival_waits, looks;
	bool is_doubtful; /* a message was found that could be it */
	bool is_answered; /* edits: a success was answered, but with the old text */
	bool in_thread; /* the messages of the letter's thread are asked for, not the space's */
	bool is_thread_refused; /* the server did not list them */
	bool is_slow; /* the server was slow or not waited for, so it may still do it */
	GArray *copies; /* files: numbers of unsent letters that have arrived by this one (copies.c);
			 * io thread until that has posted back; NULL: none */
	/* files: listed messages whose attachments are still to be looked at */
	GPtrArray *page;
	guint page_left;
	char *page_next;
};

/* Sends the first letter of the line if it is ready. */
void outbox_job_advance(struct outbox *o, const char *line_key);
/* Ends a job that the outbox cannot take: nothing was sent, and nothing is kept. */
void outbox_job_refuse(struct letter_job *job, int error);
/* Ends a durable job that is not submitted, because its writer or the outbox has gone. */
void outbox_job_fail_unsubmitted(struct letter_job *job);
/* Any thread: one of the things that outbox_close waits for has ended. */
void outbox_one_less(struct outbox *o);
/* The server has the letter as the message `m`, which is adopted. */
void outbox_job_deliver(struct letter_job *job, struct webex_message *m);
/* The request failed, without an answer or with a refusal. `reply` is borrowed. */
void outbox_job_failed(struct letter_job *job, const struct webex_reply *reply);
/* Ends the job without an error and keeps nothing: it was recalled, or the server already has
 * what it says. */
void outbox_job_drop(struct letter_job *job);
/* True if the job ends here because of something that happened before it was submitted. */
bool outbox_job_ends_unsubmitted(struct letter_job *job);
/* Keeps the letter here in this state. `reason` is adopted. */
void outbox_job_fail(struct letter_job *job, enum outbox_state state, int error, char *reason);
/* Keeps the server's words about a failed request. */
void outbox_job_note_reply(struct letter_job *job, const struct webex_reply *reply);

/* Calls `done`, lets the next letter of the line go, and frees the job. */
void outbox_job_finish(struct letter_job *job);

/* ---- uploads.c: cache thread ---- */
void outbox_upload_begin(struct letter_job *job);
/* The request has ended. Does nothing if it did not begin. */
void outbox_upload_end(struct letter_job *job);

/* ---- submit.c: cache thread ---- */
/* Submits a job that is ready and the first of its line. */
void outbox_job_submit(struct letter_job *job);
/* Submits the POST of a file. */
void outbox_job_post(struct letter_job *job);
/* io thread: sets job->sha256 if it can be computed. */
void outbox_job_sum(struct letter_job *job);
/* Submits the PUT of an edit. */
void outbox_job_put(struct letter_job *job);

/* ---- action.c: cache thread ---- */
/* Submits the answer to a card. */
void outbox_action_submit(struct letter_job *job);

/* ---- same.c: cache thread ---- */
/* Looks whether the same file is at the server; then outbox_job_post, or the end. */
void outbox_same_begin(struct letter_job *job);
/* Takes a message that the server has no more out of the store. */
void outbox_forget_message(struct outbox *o, int64_t row);

/* ---- root.c: cache thread ---- */
/* The server refused a reply (`reply`, borrowed): asks whether the message is there that it replies to, and
 * ends the job. False: it is no reply, or something else was refused. */
bool outbox_root_begin(struct letter_job *job, const struct webex_reply *reply);

/* ---- copies.c ---- */
/* io thread; the body of the letter is open. Removes the files of unsent letters that are the same
 * file for the same place as the one that was delivered. */
void outbox_copies_remove(struct letter_job *job);
/* Cache thread: takes them off the list. */
void outbox_copies_drop(struct letter_job *job);

/* ---- peers.c: cache thread ---- */
void outbox_peers_init(struct outbox *o, const char *dir);
void outbox_peers_done(struct outbox *o);
/* Claims the message as a letter of ours. False: another daemon claimed it before. */
bool outbox_peers_claim(struct outbox *o, const char *id);
/* True if another daemon has a letter that could have become the same message. Reads its
 * folder. */
bool outbox_peers_have_rival(const struct letter_job *job);

/* ---- recall.c: cache thread ---- */
/* The job has ended: tells those who recalled it. */
void outbox_recall_over(struct letter_job *job);
/* True if it was recalled and the request had no effect. */
bool outbox_recall_is_undone(const struct letter_job *job, const struct webex_reply *reply);

/* ---- detach.c: cache thread ---- */
/* The job has ended. */
void outbox_detach_over(struct letter_job *job);

/* ---- rewrite.c: cache thread ---- */
/* The unsent letter is held (outbox_item_hold); gives it its new bytes. */
void outbox_rewrite_begin(struct letter_job *job);

/* ---- answer.c ---- */
/* True if it has a message. */
bool outbox_answer_has_item(const struct webex_reply *reply);
/* Cache thread. The answer to the request; `arg` is the job. */
void outbox_job_answered(void *arg, struct webex_reply *reply);
/* Called before an edit leaves: keeps the text that it changes in job->old. */
void outbox_answer_note_old(struct letter_job *job);
/*
 * True if `m`, the answer to the letter, shows what was there before: for a post a message that
 * was known before, for an edit the old text and not the one that was asked for. Apart from
 * that the server may change what it is given.
 */
bool outbox_answer_is_old(const struct letter_job *job, const struct webex_message *m);
/* True if the answer has another message, room or author, so that it says nothing of the edit or
 * post. */
bool outbox_answer_is_another(const struct letter_job *job, const struct webex_message *m);

/* ---- edit.c ---- */
/* Checks that the message is still as it was when it was edited; then outbox_job_put. */
void outbox_edit_begin(struct letter_job *job);

/* ---- check.c ---- */
/* True if the message says what the letter says. */
bool outbox_check_is_delivered(const struct outbox_letter *l, const struct webex_message *m);
void outbox_check_begin(struct letter_job *job);
/* Looks again after an edit that was answered with the old text (outbox_answer_is_old). */
void outbox_check_unchanged(struct letter_job *job);
/* The outbox closes: stops asking. The job fails at once or with the answer. */
void outbox_check_abort(struct letter_job *job);
/* Frees what the check has collected. */
void outbox_check_clear(struct letter_job *job);
