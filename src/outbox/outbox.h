/* SPDX-License-Identifier: MIT */
/*
 * The outbox: what is to be sent is on disk from before its first byte leaves until the server
 * has it (design 2.3, promise 1). The folder <state>/outbox (0700) has two files for each
 * letter: <n>.body and <n>.json (what, whereto, state, reason, the server's words, writer's pid
 * and comm, times).
 *
 * Structure:
 *
 *     draft          the bytes of an open file                          draft.h
 *       | draft_take
 *       v
 *     letter         what is to be sent, and where to                   struct outbox_letter
 *       |         outbox_keep
 *       +-----------------------------------------+
 *       | outbox_send                             |
 *       v                                         |
 *     job            a letter on its way          |                     struct letter_job, job.c
 *       | waits in its line: letters of one       |
 *       | writer to one room, or versions of      |
 *       | one file                                v
 *       +------ not delivered -----------> entry of unsent/             struct outbox_entry, unsent.c
 *       v                                         | outbox_take
 *     the server                                  v
 *                                          a new letter
 *
 * On disk a letter is a body and a note (note.c, files.c). check.c finds out whether a letter of
 * unknown fate arrived, recover.c and recheck.c do so for those of an earlier run.
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
 *     When a writer waits no longer (outbox_detach), a letter that is on the wire is listed in
 *     unsent/ as in-doubt until it ends; found so at the start it counts as `sending`. A letter
 *     that is `sending` at the start is in-doubt, because it may have been on the wire, and is
 *     compared, except raw JSON that has more than text and Markdown. Until the comparison has
 *     ended it cannot be taken (-EBUSY).
 *
 *  1. The bytes of a text and its .json (and the folder) are fsynced before the request is
 *     submitted, the bytes of a file before an error is returned.
 *  2. An error is returned only after the letter is durable as unsent or in-doubt. Errors of
 *     the outbox itself, as -ENOSPC, are returned before anything was sent; then nothing is
 *     kept.
 *  3. `done` is called exactly once for each letter, on the cache thread, also after
 *     outbox_detach; it must be able to cope with that.
 *  4. After an ambiguous failure the newest messages of the room are listed, for a reply those of
 *     its thread, twice with a pause (2 s), and compared with the letter.
 *      - A message is the letter if it is mine, is in the same thread or in none as the letter,
 *        has the same text (of a file: one file and no text), was created since, was unknown to
 *        the store before, and is claimed by no other letter, not even one of another daemon of
 *        the person. If it is found, the letter is delivered. Where the list does not tell the
 *        thread, or the store does not know whether the letter names a root, there is a doubt.
 *      - If it is not found both times, a text or Markdown is unsent ("it did not arrive") where
 *        the list was complete. Otherwise it is in-doubt, as also after a time-out (or 504), and
 *        if it was found as `sending` within ten minutes, because a slow server may still do it.
 *      - The answer to a card is in-doubt at once: there is no list of answers.
 *      - Raw JSON of nothing but text and Markdown is compared like them; other raw JSON (cards,
 *        files by URL) and bots in group spaces are in-doubt at once.
 *      - For an edit the message itself is read. It is also read before the edit is sent: if it
 *        differs from the text that the edit was made from, it was edited elsewhere (unsent,
 *        -ESTALE); if it is gone, unsent, -ENOENT.
 *      - A success is checked, too. If an edit is answered with the old text, the message is read
 *        again after the pause, and if it still has the old text, the letter is unsent (-EIO). If
 *        a post is answered with a message that was known before, or that is in another room or
 *        of another author, it is looked for as if no answer had come; so is one of which neither
 *        the answer nor its GET says where it is. If the answer lacks the thread of a reply, or
 *        has another, the message is asked for; one that says the same and is in another thread
 *        has arrived there. A file whose message has no file is in-doubt
 *        (-EIO).
 *      - If a reply is refused (400, 404), the message that it replies to is asked for: if that is
 *        gone, the letter is unsent, -ENOENT.
 *  5. Letters of one writer to one room are submitted in the order of outbox_send, each when
 *     the one before has ended. The same holds for versions of one file (content_rowid),
 *     whoever wrote them.
 *  6. Nothing is resent by itself. At most OUTBOX_MAX letters are kept; more are refused
 *     (-ENOSPC). A file with the name, size and bytes of the newest version that was sent from
 *     here is sent only if a GET by id shows that the message of that version is gone; without
 *     an answer it is unsent.
 *  7. A letter of outbox_take that is not delivered ends where it was: the unsent letter keeps
 *     its number and name and gets the new destination and reason. While it is under way, a
 *     second one of the same number is -EBUSY.
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
#include "outbox/letter.h"
#include "store/store.h"
#include "webex/api.h"

struct outbox;

#define OUTBOX_MAX 10000

/* The -errno that a letter to `to` is known to end with (known.h): -EACCES for an edit of a message
 * that was edited as often as can be, -ENOENT for an address that nobody has; else 0. Any thread. */
int outbox_known_error(struct outbox *o, const struct destination *to);

/* error 0: message is the store rowid of the message that now exists, room the rowid of its
 * room (new for a first post to a person). */
typedef void (*outbox_done)(void *arg, int error, int64_t room, int64_t message);

struct outbox_config {
	const char *state_dir; /* exists, 0700 */
	const char *
		peers_dir; /* its folders may belong to other daemons, too; NULL: there are none */
	/* State folders of the same person whose daemons have ended, and whose locks the caller has: their letters
	 * and drafts become ours. Ends with NULL; NULL: there are none. */
	const char *const *left;
	struct store *store;
	struct webex_client *client;
	struct work_queue *cache_queue;
	const struct clock *clock;
	/* cache thread: the changes that a delivery made in the store (borrowed) */
	void (*on_changes)(void *arg, GPtrArray *changes);
	/* cache thread: the answer to a letter, or the error in its place (borrowed); may be
	 * NULL */
	void (*on_reply)(void *arg, const struct webex_reply *reply);
	/* cache thread: what the server answered to the answer to a card, as JSON: the object ("" if it
	 * came without words), or the words of a refusal. Both are borrowed. May be NULL. */
	void (*on_answer)(void *arg, const struct outbox_letter *letter, const char *json);
	void *arg;
	bool is_bot;
	int upload_timeout_ms; /* 0: 10 min */
	int check_pause_ms;    /* the pause of rule 4; 0: 2 s */
};

int outbox_open(const struct outbox_config *config, struct outbox **ret_outbox);
/* Called before the cache queue and the client's loop are stopped; all `done` are called before
 * it returns. Waits at most `wait_ms` for deliveries under way; the other letters stay on disk
 * (unsent, or `sending`, which is in-doubt at the next start). Logs which it left. */
void outbox_close(struct outbox **outbox, int wait_ms);

/* Adopts the letter. An empty one is -EINVAL unless it rewrites a file. Returns an id for
 * outbox_detach. `done` is called in any case. */
uint64_t outbox_send(struct outbox *o, struct outbox_letter *letter, outbox_done done,
		     void *arg);
/*
 * The writer waits no longer because of `error`: -EINTR or -ETIMEDOUT. A letter that is not yet
 * on the wire goes to unsent with the reason. One that is goes on in the background: it is
 * listed as in-doubt, "still on the wire", and cannot be taken or removed (-EBUSY), until it is
 * delivered and leaves the list. `told` is called once, on the cache thread, never before this
 * returns; it may be NULL. is_kept: the letter is listed, and the writer is to get `error`.
 * Otherwise the letter has ended, and `done`, which is called in any case, says how.
 */
typedef void (*outbox_told)(void *arg, int error, bool is_kept);
void outbox_detach(struct outbox *o, uint64_t id, int error, outbox_told told, void *arg);
/*
 * Recalls the letters under way of a file (content_rowid) that was removed: each is withdrawn,
 * or its message is reported, to be deleted. `arrived` has the rows of these messages (of
 * int64_t; borrowed). error: it is unknown whether one of the letters arrived. `done` is called
 * once, on the cache thread, never before this returns. The `done` of a withdrawn letter gets
 * 0.
 */
typedef void (*outbox_recalled)(void *arg, int error, const GArray *arrived);
void outbox_recall(struct outbox *o, int64_t content_row, outbox_recalled done, void *arg);
/* True if a letter to the room is under way. Cache thread. */
bool outbox_sends_to(struct outbox *o, const char *room_id);
/* Puts the letter into unsent with the reason (a dying writer, a refused destination). It is
 * durable when this returns. Adopts it. 0 or -errno. */
int outbox_keep(struct outbox *o, struct outbox_letter *letter, const char *reason);

/* ---- .sparkfs/unsent ---- */
struct outbox_item {
	int64_t n;  /* number of the letter: rising, never reused; the rowid in its node id */
	char *name; /* "<time>_<place>_<post.txt|file name>", cleaned by names.h, unique */
	int64_t size, why_size, mtime_ms;
};
void outbox_item_free(void *item);
/*
 * The place of what nobody but the mounter may see, because it can hold a secret: a webhook's. A letter with
 * this place, or one of a space that is called so, is private. The name says it, which is there after a crash
 * as well.
 */
#define OUTBOX_PLACE_PRIVATE "webhooks"
bool outbox_item_is_private(const struct outbox_item *item);
/* The unsent and in-doubt letters by rising n, from that number on, `most` of them. Owned array. */
GPtrArray *outbox_list(struct outbox *o, int64_t from, guint most);
/* The number of a letter. -ENOENT: *ret_n is 0. */
int outbox_find_named(struct outbox *o, const char *name, int64_t *ret_n);
int outbox_find(struct outbox *o, int64_t n, struct outbox_item **ret_item);
/* Opens the body for reading; the descriptor is owned. */
int outbox_open_body(struct outbox *o, int64_t n, int *ret_fd);
/* The text of the letter's .why.json: destination, time, reason, server's words, state. Owned. */
int outbox_why(struct outbox *o, int64_t n, char **ret_text);
/* 0 also for a letter that is gone and whose reason can be looked up, for the last time. */
int outbox_remove(struct outbox *o, int64_t n);
/* Gives the letter again (room 0), to be sent to another destination (mv to a post file or a
 * space). The files of the unsent letter are removed when this one is delivered. -EBUSY: it is
 * under way; -EILSEQ: a text that is no text (a killed writer left it). */
int outbox_take(struct outbox *o, int64_t n, struct outbox_letter **ret_letter);
int outbox_count(struct outbox *o);
/* Of how many it is not known whether they arrived. */
int outbox_count_doubts(struct outbox *o);
/*
 * The number of a letter whose reason can still be looked up: one of outbox_list(), or one that
 * outbox_remove() removed a moment ago. `rm unsent/ *` removes a letter before its reason, which
 * goes with it, and must still find that.
 */
int outbox_find_why(struct outbox *o, const char *name, int64_t *ret_n);
/* Appends the files on the wire to `ret` (of struct content_transfer). */
void outbox_transfers(struct outbox *o, GArray *ret);
