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
/* A reader that is ahead of a transfer by no more than this waits for it. */
#define CONTENT_NEAR (1024 * 1024)
#define CONTENT_PART_MIN (256 * 1024)
#define CONTENT_TRANSFERS_MAX 4
/* So many transfers keep their connection while they are paused. */
#define CONTENT_PAUSED_MAX 16
/* If more files of contents are open, those rest that nobody read for longest (idle.c). */
#define CONTENT_FILES_MAX 256
/* After so many saves, or when the folder may be too full, it is listed again. */
#define CONTENT_SAVES_MAX 256
/* Where the disk is full, a content up to this size goes on in memory. */
#define CONTENT_MEMORY_MAX (256 * 1024 * 1024)
/* So long a failed transfer is remembered. */
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
	int64_t start; /* the first byte that was asked for */
	int64_t at;    /* behind the last byte that came */
	int64_t to;    /* the byte behind the last one that was asked for; 0: to the end */
	int64_t limit; /* where it is paused */
	int64_t brought;
	int64_t began_ms; /* mono */
	bool is_part;	  /* asked for by Range and not answered with the whole */
	bool is_paused, is_cancelled;
	GList paused_link; /* with is_paused: in contents.paused */
	bool met_known;	   /* the bytes that come next are here already */
	bool is_unscannable;
};

struct content_entry {
	int64_t row; /* never changes, like the next field */
	struct contents *owner;
	int opens; /* contents.lock, like all below */
	int busy;  /* number of posted items that use it */
	bool is_saving;
	bool rests;	  /* once it is saved its file is closed, if nobody uses it by then */
	int readers;	  /* contents_read() has its descriptor */
	GList in_use;	  /* with fd >= 0: in contents.in_use */
	char *url;	  /* that of the first want; does not change after it */
	char *path;	  /* of its file; NULL: in memory; set like url */
	int fd;		  /* -1: NEW; set like url */
	int64_t promised; /* the size that readers were told; -1: unknown */
	int64_t length;	  /* counted from the bytes; -1: unknown */
	struct ranges known;
	bool length_told; /* config.on_length was called or is posted */
	bool is_dirty;	  /* the map has changed since it was saved */
	bool has_ranges, no_ranges;
	bool is_unscannable; /* it cannot be scanned and is fetched all the same */
	guint parts;	     /* how many parts were asked for by Range */
	GPtrArray *transfers;
	GQueue wants;	  /* of struct content_want.link */
	bool wake_posted; /* an item is posted that ends fulfilled wants */
	int failed;	  /* -errno of a transfer that failed at failed_at; remembered until
			   * then (mono) */
	int64_t failed_at, failed_until_ms;
};

struct contents {
	struct contents_config config;
	char *dir;
	struct work_queue *files; /* saves and drops files */
	int64_t kept;	/* at least as many bytes are in the folder; negative: not counted. This
		       * and the next: thread of files */
	unsigned saves; /* saves since the folder was counted; other daemons may write there,
			 * too */
	pthread_mutex_t lock;
	GHashTable *entries; /* &entry->row to entry; contents.lock */
	/* Of struct content_entry.in_use: those with a descriptor, the one read last at the end;
	 * contents.lock */
	GQueue in_use;
	GQueue paused; /* of struct transfer.paused_link, longest paused first; contents.lock */
	bool cut_posted; /* contents.lock; an item is posted that cuts those beyond the bound */
};

/* ---- attach.c ---- */

/* Under the lock: saves or drops an entry that nobody has open any more. */
void content_settle_locked(struct content_entry *e);
/* Without the lock: ends one use that `busy` counts. The entry may be freed then. */
void content_leave(struct content_entry *e);
/* The end of the content, if it is known; INT64_MAX: it is not. Under the lock. */
int64_t content_end_locked(const struct content_entry *e);
/* Under the lock: true if the bytes [lo, hi), up to the end of the content, are here. */
bool content_has_locked(const struct content_entry *e, int64_t lo, int64_t hi);

/* Under the lock: has an entry with a file saved on the thread of files. */
void content_save_locked(struct content_entry *e);

/* ---- idle.c; under the lock ---- */

/* Notes that the entry has a descriptor now; others may have to rest. */
void content_note_opened_locked(struct content_entry *e);
void content_note_used_locked(struct content_entry *e);
/* Notes that the entry goes. */
void content_note_closed_locked(struct content_entry *e);
/* Closes the file of an entry that was saved and is to rest, if nobody uses it. */
void content_rest_locked(struct content_entry *e);

/* ---- pauses.c ---- */

/* Under the lock: notes that the transfer stops for its reader, or goes on. */
void content_set_paused_locked(struct transfer *t, bool is_paused);

/* ---- transfer.c ---- */

/* Under the lock: true if somebody waits for what this transfer brings. */
bool content_is_wanted_locked(const struct transfer *t);

/* ---- file.c; no lock held; the entry's path and fd do not change meanwhile ---- */

/* Opens or makes the file of a content, with the map of its kept bytes. 0 or -errno. */
struct content_file {
	int fd;
	char *path; /* NULL: the file will not be kept */
	int64_t length;
	struct ranges known;
};
/* True for names that our files in the folder have. */
bool content_file_is_name(const char *name);
int content_file_open(const struct contents *c, const char *url, int64_t size,
		      struct content_file *ret_file);
/* For a full disk: moves the bytes into memory, behind the same descriptor. */
int content_file_to_memory(int fd, const struct ranges *known);
/* Writes the map, after the bytes are on the disk. */
void content_file_save(int fd, const char *path, int64_t length, const struct ranges *known);
/* Removes the least recently used files until at most `max` bytes are left, or `spare` bytes
 * became free. Returns how many bytes are left. */
int64_t content_files_evict(const struct contents *c, int64_t max, int64_t spare);
