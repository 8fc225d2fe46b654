/* SPDX-License-Identifier: MIT */
/*
 * Opening, reading and writing files, and changing names (design 2.3, 2.4).
 * Thread rule: as tree.h: opening and planning on any thread; tree_submit on the cache thread.
 */
#pragma once

#include "base/names.h"
#include "outbox/draft.h"
#include "outbox/local_file.h"
#include "tree/pending.h"
#include "tree/tree.h"

/* ---- reading ---- */

enum tree_read_from {
	TREE_READ_STORE,      /* every read renders the current version */
	TREE_READ_SNAPSHOT,   /* reads give the text as it was at open; direct I/O */
	TREE_READ_EMPTY,      /* post */
	TREE_READ_TRANSCRIPT, /* held until tree_release_read */
	TREE_READ_CONTENT,    /* attach/attach.h; the caller has called contents_open */
	TREE_READ_PENDING,    /* the draft of a file being written */
	TREE_READ_EVENTS,     /* a stream; tree/events.h */
};

/* True if the file can be opened for reading without tree_open_read. */
bool tree_opens_freely(struct tree *t, uint64_t ino);
/*
 * Makes sure that everything is known that reading the file needs. For TREE_ATTACHMENT nodes the
 * caller has called contents_open before. TREE_READ_TRANSCRIPT and _PENDING are held until
 * tree_release_read.
 */
int tree_open_read(struct tree_ctx *ctx, uint64_t ino, enum tree_read_from *ret_from,
		   struct pending **ret_pending);
/*
 * Reads at `offset` of a file that tree_open_read opened (other than _SNAPSHOT, _EMPTY,
 * _EVENTS). *ret_n is the number of bytes, at most `len`, 0 at the end. 0, TREE_WAIT or -errno.
 */
int tree_read(struct tree_ctx *ctx, uint64_t ino, enum tree_read_from from,
	      struct pending *pending, void *buf, size_t len, int64_t offset, size_t *ret_n);
void tree_release_read(struct tree *t, uint64_t ino, enum tree_read_from from,
		       struct pending **pending);

/* ---- writing ---- */

enum tree_write_what {
	TREE_WRITE_LETTER, /* a post or an edit: goes through the outbox */
	TREE_WRITE_UPLOAD, /* a file: goes through the outbox, and is a pending file meanwhile */
	TREE_WRITE_SCRATCH, /* stays local */
	TREE_WRITE_OBJECT,  /* space.json or a membership: a PUT of what changed */
};

struct tree_write {
	enum tree_write_what what;
	enum tree_kind kind;
	enum outbox_form form;
	uint64_t ino, dir;
	int64_t row, room;
	int64_t content_row; /* uploads */
	char *room_id, *email, *message_id, *place, *name;
	int64_t rewrites; /* number of the unsent letter that is edited; 0: none */
	char *base;	  /* edits: the text at open; until the first commit */
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
/* Fills in where a letter put into directory `dir` goes: room, room_id, email, place. -EPERM for
 * a directory that takes none. */
int tree_write_aim_dir(struct tree_ctx *ctx, uint64_t dir, struct tree_write *w);
/* Makes a draft for `name` in w->place. Its spool file has both in its name, so that they
 * survive a crash. */
int tree_spool_draft(struct tree_ctx *ctx, const struct tree_write *w, const char *name,
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
/* Makes an opened scratch file an upload called `name`. -EINVAL if the name would not come back
 * as typed. */
int tree_write_aim(struct tree_ctx *ctx, struct tree_write *w, const char *name);
/* Drops the references. True: the file has no bytes and waits for them here from now on
 * (last-error says so). */
bool tree_write_close(struct tree *t, struct tree_write *w);

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
/* As tree_write_take, but for a draft that will not be sent, whatever it contains: a letter to
 * keep. NULL if it is empty. */
int tree_write_take_raw(struct tree_ctx *ctx, struct tree_write *w,
			struct outbox_letter **ret_letter);

/* ---- changing ---- */

enum tree_action {
	TREE_DO_NOTHING,
	TREE_DO_DELETE_MESSAGE,
	TREE_DO_DELETE_ATTACHMENT, /* deletes its message, if that still has nothing but the
				    * file */
	TREE_DO_HIDE,		   /* hides an attachment that is being replaced (replaced.h) */
	TREE_DO_MAKE_ROOM,
	TREE_DO_RENAME_ROOM,
	TREE_DO_DELETE_ROOM,
	TREE_DO_UPDATE_ROOM,
	TREE_DO_INVITE,
	TREE_DO_REMOVE_MEMBER,
	TREE_DO_UPDATE_MEMBER,
	TREE_DO_CHECK_ROOM, /* asks whether the server has what `text` says, as far as is known
			     * here */
	TREE_DO_CHECK_MEMBER,
	TREE_DO_DROP_LETTER,
	TREE_DO_SEND, /* an unsent letter moved to a post file or space; a scratch file
				   renamed to a real name */
	TREE_DO_RENAME_PENDING, /* a scratch file renamed to `text`, another scratch name */
	TREE_DO_NAME,		/* an empty file gets the real name `text` and waits under it */
	TREE_DO_DROP_PENDING,	/* a scratch file, or one that is being sent, is removed */
};

/* The request that waits for a change; belongs to it until `done` was called. Cache thread. */
struct tree_waiting {
	uint64_t letter; /* outbox id while it is being sent */
	bool is_over;	 /* it waits no more: a change that has not begun does not begin */
};

struct tree_plan {
	enum tree_action action;
	bool is_local;	   /* rm: nothing of the file is at the server or on its way there */
	int64_t row, room; /* rows of the object and of its space */
	uint64_t ino;	   /* the node that exists afterwards, if known */
	char *id;	   /* API id of the object */
	char *room_id;
	/* according to the action: a title, an address, a JSON body, the URL or name of an
	 * attachment, the name that a file gets */
	char *text;
	struct outbox_letter *letter;
	/* A change of an object: what was written, which is kept if the change fails, and the
	 * reason (NULL: not known yet). */
	struct outbox_letter *kept;
	char *why;
	/* The pending file that it is about; a reference. A scratch file that is sent leaves
	 * the table then. */
	struct pending *pending;
	uint64_t state; /* of its draft, whose bytes go with the plan; for draft_set_sent */
	struct tree_waiting *waiting; /* borrowed; may be NULL */
	int64_t n;		      /* number of an unsent letter */
};

void tree_plan_clear(struct tree *t, struct tree_plan *plan);

/* What a program intends that removes a name (fs/rm_guard.h finds it out by what the program
 * does and is called). */
enum tree_remover {
	TREE_REMOVES,	/* the name is to go, as with rm */
	TREE_REPLACES,	/* another file is to have the name, as with mv, cp, tar x onto it */
	TREE_MOVES_OUT, /* the program has a copy elsewhere, as with mv, shutil.move */
};

/*
 * -EPERM (last-error says what to do instead) for a name that is part of the structure; for
 * what the server would lose because a program replaces it or moves it out; and for an
 * attachment whose message has more than that file.
 */
int tree_plan_unlink(struct tree_ctx *ctx, uint64_t dir, const char *name, enum tree_remover by,
		     struct tree_plan *ret_plan);
int tree_plan_mkdir(struct tree_ctx *ctx, uint64_t dir, const char *name,
		    struct tree_plan *ret_plan);
/* -ENOTEMPTY: the space has a message or another member; both are asked for anew. */
int tree_plan_rmdir(struct tree_ctx *ctx, uint64_t dir, const char *name,
		    struct tree_plan *ret_plan);
/* `comm`: the name of the program. */
int tree_plan_rename(struct tree_ctx *ctx, uint64_t dir, const char *name, uint64_t newdir,
		     const char *newname, unsigned flags, const char *comm,
		     struct tree_plan *ret_plan);
/* touch members/<address>. -EINVAL if it is no address. */
int tree_plan_invite(struct tree_ctx *ctx, uint64_t dir, const char *name,
		     struct tree_plan *ret_plan);
/*
 * Takes the draft of what a person wrote into space.json or a membership. TREE_DO_NOTHING if
 * nothing was written. With an error plan->kept and plan->why are set, too, and the caller
 * keeps the letter.
 */
int tree_plan_object(struct tree_ctx *ctx, struct tree_write *w, struct tree_plan *ret_plan);

/* As tree_plan_object, but for a draft that will not be sent: a letter to keep, or NULL. */
int tree_keep_object(struct tree_ctx *ctx, struct tree_write *w,
		     struct outbox_letter **ret_letter);

/* error 0: `ino` is the node that exists now (0 if there is none to name). */
typedef void (*tree_done)(void *arg, int error, uint64_t ino);

/* Carries the plan out, once. Adopts its contents. `done` is called exactly once, on the cache
 * thread, perhaps before this returns. */
void tree_submit(struct tree *t, struct tree_plan *plan, tree_done done, void *arg);

/* Cache thread, when nobody waits any more: ends the waits of changes that were to be read
 * again. */
void tree_shutdown(struct tree *t);

/* The entry of an existing node: attributes by its row. */
int tree_make_entry(struct tree_ctx *ctx, uint64_t ino, struct tree_entry *ret_entry);

/* Cache thread. True if a letter of this file must not be sent any more, because the file was
 * removed. `p` NULL: the letter has no file. */
bool tree_letter_is_dropped(struct tree *t, struct pending *p);

/* ---- questions of the fs layer ---- */
bool tree_is_post(uint64_t ino);
/* True if all changes of the directory's listing pass through tree_on_changes. */
bool tree_dir_is_told(uint64_t ino);
/* True for the forms of a message. */
bool tree_is_message(uint64_t ino);
/* Who reads it is noted, for when he removes it (fs/rm_guard.h). */
bool tree_is_watched(uint64_t ino);
/* True for spaces and the directories in them, in which a program that walks them may not
 * delete. */
bool tree_guards_deletion(uint64_t dir);
/* The pending file of a node: a reference, or NULL. */
struct pending *tree_pending(struct tree *t, uint64_t ino);
/* NULL for NULL. */
struct pending *tree_pending_ref(struct tree *t, struct pending *p);
void tree_pending_unref(struct tree *t, struct pending **p);
/* Drops a file whose creation never reached its caller. */
void tree_pending_discard(struct tree *t, struct pending *p);
/* True if the server has the file of this node. */
bool tree_upload_is_known(struct tree *t, uint64_t ino);

/* ---- times and modes ---- */
/* utimens and chmod. Kept for files that are being written, and (times) for one's uploads;
 * accepted without effect for other files of one's own. */
int tree_set_attr(struct tree_ctx *ctx, uint64_t ino, const mode_t *mode,
		  const int64_t *mtime_ms);

/* ---- telling the kernel ---- */
struct tree_invalidate {
	/* `inode`: the attributes and data of the inode are stale. `entry`: this name in
	 * directory `ino` is, and the listing of the directory. */
	void (*inode)(void *arg, uint64_t ino);
	void (*name)(void *arg, uint64_t dir, const char *name);
	void *arg;
};

/* Cache thread: translates changes of the store into what the kernel must forget, and lets open
 * transcripts grow. */
void tree_on_changes(struct tree *t, GPtrArray *changes, const struct tree_invalidate *told);

/*
 * Moves files to unsent/ that have waited long enough since their last close for their bytes
 * (empty files) or their name (scratch files), and calls `told`. Returns in how many ms the
 * next one is due; -1: none. Cache thread.
 */
int64_t tree_keep_old(struct tree *t, const struct tree_invalidate *told);
/* Returns only when the next one is due; any thread. */
int64_t tree_next_old_ms(struct tree *t);
/*
 * Moves all such files to unsent/ at unmount, when no file is open any more. A file whose
 * change has begun is already the outbox's. Cache thread.
 */
void tree_keep_scratch(struct tree *t);
/* Says in last-error that an edit left nothing of the text and was not sent. */
void tree_say_emptied(const struct tree_write *w);
