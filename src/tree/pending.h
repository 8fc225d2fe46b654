/* SPDX-License-Identifier: MIT */
/*
 * Files that are being written: uploads until the server has them, and scratch files
 * (design 2.3), which stay local. One entry a (directory, name); its row is that of the content
 * it becomes, or, of a new version, of the one before. An upload leaves the table at its last
 * close: either the store knows it by then, or its bytes are in unsent/. A scratch file leaves it
 * by unlink, by a rename to a real name, or at unmount. One that is unlinked while it is open can
 * still be found by its number. Thread rule: any thread. Lock: pendings.lock guards the table and
 * every field marked so; the draft has its own.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "cache/draft.h"

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
	bool is_scratch;
	char *name;		/* pendings.lock */
	int64_t mtime_ms;	/* pendings.lock; 0: none was set */
	mode_t mode;		/* pendings.lock; permission bits */
	int opens;		/* pendings.lock */
	bool is_listed;		/* in the table; pendings.lock */
	enum pending_fate fate; /* pendings.lock */
	int refs;		/* pendings.lock */
	/* Changes of its name that were submitted, the first of which is under way; cache thread. */
	GQueue changes;
};

struct pendings *pendings_new(void);
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
/* One that has no name any more, since it was unlinked or another one got its name, and is still
 * open: whoever has it open goes on with it. */
struct pending *pending_nameless(struct pendings *p, int64_t row);
void pending_unref(struct pendings *p, struct pending **pending);
bool pending_is_any_in(struct pendings *p, uint64_t dir);

void pending_opened(struct pendings *p, struct pending *e);
/* True if that was the last close of an upload and it left the table. */
bool pending_closed(struct pendings *p, struct pending *e);
void pending_remove(struct pendings *p, struct pending *e);
/* A scratch file that became something else, a file of that name if it is not NULL: what its
 * number means is looked up there. */
void pending_sent(struct pendings *p, struct pending *e, const char *name);
/* *ret_name: the name that it has then, owned. */
enum pending_fate pending_get_fate(struct pendings *p, struct pending *e, char **ret_name);
/* A scratch file gets another scratch name; one that had it leaves the table. */
void pending_rename(struct pendings *p, struct pending *e, const char *name);
void pending_set_times(struct pendings *p, struct pending *e, int64_t mtime_ms);
void pending_set_mode(struct pendings *p, struct pending *e, mode_t mode);
bool pending_is_listed(struct pendings *p, struct pending *e);
/* While it was open; a scratch file that was sent is not. */
bool pending_is_unlinked(struct pendings *p, struct pending *e);
/* A copy of what stat shows. */
void pending_stat(struct pendings *p, struct pending *e, int64_t *ret_mtime_ms,
		  mode_t *ret_mode);

/* Every scratch file that is still there with bytes in it; references. For unmount. Owned
 * array. */
GPtrArray *pending_scratch(struct pendings *p);
