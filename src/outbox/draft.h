/* SPDX-License-Identifier: MIT */
/*
 * A draft: the bytes that somebody is writing through an open file until they are committed
 * (design 2.3; platform.md 4). Text forms live in memory (at most DRAFT_TEXT_RAW_MAX), uploads
 * in a spool file of the state folder, created 0600 and unlinked when the draft goes.
 *
 *  1. draft_write refuses at the byte that makes it impossible to send:
 *       a message over 7439 bytes (trailing newlines not counted), a file over 100 MB: -EFBIG;
 *       a text that is not UTF-8 or has a NUL: -EILSEQ. This is checked across writes; an
 *       incomplete character at the end of a write is fine until the commit;
 *       a full disk: -ENOSPC (text: no room where it would be kept).
 *     What was refused is not in the draft; what was there before stays.
 *  2. Offsets: those of a handle opened with O_APPEND are ignored. For text the first write
 *     after open or commit sets the origin (a shell goes on at offset n after the first of two
 *     messages was sent). A hole is filled with NULs, which text refuses.
 *  3. Dirty: bytes were written since the last commit (uploads also: created and never
 *     committed, for an empty file is an upload too). A truncation alone makes no text draft
 *     dirty. Which of the open files of a file wrote them: draft_writers.h.
 *  4. Tainted: a process that was dying of a signal closed it; it is not to be sent. A take
 *     ends that.
 *  5. What was taken is never written again: the first write after a take goes to a copy of the
 *     spool file. The draft keeps a descriptor of its own, so that it reads on after the
 *     delivery.
 *  6. A spool file is "draft-<16 hex digits>[_<place>\x1f<file name>[\x1f]]" in spool_dir until the
 *     last unref; the last \x1f: also without bytes it is somebody's. A crash leaves it to outbox_open, which makes a letter of it; a letter that
 *     has its bytes takes that name away (files.c).
 * Thread rule: any thread; each function takes the draft's own mutex. It is never held across a
 * network call; file I/O on the spool is done under it.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "outbox/draft_writers.h"

#define DRAFT_MESSAGE_MAX 7439	       /* webex-api.md 6.2 */
#define DRAFT_TEXT_RAW_MAX (64 * 1024) /* with trailing newlines */
#define DRAFT_JSON_MAX (1024 * 1024)
#define DRAFT_FILE_MAX (INT64_C(100) * 1024 * 1024) /* webex-api.md 3 */

enum draft_form { DRAFT_TEXT, DRAFT_MARKDOWN, DRAFT_JSON, DRAFT_FILE };

struct draft;

#define DRAFT_SPOOL_PREFIX "draft-"
#define DRAFT_SPOOL_DIGITS 16
#define DRAFT_SPOOL_SEPARATOR '\x1f' /* no cleaned name has it */

/* `spool_dir` is borrowed for the call. DRAFT_FILE: it exists; -ENFILE: too many wait there. Text forms: the disk that will
 * keep it, or NULL. Shared, by reference count; starts with one. */
int draft_new(enum draft_form form, const char *spool_dir, struct draft **ret_draft);
struct draft *draft_ref(struct draft *d);
void draft_unref(struct draft **d);

/* Files: what the bytes are to be called if a crash leaves them. Best effort. */
void draft_set_label(struct draft *d, const char *place, const char *filename);
/* It was closed without bytes, and waits for them: a crash leaves it nevertheless. Best effort. */
void draft_set_waiting(struct draft *d);

enum draft_form draft_get_form(const struct draft *d);
/* Bytes taken, or -errno. `append`: the handle has O_APPEND. By nobody in particular. */
ssize_t draft_write(struct draft *d, const void *buf, size_t len, int64_t offset, bool append);
enum draft_way {
	DRAFT_AT,
	DRAFT_APPEND, /* the open file has O_APPEND */
	DRAFT_MAPPED, /* the kernel writes what came through a mapping, of whichever open file */
};
/* The same by an open file that joined. */
ssize_t draft_write_by(struct draft *d, struct draft_writer *by, enum draft_way way,
		       const void *buf, size_t len, int64_t offset);
ssize_t draft_read(struct draft *d, void *buf, size_t len, int64_t offset);
int draft_truncate(struct draft *d, int64_t size);
/* `by` may be NULL. A file that is cut off at 0 begins anew: what anybody wrote before, or tainted,
 * is not to be sent any more. */
int draft_truncate_by(struct draft *d, struct draft_writer *by, int64_t size);
/* Text forms only: begin with these bytes, not dirty (an edit opened without O_TRUNC). */
int draft_load(struct draft *d, const void *buf, size_t len);
/*
 * Writes all that `read` brings to the beginning of it. `read` is as draft_read, and 0 ends it.
 * 0 or -errno: of either; what came before is in it then. A draft of a file: under no snapshot
 * (base/snapshot.h).
 */
typedef ssize_t (*draft_source)(void *arg, void *buf, size_t len, int64_t offset);
int draft_fill(struct draft *d, draft_source read, void *arg);
/* The same from a descriptor. */
int draft_fill_fd(struct draft *d, int fd);
/* Files: what it holds now is what the server has: not dirty until the next write. */
void draft_set_clean(struct draft *d);
int64_t draft_size(struct draft *d);
bool draft_is_dirty(struct draft *d);
/* An open file joins before it writes, and leaves once: then nothing is its any more. */
void draft_join(struct draft *d, struct draft_writer *w);
/* True: something is dirty, and no open file is left that would have it sent. */
bool draft_leave(struct draft *d, struct draft_writer *w);
/* It wrote since the last take; or it may have, and is the last one that is open. */
bool draft_is_dirty_by(struct draft *d, const struct draft_writer *w);
/* Another one did, or may have. */
bool draft_has_company(struct draft *d, const struct draft_writer *w);
/* Another one did, and maybe closed. */
bool draft_holds_others(struct draft *d, const struct draft_writer *w);
/* Somebody is there who may have it sent. */
bool draft_is_open(struct draft *d);
void draft_taint(struct draft *d);
bool draft_is_tainted(struct draft *d);

/*
 * Takes what is to be sent now and makes the draft clean and empty (text) or clean (file): text
 * forms without trailing newlines in *ret_body (owned; may be "" = nothing to post; -EILSEQ if
 * it ends inside a character). Files: *ret_fd is a new descriptor of the spool (owned), its
 * size in *ret_size.
 */
int draft_take(struct draft *d, char **ret_body, size_t *ret_len, int *ret_fd,
	       int64_t *ret_size);
/* The same by an open file that closes. -EAGAIN, and nothing was taken: another one wrote, too, and
 * may not be through; what this one wrote is sent with that; or somebody has taken it a moment ago (of
 * a file, which is clean then). `by` NULL: without looking at that. */
int draft_take_by(struct draft *d, struct draft_writer *by, char **ret_body, size_t *ret_len,
		  int *ret_fd, int64_t *ret_size);
/* The same for what is not to be sent but kept (tainted, refused by draft_take): text forms as
 * they are, unchecked, with their newlines. Never fails for them. */
int draft_take_raw(struct draft *d, char **ret_body, size_t *ret_len, int *ret_fd,
		   int64_t *ret_size);
/*
 * Files: a descriptor of what it holds now (owned) for a change that may still fail: nothing is taken, it
 * stays as dirty as it was. *ret_state goes to draft_set_sent when the change came to pass.
 */
int draft_copy(struct draft *d, int *ret_fd, int64_t *ret_size, uint64_t *ret_state);
/* It still holds what draft_copy gave. */
bool draft_is_at(struct draft *d, uint64_t state);
/* What draft_copy gave has arrived: clean, unless something was written since. */
void draft_set_sent(struct draft *d, uint64_t state);
/* The spool file's SHA-256 as 64 hex digits; owned. Reads it all: not on a FUSE worker. */
int draft_sha256(int fd, char **ret_hex);
