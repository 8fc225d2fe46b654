/* SPDX-License-Identifier: MIT */
/*
 * The outbox: what is to be sent, on disk from before its first byte leaves until the server
 * has it (design 2.3, promise 1). Folder <state>/outbox (0700), two files a letter: <n>.body
 * and <n>.json (what, whereto, state, reason, the server's words, writer's pid and comm,
 * times).
 *
 *           outbox_send          submitted             2xx
 *     (none) ---------> sending -----------> on the wire -----------> removed, done(0)
 *       |                  |                   |     |                    ^
 *       |outbox_keep       |outbox_detach,     |     |may have applied    |found
 *       |                  |outbox_close       |     +------> compare ----+
 *       |                  |                   |clear          |   |not comparable,
 *       |                  |                   |refusal        |   |not sure
 *       |                  |                   |      not found|   +-----> in-doubt,
 *       v                  v                   v               v           done(-errno)
 *     unsent          unsent, done(-errno) <---+---------------+
 *
 *     A writer who waits no longer (outbox_detach) finds a letter that is on the wire in unsent/, as
 *     in-doubt, until it is over; found so at the start it counts as `sending`.
 *     Found as `sending` at the start: in-doubt, for it may have been on the wire; and compare,
 *     but for raw JSON. Until that is over it cannot be taken (-EBUSY).
 *
 *  1. A text's bytes and its .json (and the folder) are fsynced before the request is
 *     submitted, a file's bytes before an error is returned.
 *  2. An error is returned only after the letter is durable as unsent or in-doubt. -ENOSPC and
 *     such of the outbox itself come back before anything was sent; then nothing is kept.
 *  3. `done` is called exactly once for every letter, on the cache thread, also after
 *     outbox_detach (whose caller passes one that copes).
 *  4. After an ambiguous failure the newest messages of the room are listed, twice with a pause
 *     (2 s), and compared with the letter: mine, the same text (files: one file and no text),
 *     created since, unknown to the store before, claimed by no other letter, also of another daemon
 *     of the person. Found: as if the
 *     answer had come. Not found, both times: unsent, "it did not arrive", for texts and
 *     Markdown where the list was complete; otherwise in-doubt, as after a time-out (also 504)
 *     and when it was found as `sending` within ten minutes, for who is slow may still do it. Raw
 *     JSON (cards) and bots in group spaces: in-doubt at once. Of an edit the message itself is
 *     looked at.
 *     Before an edit, too: if it is not what the edit was made from, it was edited elsewhere
 *     (unsent, -ESTALE); if it is gone: unsent, -ENOENT.
 *     A success is looked at, too: of an edit that has the old text in it the message is asked for
 *     again after the pause, and if it still has, the letter is unsent (-EIO); a post that is
 *     answered with a message that was known before, or of another room, is looked for as after no
 *     answer. A file whose message has no file in it is in-doubt (-EIO).
 *  5. Letters of one writer to one room are submitted in the order of outbox_send, the next
 *     after the one before is over; so are versions of one file (content_rowid), whoever wrote them.
 *  6. Nothing is resent by itself. At most OUTBOX_MAX letters are kept: then new ones are
 *     refused (-ENOSPC).
 *     A file that has name, size and bytes of the newest version which was sent from here is sent
 *     only if the message of that version is gone (its GET by id); without an answer: unsent.
 *  7. A letter of outbox_take that is not delivered ends where it was: the unsent letter keeps
 *     its number and name and gets the new destination and reason. A second one of the same
 *     number while the first is under way: -EBUSY.
 * Thread rule: outbox_send, outbox_keep, outbox_detach, listing and files from any thread. File
 * I/O of sending happens on the outbox's own thread; network answers on the cache thread.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/work.h"
#include "store/store.h"
#include "webex/api.h"

struct outbox;
struct letter_local;

#define OUTBOX_MAX 10000

enum outbox_form {
	OUTBOX_TEXT,
	OUTBOX_MARKDOWN,
	OUTBOX_JSON,
	OUTBOX_FILE,
	OUTBOX_EDIT_TEXT,
	OUTBOX_EDIT_MARKDOWN
};

/* What is to be sent. Strings owned by the letter. */
struct outbox_letter {
	enum outbox_form form;
	int64_t room;  /* store rowid, 0 if not known (a person never written to) */
	char *room_id; /* exactly one of room_id, email */
	char *email;
	char *parent_id;
	char *message_id;  /* edits */
	char *base;	   /* edits: the file's text when it was opened; NULL: not known */
	bool is_unchanged; /* edits: the text that is known; whether it still is that is asked */
	char *place;	   /* for people: "Harbour project" or the address */
	char *body;	   /* text forms, JSON; NUL-terminated. JSON: as it was written, the
			     destination is filled in when it is sent */
	size_t body_len;
	/* JSON that names a file of this machine: what is to be read (local_file.h) before it is sent.
	 * Owned; NULL: it names none. */
	struct letter_local *local;
	int fd; /* file: owned, else -1 */
	int64_t size;
	char *filename;
	char *content_type;    /* file; NULL: found out before it is written down */
	char *text, *markdown; /* file: what goes with it, at most one of them */
	int64_t content_rowid; /* file: the store_content row to be made (0: a new one) */
	int64_t mtime_ms;
	pid_t pid;
	char *comm;
	int64_t replaces; /* the number of the unsent letter that this one is (outbox_take); 0:
			     none */
	bool is_rewrite;  /* that one gets these bytes, durably, and stays unsent */
};
struct outbox_letter *outbox_letter_new(enum outbox_form form); /* fd = -1 */
void outbox_letter_free(struct outbox_letter *l);

/* error 0: message is the store rowid of the message that now exists, room the rowid of its
 * room (new for a first post to a person). */
typedef void (*outbox_done)(void *arg, int error, int64_t room, int64_t message);

struct outbox_config {
	const char *state_dir; /* exists, 0700 */
	const char *
		peers_dir; /* whose folders are such of other daemons, too; NULL: there are none */
	struct store *store;
	struct webex_client *client;
	struct work_queue *cache_queue;
	const struct clock *clock;
	/* cache thread: changes that a delivery made in the store (borrowed) */
	void (*on_changes)(void *arg, GPtrArray *changes);
	/* cache thread: the answer to a letter, or what came instead (borrowed); may be NULL */
	void (*on_reply)(void *arg, const struct webex_reply *reply);
	void *arg;
	bool is_bot;
	int upload_timeout_ms; /* 0: 10 min */
	int check_pause_ms;    /* of rule 4; 0: 2 s */
};

int outbox_open(const struct outbox_config *config, struct outbox **ret_outbox);
/* Before the cache queue and the client's loop are stopped; every `done` comes before it
 * returns. Waits at most `wait_ms` for deliveries under way; the rest is left durable (sending
 * -> in-doubt at the next start, or unsent). Says in the log what it left. */
void outbox_close(struct outbox **outbox, int wait_ms);

/* Adopts the letter, which is not empty (-EINVAL) unless it rewrites a file. Returns an id for
 * outbox_detach. `done` comes. */
uint64_t outbox_send(struct outbox *o, struct outbox_letter *letter, outbox_done done,
		     void *arg);
/*
 * The writer waits no longer, for `error`: -EINTR, or -ETIMEDOUT. What is not yet on the wire goes to
 * unsent with the reason. What is finishes in the background; meanwhile it is listed as in-doubt,
 * "still on the wire", and cannot be taken or removed (-EBUSY); it goes when it was delivered.
 * `told` comes once, on the cache thread, never before this returns; NULL: nobody needs to know.
 * is_kept: the letter is listed, and the writer is to be told `error`. Otherwise it is over, and
 * `done`, which comes in any case, says how.
 */
typedef void (*outbox_told)(void *arg, int error, bool is_kept);
void outbox_detach(struct outbox *o, uint64_t id, int error, outbox_told told, void *arg);
/*
 * What is under way of a file (content_rowid) that was removed: is not sent, or its message is told,
 * to be deleted. error: of one of the letters nobody knows whether it arrived. `arrived`: rows of
 * messages (of int64_t; borrowed). `done` comes once, on the cache thread, never before this returns.
 * The letters' own `done` say 0 where they were not sent.
 */
typedef void (*outbox_recalled)(void *arg, int error, const GArray *arrived);
void outbox_recall(struct outbox *o, int64_t content_row, outbox_recalled done, void *arg);
/* Something is under way to the room. Cache thread. */
bool outbox_sends_to(struct outbox *o, const char *room_id);
/* Straight to unsent with the reason (a dying writer, a refused destination). Durable when it
 * returns; adopts. 0 or -errno. */
int outbox_keep(struct outbox *o, struct outbox_letter *letter, const char *reason);

/* ---- .sparkfs/unsent ---- */
struct outbox_item {
	int64_t n;  /* number of the letter: rising, never reused; rowid of its node */
	char *name; /* "<time>_<place>_<post.txt|file name>", cleaned by names.h, unique */
	int64_t size, why_size, mtime_ms;
};
void outbox_item_free(void *item);
/* unsent and in-doubt letters by rising n. Owned array. */
GPtrArray *outbox_list(struct outbox *o);
int outbox_find(struct outbox *o, int64_t n, struct outbox_item **ret_item);
/* The body, opened read-only; owned. */
int outbox_open_body(struct outbox *o, int64_t n, int *ret_fd);
/* The .why.json as text: destination, time, reason, server's words, state; owned. */
int outbox_why(struct outbox *o, int64_t n, char **ret_text);
int outbox_remove(struct outbox *o, int64_t n);
/* The letter again (room 0), to be given another destination (mv to a post file or a space) and
 * sent; its files go when that one is delivered. -EBUSY: it is under way; -EILSEQ: a text that
 * is none (what a killed writer left). */
int outbox_take(struct outbox *o, int64_t n, struct outbox_letter **ret_letter);
int outbox_count(struct outbox *o);
/* Files on the wire: appends to `ret` (of struct content_transfer). */
void outbox_transfers(struct outbox *o, GArray *ret);
