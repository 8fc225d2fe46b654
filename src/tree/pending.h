/* SPDX-License-Identifier: MIT */
/*
 * Files that are being written: uploads until the server has them, and scratch files
 * (design 2.3), which stay local. One entry a (directory, name); its row is that of the content
 * it becomes, or, of a new version, of the one before.
 *
 *                      last close, it has bytes
 *     upload, open ----------------------------> gone: the store knows it, or unsent/ has it
 *         |   ^  ^
 *    last |   |  | opened for writing
 *   close,|   +--+------------- scratch, open
 *   empty v         renamed,      |   ^
 *       waits -------+   empty    v   | opened
 *         |   <----------------- waits -----> gone: renamed with bytes to a real name, unlinked
 *         |                       |
 *         +-----------+-----------+
 *                     | so long after the last close, or at unmount (linger.c)
 *                     v
 *     gone: unsent/ has it, with the reason (a scratch file without bytes just goes)
 *
 * One that is unlinked while it is open can still be found by its number.
 * Nothing empty is ever sent: an upload without bytes waits for them. Thread rule: any thread. Lock:
 * pendings.lock guards the table and every field marked so; the draft has its own.
 */
#pragma once

#include <glib.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "outbox/draft.h"

struct pendings;

/* What a scratch file is after a rename; who has it open goes on with it. */
enum pending_fate {
	PENDING_STAYS,
	PENDING_IS_FILE, /* under `name` now: an upload */
	PENDING_IS_TEXT, /* its bytes became a message, or an object */
};

struct pending {
	int64_t row;	     /* never changes, as all up to `name` */
	int64_t content_row; /* of what it becomes when it is sent */
	uint64_t dir;	     /* ino of its directory */
	struct draft *draft; /* owned */
	atomic_bool
		is_scratch; /* changes under pendings.lock: it ends when it is renamed empty */
	char *name;	    /* pendings.lock */
	int64_t mtime_ms;   /* pendings.lock; 0: none was set */
	mode_t mode;	    /* pendings.lock; permission bits */
	int opens;	    /* pendings.lock */
	int64_t waits_ms; /* pendings.lock; mono, the last close of a writer; 0: it does not wait */
	bool is_listed;		/* in the table; pendings.lock */
	enum pending_fate fate; /* pendings.lock */
	int refs;		/* pendings.lock */
	pid_t maker;		/* its process; 0: not known; pendings.lock */
	/* Changes of its name that were submitted, the first of which is under way; cache thread. */
	GQueue changes;
};

/* `clock` is borrowed. */
struct pendings *pendings_new(const struct clock *clock);
void pendings_free(struct pendings **p);

/* A new entry with one open and one reference. Adopts `draft`. -EEXIST. */
int pending_add(struct pendings *p, int64_t row, int64_t content_row, uint64_t dir,
		const char *name, struct draft *draft, bool is_scratch, mode_t mode,
		struct pending **ret_pending);
/* A reference, or NULL. */
struct pending *pending_by_name(struct pendings *p, uint64_t dir, const char *name);
struct pending *pending_by_row(struct pendings *p, int64_t row);
/* One more reference. */
struct pending *pending_ref(struct pendings *p, struct pending *e);
/* One that has no name any more, since it was unlinked, another one got its name, or its bytes became
 * a text, and is still open: whoever has it open goes on with it. */
struct pending *pending_nameless(struct pendings *p, int64_t row);
void pending_unref(struct pendings *p, struct pending **pending);
bool pending_is_any_in(struct pendings *p, uint64_t dir);

/* 0, or -ESTALE: it has left the table meanwhile, and another look-up tells what is there. */
int pending_opened(struct pendings *p, struct pending *e, bool for_writing);
enum pending_end {
	PENDING_OPEN,  /* it is, still; or it is nothing but passing */
	PENDING_WAITS, /* the last close of an upload that has no bytes yet: it waits for them */
	PENDING_LEFT,  /* the last close of an upload: it left the table */
};
enum pending_end pending_closed(struct pendings *p, struct pending *e);
/* A real name, and yet it waits here. */
bool pending_waits(struct pendings *p, struct pending *e);
void pending_remove(struct pendings *p, struct pending *e);
/* A scratch file that became something else, a file of that name if it is not NULL: what its
 * number means is looked up there. Who has one open that became a text goes on with it. One that was
 * unlinked meanwhile stays that: nothing more of it is sent. */
void pending_sent(struct pendings *p, struct pending *e, const char *name);
/* *ret_name: the name that it has then, owned. */
enum pending_fate pending_get_fate(struct pendings *p, struct pending *e, char **ret_name);
/* A scratch file gets another scratch name; one that had it leaves the table. */
void pending_rename(struct pendings *p, struct pending *e, const char *name);
/* A file without bytes gets a real name: it waits for them under that. */
void pending_name(struct pendings *p, struct pending *e, const char *name);
/* What waits under that name goes: the name is another file's now. */
void pending_replaced(struct pendings *p, uint64_t dir, const char *name,
		      const struct pending *by);
void pending_set_times(struct pendings *p, struct pending *e, int64_t mtime_ms);
void pending_set_mode(struct pendings *p, struct pending *e, mode_t mode);
void pending_set_maker(struct pendings *p, struct pending *e, pid_t maker);
/* The process made a scratch file in `dir` that may be meant to get the name of another one there: it has bytes, and
 * is none that an editor keeps beside. */
bool pending_is_made_beside(struct pendings *p, uint64_t dir, pid_t maker);
bool pending_is_listed(struct pendings *p, struct pending *e);
/* While it was open; a scratch file that was sent is not. */
bool pending_is_unlinked(struct pendings *p, struct pending *e);
/* Owned. */
char *pending_dup_name(struct pendings *p, struct pending *e);
/* A copy of what stat shows. */
void pending_stat(struct pendings *p, struct pending *e, int64_t *ret_mtime_ms,
		  mode_t *ret_mode);

/*
 * Those that have waited for `age_ms` (-1: all that are there, for unmount); references, each
 * counted as open until pending_let_go. Owned array. *ret_next_ms: in how long the next of the
 * others is due; -1: there is none.
 */
GPtrArray *pending_take_old(struct pendings *p, int64_t age_ms, int64_t *ret_next_ms);
/* It leaves the table if `is_kept` (unsent/ has it), unless somebody has opened it meanwhile. */
bool pending_let_go(struct pendings *p, struct pending *e, bool is_kept);
/* In how long the next is due that waits for age_ms; -1: none waits. */
int64_t pending_next_ms(struct pendings *p, int64_t age_ms);

/* Those of a directory with a real name that wait. */
struct pending_item {
	int64_t row;
	char *name; /* owned */
};
/* Owned array of struct pending_item. */
GArray *pending_waiting(struct pendings *p, uint64_t dir);
