/* SPDX-License-Identifier: MIT */
/*
 * What attach.c (entries, reading), transfer.c (wants, transfers) and file.c (files and
 * their maps) share.
 */
#pragma once

#include <glib.h>
#include <pthread.h>

#include "attach/attach.h"
#include "attach/ranges.h"

#define CONTENT_WINDOW_MIN (128 * 1024)
#define CONTENT_WINDOW_MAX (8 * 1024 * 1024)
/* A reader who is no further than that ahead of a transfer waits for it. */
#define CONTENT_NEAR (1024 * 1024)
#define CONTENT_PART_MIN (256 * 1024)
#define CONTENT_TRANSFERS_MAX 4
/* The folder is listed again after so many saves, or when it may be too full. */
#define CONTENT_SAVES_MAX 256
/* A larger one is not read on in memory where the disk is full. */
#define CONTENT_MEMORY_MAX (256 * 1024 * 1024)
/* A failed transfer is remembered so long. */
#define CONTENT_FAILED_MS 1500

struct content_want {
	struct content_entry *entry;
	int64_t lo, hi;
	content_done done;
	void *arg;
	GList link; /* entry->wants */
};

/* One request. Made and freed by the cache thread; all fields: contents.lock. */
struct transfer {
	struct content_entry *entry;
	uint64_t call; /* 0: it is being submitted */
	int64_t start; /* the first byte asked for */
	int64_t at;    /* behind the last byte that came */
	int64_t to;    /* that was asked for; 0: to the end */
	int64_t limit; /* it is paused there */
	int64_t brought;
	int64_t began_ms; /* mono */
	bool is_part;	  /* asked for by Range, and not answered by the whole */
	bool is_paused, is_cancelled;
	bool met_known; /* what comes next is here already */
	bool is_unscannable;
};

struct content_entry {
	int64_t row; /* never changes, as the next */
	struct contents *owner;
	int opens; /* contents.lock, as all below */
	int busy;  /* posted items that have it */
	bool is_saving;
	char *url;	  /* of the first want; does not change then */
	char *path;	  /* of its file; NULL: in memory; as url */
	int fd;		  /* -1: NEW; as url */
	int64_t promised; /* the size that readers were told; -1: not known */
	int64_t length;	  /* as the bytes have it; -1: not known */
	struct ranges known;
	bool length_told; /* or on its way: config.on_length */
	bool is_dirty;	  /* more is known than was saved */
	bool has_ranges, no_ranges;
	bool is_unscannable; /* it is asked for all the same */
	guint parts;	     /* asked for by Range */
	GPtrArray *transfers;
	GQueue wants;	  /* of struct content_want.link */
	bool wake_posted; /* some want is fulfilled */
	int failed;	  /* -errno of a transfer, from failed_at on, until then (mono) */
	int64_t failed_at, failed_until_ms;
};

struct contents {
	struct contents_config config;
	char *dir;
	struct work_queue *files; /* saves and drops files */
	int64_t kept; /* bytes in the folder, at least as many; negative: not counted. This and the next:
				     thread of files */
	unsigned saves; /* since they were counted: others may write there, too */
	pthread_mutex_t lock;
	GHashTable *entries; /* &entry->row to entry; contents.lock */
};

/* ---- attach.c ---- */

/* Under the lock: saves it, or drops it, when nobody has it any more. */
void content_settle_locked(struct content_entry *e);
/* Without the lock: what counted as busy with it is done; it may be gone then. */
void content_leave(struct content_entry *e);
/* Where it ends, as far as is known; INT64_MAX: not at all. Under the lock. */
int64_t content_end_locked(const struct content_entry *e);
/* Under the lock: whether [lo, hi) is here, as far as there is any. */
bool content_has_locked(const struct content_entry *e, int64_t lo, int64_t hi);

/* ---- file.c; no lock held; the entry's path and fd do not change meanwhile ---- */

/* A file for it, with what is kept of it. 0 or -errno. */
struct content_file {
	int fd;
	char *path; /* NULL: it will not be kept */
	int64_t length;
	struct ranges known;
};
/* One of the names in the folder. */
bool content_file_is_name(const char *name);
int content_file_open(const struct contents *c, const char *url, int64_t size,
		      struct content_file *ret_file);
/* The disk is full: its bytes are in memory from now on, behind the same descriptor. */
int content_file_to_memory(int fd, const struct ranges *known);
/* Writes its map behind its bytes. */
void content_file_save(int fd, const char *path, int64_t length, const struct ranges *known);
/* What is left, in bytes. The least recently used go until at most `max` bytes are left, or `spare`
 * bytes became free. */
int64_t content_files_evict(const struct contents *c, int64_t max, int64_t spare);
