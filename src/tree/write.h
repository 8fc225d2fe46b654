/* SPDX-License-Identifier: MIT */
/*
 * Writing files (design 2.3).
 * Thread rule: any thread, as tree.h, but where it is said.
 */
#pragma once

#include "base/names.h"
#include "outbox/draft.h"
#include "outbox/local_file.h"
#include "tree/pending.h"
#include "tree/tree.h"

enum tree_write_what {
	TREE_WRITE_LETTER, /* a post or an edit: goes through the outbox */
	TREE_WRITE_UPLOAD, /* a file: goes through the outbox, and is a pending file meanwhile */
	TREE_WRITE_SCRATCH, /* stays local */
	TREE_WRITE_OBJECT, /* an object (object.h), a request of api/: a PUT of what changed; with a pending file:
			     * a new one, in the directory of kind `kind` */
};

struct tree_write {
	enum tree_write_what what;
	enum tree_kind kind;
	enum letter_form form;
	uint64_t ino, dir;
	int64_t row;
	int64_t content_row; /* uploads */
	struct destination to;
	bool is_edit; /* of to.message_id, or of an unsent letter that is such an edit */
	char *name;
	char *api_path;	  /* of a file of api/: what its name stands for (api.h) */
	int64_t rewrites; /* number of the unsent letter that is edited; 0: none */
	char *base;	  /* edits: the text at open; until the first commit */
	char *card;	  /* .submit.json: the attachments of its message; owned */
	bool is_moved; /* a scratch file that gets a real name: it is sent as it is now, but its
		        * draft counts as taken only */
	uint64_t state; /* when it has arrived: draft_set_sent() with this */
	/* Whose writes are to be sent, if not those of `writer`; borrowed. */
	struct draft_writer *by;
	/* Raw JSON: the process with whose rights a local file that it names is read. Owned;
	 * NULL: none. */
	struct local_caller *caller;
	struct draft *draft;	    /* owned reference */
	struct draft_writer writer; /* of `draft`; whoever hands it to an open file calls
				     * draft_join */
	struct pending *pending;    /* uploads, scratch: reference, counted as open */
};

/*
 * Opens an existing file for writing: checks what can be known and makes its draft (`truncate`:
 * O_TRUNC was given; else an edit begins with the present text). -EROFS, -EACCES (somebody
 * else's, read-only space, ...), -EISDIR, or the errno of the network if it was down a moment
 * ago. TREE_WAIT, TREE_COPY.
 */
int tree_open_write(struct tree_ctx *ctx, uint64_t ino, bool truncate,
		    struct tree_write *ret_write);
/* Does the copy after TREE_COPY. Called without a snapshot, on a thread that may wait for the
 * disk. */
void tree_copy_run(struct tree *t, struct tree_copy *c);
void tree_copy_clear(struct tree_copy *c);
/*
 * Used by what tree_open_write opens: makes a draft for `name` that begins with the bytes of
 * `fd` (borrowed), or of the content w->row if fd is -1. TREE_COPY, and 0 once the copy was
 * made.
 */
int tree_begin_with(struct tree_ctx *ctx, const struct tree_write *w, const char *name, int fd,
		    struct draft **ret_draft);
/* Creates a file: an upload or a scratch file, as `birth` tells. -EPERM in a directory where
 * nothing can be made, and for a name of a message's form; -EINVAL for a name that would not
 * come back as typed. */
int tree_create(struct tree_ctx *ctx, uint64_t dir, const char *name, mode_t mode,
		const struct name_birth *birth, struct tree_write *ret_write);
/* Notes which process (its thread group; 0: unknown) made the new file. */
void tree_note_maker(struct tree *t, const struct tree_write *w, pid_t maker);
/* True if the process has a scratch file in `dir` that it may rename onto another file there. */
bool tree_is_made_beside(struct tree *t, uint64_t dir, pid_t maker);
/* The directory under which what is written in `dir` is kept, and its files/, which shows it, too; 0: nothing
 * is sent from there. */
uint64_t tree_home(uint64_t dir, uint64_t *ret_files);
/* Finds where a letter put into directory `dir` goes. *ret is empty, and owned by the caller
 * afterwards. -EPERM for a directory that takes none. */
int tree_destination(struct tree_ctx *ctx, uint64_t dir, struct destination *ret);
/* Makes a draft for `name`, which is to go to `to`. Its spool file has both in its name, so that they
 * survive a crash. */
int tree_spool_draft(struct tree_ctx *ctx, const struct destination *to, const char *name,
		     struct draft **ret_draft);
/*
 * For a letter of raw JSON: finds whether it names a local file. If so, l->local is that file,
 * which is read before the letter is sent, with the rights of `caller` (borrowed; NULL: whoever
 * has the letter fills it in). Opens nothing. -EINVAL: it is no JSON object, or its other
 * fields cannot go with a file; *ret_reason is owned and may be NULL.
 */
int tree_find_local(struct outbox_letter *l, const struct local_caller *caller,
		    char **ret_reason);
/* Opens an unsent letter (w->row) for editing: what is committed replaces its bytes. -EBUSY while
 * it is being sent. */
int tree_open_letter(struct tree_ctx *ctx, bool truncate, struct tree_write *w);
/* Opens the form of a card (w->row: its message). -EACCES: it has neither inputs nor buttons. */
int tree_open_submit(struct tree_ctx *ctx, bool truncate, struct tree_write *w);
/* Checks what was written into it against the card: fills in l->inputs, or gives the reason (owned). */
int tree_fill_submit(const struct tree_write *w, struct outbox_letter *l, char **ret_reason);
/* Makes an opened scratch file an upload called `name`. -EINVAL if the name would not come back
 * as typed. */
int tree_write_aim(struct tree_ctx *ctx, struct tree_write *w, const char *name);
/* Drops the references. A file that has no bytes waits for them here from now on (last-error says
 * so). */
void tree_write_close(struct tree *t, struct tree_write *w);

/*
 * Takes the draft as a letter to send. NULL if there is nothing to send: it is not dirty, has
 * only newlines, is a file that was removed, or a file without bytes (which stays dirty). A
 * file equal to one's newest version and an edit that changes nothing give letters, too: the
 * outbox asks whether the server still has them. -ENODATA: an edit to nothing. Not for
 * TREE_WRITE_OBJECT. With any other error (half a character at the end, no JSON) the letter is
 * given as well, to be kept, and *ret_reason (owned, may be NULL).
 */
int tree_write_take(struct tree_ctx *ctx, struct tree_write *w,
		    struct outbox_letter **ret_letter, char **ret_reason);
/* True if it is a scratch file that was renamed to a real name while it is open. */
bool tree_write_was_renamed(struct tree *t, const struct tree_write *w);
int tree_write_take_renamed(struct tree_ctx *ctx, struct tree_write *w,
			    struct outbox_letter **ret_letter, char **ret_reason);
/*
 * Called when a scratch file has got a real name or become a text. If more was written to it
 * after its bytes were sent, and closed before they had arrived, this sends the rest as a close
 * would. Cache thread.
 */
void tree_write_send_left(struct tree *t, struct pending *p);
/* Opens the file of an object: what is written begins with its present text, unless `truncate`. */
int tree_open_object(struct tree_ctx *ctx, bool truncate, struct tree_write *w);
/* 0 if a new file in `dir` may have this name. */
int tree_check_new_name(struct tree_ctx *ctx, uint64_t dir, const char *name);
/* True if what is written is an object: tree_plan_object() takes it. A scratch file that got a real name while
 * it is open is one from then on, where a new file becomes one. */
bool tree_write_is_object(struct tree *t, struct tree_write *w);
/* As tree_write_take, but for a draft that will not be sent, whatever it contains: a letter to
 * keep. NULL if it is empty. */
int tree_write_take_raw(struct tree_ctx *ctx, struct tree_write *w,
			struct outbox_letter **ret_letter);

/* Says in last-error that a file without bytes waits for them. For what comes last of its last close
 * and its real name. */
void tree_tell_waits(struct tree *t, const char *name);
/* Says once that a scratch file is not sent, if its name is one that a person may have given to it:
 * in last-error at once, in the journal when it has had the name for a second. Called when a writer
 * closes it, and when it got a name. */
void tree_tell_stays(struct tree *t, struct pending *p);
/* Takes back what last-error says of a file that has a real name now, or was removed. */
void tree_tell_passed(struct tree *t, struct pending *p);
/* Drops what the journal has not been told yet. The queue has ended. */
void tree_drop_tellings(struct tree *t);
/* Refuses it (-EPERM) to a program that takes the source of such a file away. */
int tree_refuse_to_keep(struct tree_ctx *ctx, const char *name);
/* Refuses it so if the program makes the file because it moves such a file here. */
int tree_check_moved_here(struct tree_ctx *ctx, const char *name,
			  const struct name_birth *birth);

/* The name of a scratch file of which a writer is told, owned; NULL for any other node. */
char *tree_meant_name(struct tree *t, uint64_t ino);

/* The words for an edit that leaves nothing of the text and is not sent; owned. */
char *tree_emptied(const struct tree_write *w);

/* ---- the file that is being written at a node ---- */
/* The pending file of a node: a reference, or NULL. */
struct pending *tree_pending(struct tree *t, uint64_t ino);
/* NULL for NULL. */
struct pending *tree_pending_ref(struct tree *t, struct pending *p);
void tree_pending_unref(struct tree *t, struct pending **p);
/* Drops a file whose creation never reached its caller. */
void tree_pending_discard(struct tree *t, struct pending *p);
/* True if the server has the file of this node. */
bool tree_upload_is_known(struct tree *t, uint64_t ino);
