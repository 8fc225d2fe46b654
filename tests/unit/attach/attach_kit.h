/* SPDX-License-Identifier: MIT */
/* Contents and their readers against a server that the test plays: it says what comes, and when. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>

#include "attach/internal.h"

#define KIB 1024
#define MIB (1024 * 1024)
#define SIZE (4 * MIB)
#define ROW 7

/* ---- the server ---- */

struct request {
	struct webex_download d;
	webex_done done;
	void *arg;
	int64_t at; /* what was sent of it */
	bool is_cancelled, is_over;
	int resumed;
};

extern GPtrArray *requests; /* of struct request, in the order in which they came */
extern char *data;	    /* SIZE bytes */

struct request *nth(guint i);
/* Sends until `hi`, as a part or as the whole; what the taker says last. */
int send_to(struct request *r, int64_t hi, bool is_part, int64_t total);
void end(struct request *r, int error, int status);

/* ---- readers ---- */

struct world {
	struct work_queue *queue;
	struct contents *contents;
	char *dir;
	int64_t max_bytes, told;
	struct content_want *last;
	int done, error;
};

extern int64_t now_ms;

/* The `done` of a want; its argument is the world. */
void on_done(void *arg, int error, const struct webex_reply *reply);
/* On the cache thread, as all of the pager is; what was posted before has run. */
void there(struct world *w, void (*fn)(struct world *w));
void make(struct world *w);
int setup(void **state);
int teardown(void **state);
void want(struct world *w, int64_t size, int64_t lo, int64_t hi);
void assert_read(struct world *w, int64_t at, size_t len);
