/* SPDX-License-Identifier: MIT */
/*
 * A draft: the bytes that are written through an open file, until they are committed (design
 * 2.3; platform.md 4). Text forms are in memory (at most DRAFT_TEXT_RAW_MAX), uploads in a
 * spool file of the state folder, which is created 0600 and unlinked when the draft is freed.
 *
 *  1. draft_write refuses at the byte that makes it impossible to send: a message over 7439
 *     bytes (as draft_trim_text() leaves it), a file over 100 MB: -EFBIG; a text that is not
 *     UTF-8 or has a NUL: -EILSEQ. This is checked across writes; an incomplete character at
 *     the end of a write is fine until the commit; a full disk: -ENOSPC (text: no room where it
 *     would be kept). Refused bytes are not in the draft; what was there before stays.
 *  2. Offsets: those of a handle opened with O_APPEND are ignored. For text the first write
 *     after open or commit sets the origin (a shell goes on at offset n after the first of two
 *     messages was sent). A hole is filled with NULs, which text refuses.
 *  3. A draft is dirty if bytes were written since the last commit; an upload also if it was
 *     created and never committed. A truncation alone does not make a text draft dirty.
 *     draft_writers.h notes which of the open files of a file wrote the bytes.
 *  4. A draft is tainted if a process that was dying of a signal closed it; then it must not be
 *     sent. A take ends that.
 *  5. Taken bytes are never written again: the first write after a take goes to a copy of the
 *     spool file. The draft keeps a descriptor of its own, so that it can be read after the
 *     delivery.
 *  6. A spool file is called "draft-<16 hex digits>[_<place>\x1f<file name>[\x1f]]" in
 *     spool_dir until the last unref. The last \x1f says that it is wanted even without bytes.
 *     After a crash outbox_open makes a letter of it; a letter that has its bytes removes that
 *     name (files.c).
 * Thread rule: any thread; each function takes the draft's own mutex. It is never held across a
 * network call; file I/O on the spool is done under it.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "outbox/draft_writers.h"
#include "outbox/letter.h"

#define DRAFT_MESSAGE_MAX 7439	       /* webex-api.md 6.2 */
#define DRAFT_TEXT_RAW_MAX (64 * 1024) /* including trailing newlines */
#define DRAFT_JSON_MAX (1024 * 1024)
#define DRAFT_FILE_MAX (INT64_C(100) * 1024 * 1024) /* webex-api.md 3 */

struct draft;

#define DRAFT_SPOOL_PREFIX "draft-"
#define DRAFT_SPOOL_DIGITS 16
#define DRAFT_SPOOL_SEPARATOR '\x1f' /* no cleaned name contains it */

/* `spool_dir` is borrowed for the call. For LETTER_FILE it exists. For text forms it is on the disk
 * that will keep the letter, or NULL. -ENFILE: too many files are open or wait.
 * The draft is shared by reference count; starts with one. */
int draft_new(enum letter_form form, const char *spool_dir, struct draft **ret_draft);
struct draft *draft_ref(struct draft *d);
void draft_unref(struct draft **d);

/* Files: the name and place that the bytes get if a crash leaves them. Best effort. place NULL: it is
 * gone, as the space of an object that is written. */
void draft_set_label(struct draft *d, const char *place, const char *filename);
/* The file was closed without bytes and waits for them: it is kept even so after a crash. Best
 * effort. */
void draft_set_waiting(struct draft *d);

enum letter_form draft_get_form(const struct draft *d);
/* Returns the number of bytes written, or -errno. `append`: the handle has O_APPEND. Not by any
 * open file that joined. */
ssize_t draft_write(struct draft *d, const void *buf, size_t len, int64_t offset, bool append);
/* The text of a message: in place, with "\r\n" as newlines and without line ends at its end. Its new
 * length. text[len] is there. */
size_t draft_trim_text(char *text, size_t len);
enum draft_way {
	DRAFT_AT,
	DRAFT_APPEND, /* the open file has O_APPEND */
	DRAFT_MAPPED, /* the kernel writes bytes of a mapping, through any of the open files */
};
/* The same, by an open file that joined. */
ssize_t draft_write_by(struct draft *d, struct draft_writer *by, enum draft_way way,
		       const void *buf, size_t len, int64_t offset);
ssize_t draft_read(struct draft *d, void *buf, size_t len, int64_t offset);
int draft_truncate(struct draft *d, int64_t size);
/* `by` may be NULL. A file that is truncated to 0 begins anew: what was written or tainted
 * before is not sent any more. */
int draft_truncate_by(struct draft *d, struct draft_writer *by, int64_t size);
/* Text forms only: makes the draft begin with these bytes, not dirty (for an edit opened
 * without O_TRUNC). */
int draft_load(struct draft *d, const void *buf, size_t len);
/*
 * Writes everything that `read` gives to the beginning of the draft. `read` is called like
 * draft_read(), and ends by returning 0. 0, or the -errno of reading or writing; the bytes
 * before it stay in the draft. For a draft of a file the thread must hold no snapshot
 * (base/snapshot.h).
 */
typedef ssize_t (*draft_source)(void *arg, void *buf, size_t len, int64_t offset);
int draft_fill(struct draft *d, draft_source read, void *arg);
/* The same from a descriptor. */
int draft_fill_fd(struct draft *d, int fd);
/* Files: the draft equals what the server has, so it is not dirty until the next write. */
void draft_set_clean(struct draft *d);
int64_t draft_size(struct draft *d);
/* Files: when the bytes were changed last, in wall ms. */
int64_t draft_changed_ms(struct draft *d);
bool draft_is_dirty(struct draft *d);
/* An open file joins before it writes and leaves once; after that no bytes count as its own. */
void draft_join(struct draft *d, struct draft_writer *w);
/* True if the draft is dirty and no open file is left whose close would send it. */
bool draft_leave(struct draft *d, struct draft_writer *w);
/* True if this open file wrote since the last take, or if it may have and is the last one open. */
bool draft_is_dirty_by(struct draft *d, const struct draft_writer *w);
/* True if another open file wrote since the last take, or may have. */
bool draft_has_company(struct draft *d, const struct draft_writer *w);
/* True if another open file wrote since the last take, also if it is closed by now. */
bool draft_holds_others(struct draft *d, const struct draft_writer *w);
/* True if any open file is left whose close may send the draft. */
bool draft_is_open(struct draft *d);
void draft_taint(struct draft *d);
bool draft_is_tainted(struct draft *d);

/*
 * Takes what is to be sent now. A text draft is clean and empty after it, a file draft clean.
 * Text forms: *ret_body without trailing newlines, of text and Markdown with draft_trim_text() (owned; "" means nothing to post; -EILSEQ if
 * it ends inside a character). Files: *ret_fd is a new descriptor of the spool file (owned),
 * *ret_size its size.
 */
int draft_take(struct draft *d, char **ret_body, size_t *ret_len, int *ret_fd,
	       int64_t *ret_size);
/* The same, by an open file that closes. -EAGAIN if nothing was taken, because another open
 * file wrote, too, and may not be done (the bytes of both are sent then), or because somebody
 * took the draft a moment ago (of a file, which is clean then). `by` NULL: takes it in any
 * case. */
int draft_take_by(struct draft *d, struct draft_writer *by, char **ret_body, size_t *ret_len,
		  int *ret_fd, int64_t *ret_size);
/* The same for a draft that is kept and not sent (tainted, or refused by draft_take): text
 * forms unchecked and with their newlines. Never fails for text forms. */
int draft_take_raw(struct draft *d, char **ret_body, size_t *ret_len, int *ret_fd,
		   int64_t *ret_size);
/*
 * Files: a descriptor of the present bytes (owned) for a change that may still fail. Nothing is
 * taken, and the draft stays as dirty as it was. When the change has succeeded, *ret_state is
 * given to draft_set_sent.
 */
int draft_copy(struct draft *d, int *ret_fd, int64_t *ret_size, uint64_t *ret_state);
/* True if the draft still has the bytes that draft_copy gave. */
bool draft_is_at(struct draft *d, uint64_t state);
/* The bytes that draft_copy gave have arrived: the draft is clean, unless something was written
 * since. */
void draft_set_sent(struct draft *d, uint64_t state);
/* The SHA-256 of the spool file as 64 hex digits; owned. Reads the whole file, so never on a
 * FUSE worker. */
int draft_sha256(int fd, char **ret_hex);
