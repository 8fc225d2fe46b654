/* SPDX-License-Identifier: MIT */
/*
 * For tests of the pager: a store in memory, a queue, a clock that stands still, and the functions of webex/api.h that the
 * fetchers use, whose calls are answered by hand.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "attach/attach.h"
#include "pager/fetch.h"
#include "pager/proof/proof.h"

#define T0 INT64_C(1760000000000)
/* The last activity of a space, after T0. What is newer is news. */
extern int room_activity;

struct call {
	const char *what;
	char *next;
	char *before_message;
	int64_t before_ms;
	int max;
	bool mentioned_me;
	char *room_id, *parent_id; /* messages */
	char *id;		   /* message */
	char *sort_by;		   /* rooms */
	bool background;
	bool cancelled;
	bool answered;
	webex_done done;
	void *arg;
};

/* All calls since the start of the test. */
extern GPtrArray *calls;
extern int64_t now_ms;

struct world {
	struct work_queue *queue;
	struct store *store;
	struct contents *contents;
	struct pager *pager;
	int64_t room;
	int changes;
};

struct asker {
	struct pager_waiter waiter;
	int calls, error;
	struct world *w;
	struct need need;
};

/* The fn of an asker's waiter; it counts, and waits on where there is only a part. */
void woken(struct pager_waiter *waiter, int error);
void on_queue(struct world *w, void (*fn)(struct world *w));
void make_pager(struct world *w, int recent, bool is_bot);
/* Makes a pager that polls and lists the 1000 newest messages. */
void make_polling_pager(struct world *w, int poll_ms, int idle_ms);
/* Makes a pager that keeps so many bodies. */
void make_bounded_pager(struct world *w, int64_t max_bodies);
int setup(void **state);
int teardown(void **state);
void answer(guint i, GPtrArray *items, const char *next, int error, int status, bool network);
/* Answers by 504 what waited for its turn for so long. */
void answer_held(guint i, int64_t held_ms);
/* Answers by a page that also has `skipped` unusable items. */
void answer_skipped(guint i, GPtrArray *items, int skipped, const char *next);
/* The i-th call. */
const struct call *call_at(guint i);
GPtrArray *messages(const char *first, ...);
GPtrArray *rooms(const char *first, ...);
void ask(struct world *w, struct asker *a, enum need_kind kind, int64_t row);
void ask_need(struct world *w, struct asker *a, const struct need *need);
struct need need_of(enum need_kind kind, int64_t row);
enum pager_verdict verdict(struct world *w, enum need_kind kind, int64_t row, bool have);
int listed(struct world *w);
/* True if all of (T0 + lo, T0 + hi] is known; lo -1: from the beginning of time. */
bool knows(struct world *w, int64_t lo, int64_t hi);
int head(struct world *w, struct store_span *ret);

/* Proves that a doubted space is gone: the i-th call is its GET, which is answered 404, and the
 * list of spaces that follows lacks it. */
void prove_gone(struct world *w, guint i);

/* Defines a test whose body runs as one item of the cache thread. */
#define CASE(name)                                                                             \
	static void test_##name(void **state)                                                  \
	{                                                                                      \
		on_queue(*state, body_##name);                                                 \
	}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
