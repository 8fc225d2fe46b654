/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the outbox share.
 *   outbox.c    life, sending, detaching, keeping
 *   submit.c    a letter to the wire
 *   job.c       from there to its end: the state machine
 *   answer.c    whether the answer is what was asked for
 *   edit.c      whether what is to be edited is still the same
 *   same.c      whether a file that was sent before still is there
 *   recall.c    a file that was removed while it is sent
 *   detach.c    a writer who waits no longer
 *   rewrite.c   other bytes for one of them
 *   check.c     what became of a letter whose answer did not come
 *   files.c     the two files of a letter
 *   recover.c   what an earlier run left
 *   recheck.c   whether what it was sending has arrived
 *   note.c      the .json of a letter as text
 *   unsent.c    the letters in unsent/
 *   peers.c     other daemons of the same person
 *   uploads.c   how far files on the wire are
 * Threads: a job belongs to the cache thread, but to the outbox's own ("io") thread from
 * work_post(o->io) until that posts back. Items: any thread, under o->lock, which is held for
 * memory only.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "base/names.h"
#include "outbox/outbox.h"
#include "webex/same.h"

/* What a text form may have: raw JSON is the largest. */
#define OUTBOX_BODY_MAX (1024 * 1024)

enum outbox_state { OUTBOX_SENDING, OUTBOX_UNSENT, OUTBOX_IN_DOUBT };

/* What a letter's .json says beside the letter. */
struct outbox_note {
	int64_t n;
	enum outbox_state state;
	char *name;			    /* in unsent/ */
	int64_t began_ms;		    /* wall */
	int error;			    /* -errno that its writer was told; 0: none */
	char *reason, *words, *tracking_id; /* NULL if there is none */
	bool is_under_way;		    /* in-doubt, and not over (detach.c) */
};
void outbox_note_clear(struct outbox_note *note);

/* ---- note.c: pure ---- */
#define OUTBOX_WHY_SUFFIX ".why.json"
/* Such a name and the suffix are a file name. */
#define OUTBOX_ITEM_NAME_MAX (NAME_MAX_BYTES - 15)
/* Owned. */
GString *outbox_note_print(const struct outbox_letter *l, const struct outbox_note *note);
/*
 * What a .json says, which may be anything. *ret_letter without body, fd and size, with at most one
 * destination; *ret_note without n. -EBADMSG: it is no note.
 */
int outbox_note_parse(const char *json, struct outbox_letter **ret_letter,
		      struct outbox_note *ret_note);

/* ---- unsent.c ---- */
struct outbox_entry {
	struct outbox_item item;
	char *key;     /* name_key of item.name */
	bool is_taken; /* on its way again */
};

struct outbox {
	struct store *store;
	struct webex_client *client;
	struct work_queue *cache, *io;
	const struct clock *clock;
	void (*on_changes)(void *arg, GPtrArray *changes);
	void (*on_reply)(void *arg, const struct webex_reply *reply);
	void *arg;
	bool is_bot;
	int upload_timeout_ms, check_pause_ms;
	char *dir, *spool; /* never change */
	int dir_fd;
	int peers_fd; /* peers.c; -1: there can be none; never changes, as the next */
	char *peers_tag;

	pthread_mutex_t lock;
	pthread_cond_t changed; /* `live` fell */
	GTree *entries;		/* lock; n to struct outbox_entry: what unsent/ lists */
	GHashTable *keys;	/* lock; name keys, listed or about to be; owned */
	GQueue uploads;		/* lock; of struct upload.link */
	int live;		/* lock; jobs, and items on the cache queue that use this */
	uint64_t next_id;	/* lock */

	GHashTable *jobs;   /* cache thread; &job->id to struct letter_job */
	GHashTable *lines;  /* cache thread; job->line_key to GQueue of jobs, in order */
	GHashTable *claims; /* cache thread; ids of messages that are some letter's */
	bool has_skew;	    /* cache thread */
	int64_t skew_ms;  /* cache thread; server's clock minus ours, as of the last delivery */
	bool is_closing;  /* cache thread */
	GArray *rechecks; /* of recheck.c; before any other thread has the outbox */
};

void outbox_items_init(struct outbox *o);
void outbox_items_done(struct outbox *o);
/* A name for the letter that no other has, and that no other gets while it is listed. Owned. */
char *outbox_name_claim(struct outbox *o, const struct outbox_letter *l, int64_t began_ms);
/* Of a letter found on disk; false if another has it. */
bool outbox_name_reserve(struct outbox *o, const char *name);
void outbox_name_release(struct outbox *o, const char *name);
/* Lists the letter, or lists it as it is now. */
void outbox_item_put(struct outbox *o, const struct outbox_note *note, int64_t size,
		     int64_t why_size);
/* The letter is not listed any more. Its name is free. */
void outbox_item_drop(struct outbox *o, int64_t n);
/* Marks it as under way: 0, -ENOENT, -EBUSY. */
int outbox_item_hold(struct outbox *o, int64_t n);
void outbox_item_release(struct outbox *o, int64_t n);
/* Owned; NULL if it is not listed. */
char *outbox_item_name(struct outbox *o, int64_t n);

/* ---- files.c: io thread, outbox_keep's caller, outbox_open ---- */
int outbox_files_open(struct outbox *o, const char *state_dir);
void outbox_files_close(struct outbox *o);
int outbox_files_sync_body(struct outbox *o, int64_t n);
/* Writes <n>.json, durably; it replaces an older one or does not change it. */
int outbox_files_put_note(struct outbox *o, const struct outbox_letter *l,
			  const struct outbox_note *note, int64_t *ret_size);
/* Of a letter on disk. *ret_letter without body and fd. */
int outbox_files_get(struct outbox *o, int64_t n, struct outbox_letter **ret_letter,
		     struct outbox_note *ret_note);
int outbox_files_get_text(struct outbox *o, int64_t n, char **ret_text);
int outbox_files_open_body(struct outbox *o, int64_t n, int *ret_fd);
/* Durable: the letter has the old bytes or the new ones. Takes a draft's name in the spool away. */
int outbox_files_replace_body(struct outbox *o, int64_t n, const struct outbox_letter *l);
/* The .json cannot be read: it is kept beside, as <n>.json.damaged, while there is the letter. */
void outbox_files_put_aside(struct outbox *o, int64_t n);
/* The body first: a .json without body is one whose removal was cut short. */
int outbox_files_remove(struct outbox *o, int64_t n);
/* Both files of a new letter; sets note->n and *ret_why_size. The .json is always down to the
 * disk, the body with is_durable. Takes a draft's name in the spool away. */
int outbox_files_put(struct outbox *o, const struct outbox_letter *l, struct outbox_note *note,
		     bool is_durable, int64_t *ret_why_size);
/* ---- recover.c: before any other thread has the outbox ---- */
/* Lists what an earlier run left; makes letters of what it was writing. */
int outbox_recover(struct outbox *o);

/* ---- recheck.c ---- */
/* outbox_recover found letter `n` as sending and lists it as `note`. */
void outbox_recheck_add(struct outbox *o, const struct outbox_note *note, int64_t n);
/* When the io thread is there: asks. */
void outbox_recheck_begin(struct outbox *o);

/* ---- job.c: cache thread ---- */
enum job_state {
	JOB_WRITING,  /* io thread makes it durable, or sums its bytes */
	JOB_READY,    /* waits for its turn */
	JOB_WIRE,     /* job->call is under way */
	JOB_CHECKING, /* check.c compares */
	JOB_APPLYING, /* delivered; the whole of it, or the room it is in, is fetched */
	JOB_SETTLING, /* io thread writes or removes */
};

/* uploads.c: a file on the wire. */
struct upload {
	char *name, *place;
	int64_t total, began_ms; /* mono */
	atomic_int_fast64_t sent;
	GList link; /* outbox.uploads */
};

struct letter_job {
	struct outbox *o;
	struct upload *upload; /* cache thread; NULL: it is no file, or not on the wire */
	uint64_t id;
	char *line_key; /* whose letters go in order */
	struct outbox_letter *letter;
	struct outbox_note note;
	outbox_done done;
	void *arg;
	enum job_state state; /* cache thread */
	bool is_detached;     /* cache thread */
	int detach_error;     /* cache thread; why its writer waits no longer */
	outbox_told told;     /* cache thread; NULL: nobody waits for that */
	void *told_arg;
	bool is_asking; /* cache thread; the call, or its answer, only asks: nothing was sent */
	bool is_listed; /* cache thread; in unsent/ by detach.c, under note.name; held */
	int64_t sent_ms;     /* wall, when it was submitted; cache thread */
	int64_t answered_ms; /* wall, when it was answered with success; cache thread */
	uint64_t call;	     /* cache thread; id of the request under way, 0: none */
	char *old;	     /* edits: the file's text before, as far as it is known */
	char *sha256;	     /* files; of the io thread, until that has posted back */
	GSList *recalls;     /* cache thread; of struct recall */
	int64_t why_size;
	/* the outcome */
	int error;
	int64_t room, message, content;
	struct webex_message *delivered; /* JOB_APPLYING */
	/* check.c */
	uint64_t timer;
	int64_t known_until; /* a row below, but above the letter's: may be another's. 0: none */
	int tries, misses, pages, rival_waits, looks;
	bool is_doubtful; /* something there could be it */
	bool is_answered; /* edits: with success, but not with another text than the old one */
	bool is_slow; /* the server was too slow, or was not waited for: it may still do it */
	/* files: what was listed, as far as its attachments are still to be looked at */
	GPtrArray *page;
	guint page_left;
	char *page_next;
};

/* Sends the first of the line if it is ready. */
void outbox_job_advance(struct outbox *o, const char *line_key);
/* The outbox cannot take it: nothing was sent, nothing is kept. */
void outbox_job_refuse(struct letter_job *job, int error);
/* It is durable and will not be submitted: its writer or the outbox is gone. */
void outbox_job_fail_unsubmitted(struct letter_job *job);
/* Any thread: something of what outbox_close waits for is over. */
void outbox_one_less(struct outbox *o);
/* The server has it: `m` is the message; adopted. */
void outbox_job_deliver(struct letter_job *job, struct webex_message *m);
/* No answer, or one that says no. `reply` is the caller's. */
void outbox_job_failed(struct letter_job *job, const struct webex_reply *reply);
/* It was recalled, or what it says is there already: not kept, no error. */
void outbox_job_drop(struct letter_job *job);
/* What came between its way to the disk and the wire: true if it has ended by that. */
bool outbox_job_ends_unsubmitted(struct letter_job *job);
/* What was submitted is answered; `arg` is the job. */
void outbox_job_answered(void *arg, struct webex_reply *reply);
/* It stays here, in that state. job->note.reason is adopted from `reason`. */
void outbox_job_fail(struct letter_job *job, enum outbox_state state, int error, char *reason);
/* Keeps the server's words of a failed request. */
void outbox_job_note_reply(struct letter_job *job, const struct webex_reply *reply);

/* Tells `done`, lets the next of the line go and frees it. */
void outbox_job_finish(struct letter_job *job);

/* ---- uploads.c: cache thread ---- */
void outbox_upload_begin(struct letter_job *job);
/* No effect if it did not begin. The request is over. */
void outbox_upload_end(struct letter_job *job);

/* ---- submit.c: cache thread ---- */
/* It is ready, and first in its line. */
void outbox_job_submit(struct letter_job *job);
/* A file's POST. */
void outbox_job_post(struct letter_job *job);
/* io thread: job->sha256, where that can be had. */
void outbox_job_sum(struct letter_job *job);
/* The PUT of an edit. */
void outbox_job_put(struct letter_job *job);

/* ---- same.c: cache thread ---- */
/* Then outbox_job_post, or the end. */
void outbox_same_begin(struct letter_job *job);

/* ---- peers.c: cache thread ---- */
void outbox_peers_init(struct outbox *o, const char *dir);
void outbox_peers_done(struct outbox *o);
/* That message is a letter of ours; false: another daemon has said so before. */
bool outbox_peers_claim(struct outbox *o, const char *id);
/* Another daemon has a letter that could have made the same message. Reads its folder. */
bool outbox_peers_have_rival(const struct letter_job *job);

/* ---- recall.c: cache thread ---- */
/* The job is over: tells those who recalled it. */
void outbox_recall_over(struct letter_job *job);
/* It was recalled, and that request has had no effect. */
bool outbox_recall_is_undone(const struct letter_job *job, const struct webex_reply *reply);

/* ---- detach.c: cache thread ---- */
/* The job is over. */
void outbox_detach_over(struct letter_job *job);

/* ---- rewrite.c: cache thread ---- */
/* The unsent letter is held (outbox_item_hold). */
void outbox_rewrite_begin(struct letter_job *job);

/* ---- answer.c ---- */
bool outbox_letter_is_edit(const struct outbox_letter *l);
/* Before an edit leaves: keeps in job->old what it is to change. */
void outbox_answer_note_old(struct letter_job *job);
/*
 * The answer to the letter says `m`, and that is what was there before: what was posted is a
 * message that was known before, an edited message has the text that it had and not the one that
 * was asked for. Anything else that a server makes of what it is given is its right.
 */
bool outbox_answer_is_old(const struct letter_job *job, const struct webex_message *m);

/* ---- edit.c ---- */
/* Looks whether the message is still the one that was edited; then outbox_job_put. */
void outbox_edit_begin(struct letter_job *job);

/* ---- check.c ---- */
/* The message says what the letter says. */
bool outbox_check_is_delivered(const struct outbox_letter *l, const struct webex_message *m);
void outbox_check_begin(struct letter_job *job);
/* An edit was answered with the text that the message had (outbox_answer_is_old). */
void outbox_check_unchanged(struct letter_job *job);
/* The outbox is closing: stops asking. `fail` may follow at once or with the answer. */
void outbox_check_abort(struct letter_job *job);
/* Frees what it has gathered. */
void outbox_check_clear(struct letter_job *job);
