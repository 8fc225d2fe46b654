/* SPDX-License-Identifier: MIT */
/* Inside of a draft (draft.h): draft.c handles its bytes, draft_state.c whether they are to be
 * sent. */
#pragma once

#include <pthread.h>

#include "outbox/draft.h"

struct draft {
	int refs;	       /* atomic */
	enum letter_form form; /* never changes */
	char *spool_dir;       /* never changes; text: where the letter will be kept, or NULL */
	pthread_mutex_t lock;  /* guards all below */
	bool is_dirty, is_tainted;
	struct draft_writers writers;
	GString *text;	   /* text forms */
	int64_t origin;	   /* text: the offset of its first byte, or NO_ORIGIN */
	int64_t taken_end; /* text: the offset behind the taken bytes */
	size_t valid;	   /* text: so many of its bytes are whole characters of UTF-8 */
	int fd;		   /* files */
	char *path;	   /* files: the name in the spool, which a letter may have removed */
	int64_t size;	   /* files */
	bool is_taken;	   /* files: a letter may hold the same inode */
	uint64_t changes;  /* files: how often its bytes changed */
};

/* Makes the draft clean: no open file has written anything that was not taken. */
void draft_set_clean_locked(struct draft *d);
/* Text and Markdown, whose line ends are made newlines; no JSON. */
bool draft_is_text(const struct draft *d);
/* How many bytes would be sent, under the draft's lock. */
size_t draft_trimmed_len(const struct draft *d);
