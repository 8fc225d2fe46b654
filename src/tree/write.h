/* SPDX-License-Identifier: MIT */
/*
 * What opening a file means, and what writing and changing names means (design 2.3, 2.4).
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
	TREE_READ_SNAPSHOT,   /* as it was at open, direct I/O */
	TREE_READ_EMPTY,      /* post */
	TREE_READ_TRANSCRIPT, /* held until tree_release */
	TREE_READ_CONTENT,    /* contents.h, counted by the caller */
	TREE_READ_PENDING,    /* the draft of a file being written */
	TREE_READ_EVENTS,     /* a stream; tree/events.h */
};

/* Opening it for reading takes no more than its number: no tree_open_read. */
bool tree_opens_freely(struct tree *t, uint64_t ino);
/*
 * Makes sure that what is needed to read the file is known. For TREE_UPLOAD nodes the caller
 * has called contents_open before. TREE_READ_TRANSCRIPT and _PENDING are held:
 * tree_release_read.
 */
int tree_open_read(struct tree_ctx *ctx, uint64_t ino, enum tree_read_from *ret_from,
		   struct pending **ret_pending);
/*
 * Bytes at offset of what tree_open_read (not _SNAPSHOT, _EMPTY, _EVENTS) opened; any number up
 * to len in *ret_n, 0 at the end. 0, TREE_WAIT or -errno.
 */
int tree_read(struct tree_ctx *ctx, uint64_t ino, enum tree_read_from from,
	      struct pending *pending, void *buf, size_t len, int64_t offset, size_t *ret_n);
void tree_release_read(struct tree *t, uint64_t ino, enum tree_read_from from,
		       struct pending **pending);

/* ---- writing ---- */

enum tree_write_what {
	TREE_WRITE_LETTER,  /* a post, an edit: goes through the outbox */
	TREE_WRITE_UPLOAD,  /* a file: goes through the outbox, is a pending file meanwhile */
	TREE_WRITE_SCRATCH, /* stays local */
	TREE_WRITE_OBJECT,  /* space.json, a membership: PUT of what changed */
};

struct tree_write {
	enum tree_write_what what;
	enum tree_kind kind;
	enum outbox_form form;
	uint64_t ino, dir;
	int64_t row, room;
	int64_t content_row; /* uploads */
	char *room_id, *email, *message_id, *place, *name;
	int64_t rewrites; /* the unsent letter that is edited; 0: none */
	char *base;	  /* edits: the text at open, until the first commit */
	bool is_moved; /* a scratch file that gets a real name: sent as it is, but taken only */
	uint64_t state; /* when it has arrived: draft_set_sent with this */
	/* For whom it is written, if that is not `writer`; borrowed. */
	struct draft_writer *by;
	/* Raw JSON: with whose rights a file of this machine that it names is read. Owned; NULL:
	 * nobody's. */
	struct local_caller *caller;
	struct draft *draft;	    /* owned reference */
	struct draft_writer writer; /* of it; who gives it to an open file joins */
	struct pending *pending;    /* uploads, scratch: reference, counted as open */
};

/*
 * Opens a file that exists for writing: checks what can be known, makes its draft (`truncate`:
 * O_TRUNC was given, else an edit begins with the present text). -EROFS, -EACCES (not one's
 * own, read-only space, ...), -EISDIR, the network's errno if it was down a moment ago. TREE_WAIT,
 * TREE_COPY.
 */
int tree_open_write(struct tree_ctx *ctx, uint64_t ino, bool truncate,
		    struct tree_write *ret_write);
/* After TREE_COPY, under no snapshot and on a thread that may wait for the disk. */
void tree_copy_run(struct tree *t, struct tree_copy *c);
void tree_copy_clear(struct tree_copy *c);
/*
 * For what tree_open_write opens: a draft for `name` that begins with the bytes of `fd` (borrowed), or
 * of the content w->row if that is -1. TREE_COPY, and once that was done 0.
 */
int tree_begin_with(struct tree_ctx *ctx, const struct tree_write *w, const char *name, int fd,
		    struct draft **ret_draft);
/* A new name in a directory: an upload or a scratch file, as `birth` tells. -EPERM where nothing can
 * be made and for a name of a message's form, -EINVAL for one that would not come back as typed. */
int tree_create(struct tree_ctx *ctx, uint64_t dir, const char *name, mode_t mode,
		const struct name_birth *birth, struct tree_write *ret_write);
/* Which process (its thread group; 0: not known) made the new file. */
void tree_note_maker(struct tree *t, const struct tree_write *w, pid_t maker);
/* The process has a passing file in `dir`, which may be to get the name of another one there. */
bool tree_is_made_beside(struct tree *t, uint64_t dir, pid_t maker);
/* Fills in where a letter put into directory `dir` goes: room, room_id, email, place. -EPERM for
 * a directory that takes none. */
int tree_write_aim_dir(struct tree_ctx *ctx, uint64_t dir, struct tree_write *w);
/* A draft for `name` in w->place, labelled so that a crash leaves it under a name that says so. */
int tree_spool_draft(struct tree_ctx *ctx, const struct tree_write *w, const char *name,
		     struct draft **ret_draft);
/*
 * Of a letter of raw JSON: whether it names a file of this machine, which is then in l->local, to be
 * read before the letter is sent, with the rights of `caller` (borrowed; NULL: whoever has the letter
 * fills it in). Opens nothing. -EINVAL: it is none, or what goes with a file is not there; *ret_reason:
 * owned, may be NULL.
 */
int tree_find_local(struct outbox_letter *l, const struct local_caller *caller,
		    char **ret_reason);
/* Opens an unsent letter (w->row) for editing: what is committed replaces its bytes. -EBUSY while
 * it is being sent. */
int tree_open_letter(struct tree_ctx *ctx, bool truncate, struct tree_write *w);
/* Makes an opened scratch file an upload called `name`. -EINVAL for a name that would not come
 * back as typed. */
int tree_write_aim(struct tree_ctx *ctx, struct tree_write *w, const char *name);
/* Drops the draft reference and the rest. True: it is a file without bytes, which waits for them
 * here from now on (last-error says so). */
bool tree_write_close(struct tree *t, struct tree_write *w);

/*
 * What is to be sent now (takes the draft): a letter, or NULL if there is nothing to send (not
 * dirty, only newlines, a file that was removed, or that has no bytes, which stays dirty). The same file as one's newest version and an edit
 * that changes nothing are letters, too: the outbox asks whether the server still has them.
 * -ENODATA: an edit to nothing.
 * Not for TREE_WRITE_OBJECT. What cannot be sent (half a character at the end, no JSON) comes
 * back with the error, to be kept, and the reason (owned, may be NULL).
 */
int tree_write_take(struct tree_ctx *ctx, struct tree_write *w,
		    struct outbox_letter **ret_letter, char **ret_reason);
/* The same of a scratch file that was renamed to a real name while it is open. */
bool tree_write_was_renamed(struct tree *t, const struct tree_write *w);
int tree_write_take_renamed(struct tree_ctx *ctx, struct tree_write *w,
			    struct outbox_letter **ret_letter, char **ret_reason);
/*
 * A scratch file has just got a real name, or become a text. What was written to it behind the bytes
 * that went with that, and closed before it was known that they arrived: as if it were closed now.
 * Cache thread.
 */
void tree_write_send_left(struct tree *t, struct pending *p);
/* The same of a draft that will not be sent, whatever it holds: a letter to keep. NULL if it is
 * empty. */
int tree_write_take_raw(struct tree_ctx *ctx, struct tree_write *w,
			struct outbox_letter **ret_letter);

/* ---- changing ---- */

enum tree_action {
	TREE_DO_NOTHING,
	TREE_DO_DELETE_MESSAGE,
	TREE_DO_DELETE_ATTACHMENT, /* its message, if that still is nothing but the file */
	TREE_DO_HIDE,		   /* an attachment that is being replaced (replaced.h) */
	TREE_DO_MAKE_ROOM,
	TREE_DO_RENAME_ROOM,
	TREE_DO_DELETE_ROOM,
	TREE_DO_UPDATE_ROOM,
	TREE_DO_INVITE,
	TREE_DO_REMOVE_MEMBER,
	TREE_DO_UPDATE_MEMBER,
	TREE_DO_CHECK_ROOM, /* a change that changes nothing, as far as is known: asks; `text` is it */
	TREE_DO_CHECK_MEMBER,
	TREE_DO_DROP_LETTER,
	TREE_DO_SEND, /* an unsent letter moved to a post file or space; a scratch file
				   renamed to a real name */
	TREE_DO_RENAME_PENDING, /* a scratch file renamed to `text`, another scratch name */
	TREE_DO_NAME, /* an empty file gets the real name `text`, and waits under that */
	TREE_DO_DROP_PENDING, /* a scratch file, or one that is being sent, is removed */
};

/* Who waits for a change; theirs, until `done` was called. Cache thread. */
struct tree_waiting {
	uint64_t letter; /* outbox id while it is being sent */
	bool is_over;	 /* nobody does: what has not begun does not begin */
};

struct tree_plan {
	enum tree_action action;
	bool is_local;	   /* rm: nothing of it is at the server or on its way there */
	int64_t row, room; /* of the thing; of its space */
	uint64_t ino;	   /* what exists afterwards, where that is known */
	char *id;	   /* of the thing */
	char *room_id;
	/* title, address, JSON body; an attachment's URL or name; the name that a file gets */
	char *text;
	struct outbox_letter *letter;
	/* A change of an object: what was written, to be kept if the change does not come to pass, and
	 * why (NULL: not known yet). */
	struct outbox_letter *kept;
	char *why;
	/* The file here that it is about; reference. A scratch file that is sent goes then. */
	struct pending *pending;
	uint64_t state; /* of its draft, whose bytes go with the plan: draft_set_sent */
	struct tree_waiting *waiting; /* borrowed; may be NULL */
	int64_t n;		      /* number of an unsent letter */
};

void tree_plan_clear(struct tree *t, struct tree_plan *plan);

/* What the program that removes a name is about (fs/rm_guard.h tells it by what it does and is called). */
enum tree_remover {
	TREE_REMOVES,	/* the name is to go: rm */
	TREE_REPLACES,	/* another thing is to have it: mv, cp, tar x onto it */
	TREE_MOVES_OUT, /* it has a copy of it elsewhere: mv, shutil.move */
};

/*
 * -EPERM, and last-error says what to do: what is part of the structure; by a program that replaces it or
 * moves it out, what the server would lose by it; an attachment whose message has more than that.
 */
int tree_plan_unlink(struct tree_ctx *ctx, uint64_t dir, const char *name, enum tree_remover by,
		     struct tree_plan *ret_plan);
int tree_plan_mkdir(struct tree_ctx *ctx, uint64_t dir, const char *name,
		    struct tree_plan *ret_plan);
/* -ENOTEMPTY: there is a message in it, or somebody else; both are asked for anew. */
int tree_plan_rmdir(struct tree_ctx *ctx, uint64_t dir, const char *name,
		    struct tree_plan *ret_plan);
/* `comm`: the program that asks. */
int tree_plan_rename(struct tree_ctx *ctx, uint64_t dir, const char *name, uint64_t newdir,
		     const char *newname, unsigned flags, const char *comm,
		     struct tree_plan *ret_plan);
/* touch members/<address>: -EINVAL for what is no address. */
int tree_plan_invite(struct tree_ctx *ctx, uint64_t dir, const char *name,
		     struct tree_plan *ret_plan);
/*
 * What a person wrote into space.json or a membership (takes the draft). TREE_DO_NOTHING if nothing
 * was written. Also with an error: plan->kept, the caller's to keep, and plan->why.
 */
int tree_plan_object(struct tree_ctx *ctx, struct tree_write *w, struct tree_plan *ret_plan);

/* The same of a draft that will not be sent: a letter to keep, or NULL. */
int tree_keep_object(struct tree_ctx *ctx, struct tree_write *w,
		     struct outbox_letter **ret_letter);

/* error 0: `ino` is what exists now (0 where that means nothing). */
typedef void (*tree_done)(void *arg, int error, uint64_t ino);

/* Does it, once. Adopts the plan's contents. `done` is called exactly once, on the cache
 * thread, maybe before this returns. */
void tree_submit(struct tree *t, struct tree_plan *plan, tree_done done, void *arg);

/* Cache thread, when everybody who waited has gone: no change waits to be looked at. */
void tree_shutdown(struct tree *t);

/* The entry of an existing node: attributes by its row. */
int tree_make_entry(struct tree_ctx *ctx, uint64_t ino, struct tree_entry *ret_entry);

/* Cache thread: a letter of that file is not to be sent any more, since the file was removed. NULL:
 * of no file. */
bool tree_letter_is_dropped(struct tree *t, struct pending *p);

/* ---- questions of the fs layer ---- */
bool tree_is_post(uint64_t ino);
/* Its listing changes only by changes that tree_on_changes tells of. */
bool tree_dir_is_told(uint64_t ino);
/* One of a message's forms. */
bool tree_is_message(uint64_t ino);
/* Deleting in it while walking it is refused: spaces and what is in them. */
bool tree_guards_deletion(uint64_t dir);
/* The file being written behind a node: a reference, or NULL. */
struct pending *tree_pending(struct tree *t, uint64_t ino);
/* NULL for NULL. */
struct pending *tree_pending_ref(struct tree *t, struct pending *p);
void tree_pending_unref(struct tree *t, struct pending **p);
/* A file whose creation never reached its caller. */
void tree_pending_discard(struct tree *t, struct pending *p);
/* The server has the file behind an upload's node. */
bool tree_upload_is_known(struct tree *t, uint64_t ino);

/* ---- times and modes ---- */
/* utimens, chmod: kept for files being written and for one's uploads (times), quietly accepted
 * elsewhere in one's own. */
int tree_set_attr(struct tree_ctx *ctx, uint64_t ino, const mode_t *mode,
		  const int64_t *mtime_ms);

/* ---- telling the kernel ---- */
struct tree_told {
	/* name NULL: the inode's attributes and data are stale. Otherwise: that name in
	 * directory `ino` is, and the directory's listing. */
	void (*inode)(void *arg, uint64_t ino);
	void (*name)(void *arg, uint64_t dir, const char *name);
	void *arg;
};

/* Cache thread: translates changes of the store into what the kernel must forget; makes open
 * transcripts grow. */
void tree_on_changes(struct tree *t, GPtrArray *changes, const struct tree_told *told);

/*
 * What has waited long enough for its bytes (an empty file) or its name (a scratch file) since its
 * last close goes to unsent/; `told` hears of it. In how many ms the next one is due; -1: none.
 * Cache thread.
 */
int64_t tree_keep_old(struct tree *t, const struct tree_told *told);
/* The last number alone; any thread. */
int64_t tree_next_old_ms(struct tree *t);
/*
 * At unmount, when nobody has a file open any more: the same of all that is there. What goes with a change that
 * was begun is the outbox's already. Cache thread.
 */
void tree_keep_scratch(struct tree *t);
/* last-error: an edit left nothing of the text, and was not sent. */
void tree_say_emptied(const struct tree_write *w);
