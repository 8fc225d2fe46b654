/* SPDX-License-Identifier: MIT */
/*
 * Files that are being written: uploads until the server has them, and scratch files (design
 * 2.3), which stay local. There is one entry for each (directory, name). Its row is that of the
 * content which it becomes or, for a new version, of the version before.
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
 * An entry that is unlinked while it is open can still be found by its row. Nothing empty is
 * ever sent: an upload without bytes waits for them.
 *
 * Thread rule: any thread. Lock: pendings.lock guards the table and every field marked so; the
 * draft has its own.
 */
#pragma once

#include <glib.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "outbox/draft.h"

struct counted;
struct pendings;

/* What became of a scratch file by a rename. Programs that have it open go on with it. */
enum pending_fate {
	PENDING_STAYS,
	PENDING_IS_FILE, /* it is an upload now, called `name` */
	PENDING_IS_TEXT, /* its bytes became a message or an object */
};

struct pending {
	int64_t row;	     /* never changes, like the fields down to `draft` */
	int64_t content_row; /* row of the content that it becomes when it is sent */
	uint64_t dir;	     /* ino of its directory */
	struct draft *draft; /* owned */
	atomic_bool
		is_scratch; /* changed under pendings.lock; false once it is renamed while empty */
	char *name;	    /* pendings.lock */
	int64_t mtime_ms; /* pendings.lock; 0: not set */
	mode_t mode;	  /* pendings.lock; permission bits */
	int opens;	  /* pendings.lock */
	int64_t waits_ms; /* pendings.lock; mono time of a writer's last close; 0: it does not
			   * wait */
	bool is_listed;	  /* in the table; pendings.lock */
	enum pending_fate fate; /* pendings.lock */
	int refs;		/* pendings.lock */
	pid_t maker;		/* the process that made it; 0: unknown; pendings.lock */
	bool is_told;		/* last-error said that it is not sent; pendings.lock */
	char *told;		/* that line; owned; NULL: none, or taken back; pendings.lock */
	/* When its draft was in this state, the server had the same bytes under the name that it
	 * is a backup of; 0: never. pendings.lock */
	uint64_t backup_state;
	/* Submitted changes of its name, of which the first is under way; cache thread. */
	GQueue changes;
};

/* Both are borrowed. An entry holds the number of its directory, where that is one of `counted`. */
struct pendings *pendings_new(const struct clock *clock, struct counted *counted);
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
/* Finds an open entry that lost its name, because it was unlinked, another file got its name,
 * or its bytes became a text. Programs that have it open go on with it. */
struct pending *pending_nameless(struct pendings *p, int64_t row);
void pending_unref(struct pendings *p, struct pending **pending);
bool pending_is_any_in(struct pendings *p, uint64_t dir);

/* Counts an open. 0, or -ESTALE if the entry has left the table meanwhile: then the caller
 * looks the name up again. */
int pending_opened(struct pendings *p, struct pending *e, bool for_writing);
enum pending_end {
	PENDING_OPEN,  /* it is still open, or it is a scratch file */
	PENDING_WAITS, /* last close of an upload without bytes: it waits for them */
	PENDING_LEFT,  /* last close of an upload: it left the table */
};
enum pending_end pending_closed(struct pendings *p, struct pending *e);
/* True if it has a real name and still waits here. */
bool pending_waits(struct pendings *p, struct pending *e);
void pending_remove(struct pendings *p, struct pending *e);
/* A scratch file became something else: a file called `name`, under which its row is looked up
 * from now on, or, if `name` is NULL, a text. Programs that have it open go on with it. A file
 * that was unlinked meanwhile stays unlinked, and nothing more of it is sent. */
void pending_sent(struct pendings *p, struct pending *e, const char *name);
/* *ret_name: its present name, owned. */
enum pending_fate pending_get_fate(struct pendings *p, struct pending *e, char **ret_name);
/* Gives a scratch file another scratch name; an entry that had this name leaves the table. */
void pending_rename(struct pendings *p, struct pending *e, const char *name);
/* Gives a file without bytes a real name, under which it waits for them. */
void pending_name(struct pendings *p, struct pending *e, const char *name);
/* Removes the entry that waits under this name, because another file has it now. */
void pending_replaced(struct pendings *p, uint64_t dir, const char *name,
		      const struct pending *by);
void pending_set_times(struct pendings *p, struct pending *e, int64_t mtime_ms);
void pending_set_mode(struct pendings *p, struct pending *e, mode_t mode);
void pending_set_maker(struct pendings *p, struct pending *e, pid_t maker);
bool pending_is_made_by(struct pendings *p, struct pending *e, pid_t maker);
/* True if the process made a scratch file in `dir` that it may rename onto another file there:
 * one with bytes whose name is not one that editors keep beside a file. */
bool pending_is_made_beside(struct pendings *p, uint64_t dir, pid_t maker);
/* True the first time: its writer is to be told that it is not sent. */
bool pending_begin_telling(struct pendings *p, struct pending *e);
/* Remembers the line that its writer is told. */
void pending_set_told(struct pendings *p, struct pending *e, const char *line);
/* The line, if the entry has left the table or is no scratch file any more, so that the line is to be
 * taken back; owned. Else NULL. */
char *pending_take_untrue(struct pendings *p, struct pending *e);
/* `state`: of the draft that has these bytes. */
void pending_set_backup(struct pendings *p, struct pending *e, uint64_t state);
bool pending_is_backup(struct pendings *p, struct pending *e);
bool pending_is_listed(struct pendings *p, struct pending *e);
/* True if it was unlinked while it was open. Not true for a scratch file that was sent. */
bool pending_is_unlinked(struct pendings *p, struct pending *e);
/* Owned. */
char *pending_dup_name(struct pendings *p, struct pending *e);
/* A copy of what stat shows. */
void pending_stat(struct pendings *p, struct pending *e, int64_t *ret_mtime_ms,
		  mode_t *ret_mode);

/*
 * Takes the entries that have waited for `age_ms` (-1: all entries, at unmount). Each is a
 * reference and counts as open until pending_let_go. Owned array. *ret_next_ms: in how many ms
 * the next of the others is due; -1: there is none.
 */
GPtrArray *pending_take_old(struct pendings *p, int64_t age_ms, int64_t *ret_next_ms);
/* Ends what pending_take_old began. With `is_kept` (unsent/ has it) the entry leaves the table,
 * unless it was opened meanwhile. */
bool pending_let_go(struct pendings *p, struct pending *e, bool is_kept);
/* In how many ms the next entry will have waited for age_ms; -1: none waits. */
int64_t pending_next_ms(struct pendings *p, int64_t age_ms);

/* An entry of a directory that is only here: a scratch file, or one that waits for its bytes. */
struct pending_item {
	int64_t row;
	char *name; /* owned */
};
/* By rising row. Owned array of struct pending_item. */
GArray *pending_local(struct pendings *p, uint64_t dir);
