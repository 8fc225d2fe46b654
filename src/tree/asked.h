/* SPDX-License-Identifier: MIT */
/*
 * A request that somebody makes by a file of api/, and its answer as it is read.
 *
 *              asked_start                      the answer came, or the request failed
 *     NEW ----------------------> UNDER WAY ----------------------------------------------> ENDED
 *                                  |     ^   a list goes on: the next page is asked for
 *                                  +-----+   once less than ASKED_AHEAD bytes are unread (go_on)
 *
 *  1. A request is made once, by asked_start. What becomes of a change that is repeated, or of which nobody
 *     knows whether it was done, is webex/api.h's and http/loop.h's to say.
 *  2. A list (GET, answered with a next link) is one text: the first page with the items of all others in its
 *     list. An item with an id that came before is left out. It is given as it comes, in bounded memory: what is
 *     unread has ASKED_AHEAD bytes and a page at most. One that does not end well ends in an error, never like
 *     a whole one.
 *  3. Without JSON (is_bytes) the bytes are given as they come; the transfer pauses while ASKED_AHEAD are unread.
 *  4. Each byte is given once, to whoever reads first. A read that its caller did not get gives it back.
 *  5. When its reader leaves (asked_leave), a GET ends; a change goes on, and its answer is in last-answer.
 *  6. The answer to a change, and to any request that the server refused, is kept for its session (answers.h).
 *
 * Thread rule: any thread, but where it says cache thread. Lock: asked.lock, under which nothing is called.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "tree/tree.h"
#include "webex/api.h"

#define ASKED_AHEAD ((size_t)1024 * 1024)
/* Pages of one list, and empty ones in a row. */
#define ASKED_PAGES_MAX 5000
#define ASKED_EMPTY_MAX 100
/* So many ids are remembered of one list; what comes later is given as it is. */
#define ASKED_IDS_MAX 100000

struct asked;

struct asked_spec {
	enum http_method method;
	const char *path; /* request_path_make() */
	const char *name; /* for a person: "api/rooms.json" */
	bool is_bytes;	  /* of a GET: no JSON */
	const char *body; /* of a change */
	size_t body_len;
	struct http_asker asker;
};

/* With one reference. */
struct asked *asked_new(struct tree *t, const struct asked_spec *spec);
struct asked *asked_ref(struct asked *a);
void asked_unref(struct asked **a);

enum http_method asked_method(const struct asked *a);
const char *asked_name(const struct asked *a);
/* For whom it is made; before it starts. */
void asked_set_asker(struct asked *a, struct http_asker asker);

/* error 0: it was done. Otherwise *words: a line for a person (borrowed). Cache thread. */
typedef void (*asked_done)(void *arg, int error, const char *words);
/* Begins it, unless it has begun. `done` (may be NULL) is called once, when it has ended. Cache thread. */
void asked_start(struct asked *a, asked_done done, void *arg);
/* Takes a change back that has certainly had no effect yet; it ends with -ECANCELED. Cache thread. */
void asked_withdraw(struct asked *a);
/* Nobody reads it any more. */
void asked_leave(struct asked *a);

/* What reading gives but 0 and -errno: wait for more. */
#define ASKED_WAIT 1
/* 0: there is something to read, or it ended well; ASKED_WAIT; the error that it ended with, after all that
 * came before was read. */
int asked_look(struct asked *a);
/* The same, and takes the next bytes: *ret_n is 0 at the end. */
int asked_read(struct asked *a, void *buf, size_t size, size_t *ret_n);
/* The bytes that the last asked_read() gave were not taken. */
void asked_give_back(struct asked *a, const void *buf, size_t n);
/* The words of its error; owned, NULL: there are none. */
char *asked_words(struct asked *a);

/* Who waits for more is called once, on the cache thread, when asked_look() may say something else. */
struct asked_waiter {
	void (*fn)(struct asked_waiter *w);
	struct asked *asked; /* while it waits */
	GList link;
};
/* Cache thread. It may be called before this returns. */
void asked_wait(struct asked *a, struct asked_waiter *w);
void asked_unwait(struct asked_waiter *w);

/* ---- those under way, for .sparkfs/transfers ---- */
struct askeds;
struct askeds *askeds_new(void);
void askeds_free(struct askeds **all);

struct asked_progress {
	char *name;   /* owned */
	bool is_list; /* done counts items, not bytes */
	int64_t done, for_ms;
	int64_t total; /* -1: unknown */
};
/* GETs that are under way (of struct asked_progress), each freed with the array. */
GArray *askeds_list(struct askeds *all);
