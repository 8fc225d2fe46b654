/* SPDX-License-Identifier: MIT */
/*
 * Changing names and objects (design 2.4): a plan checks, a submission does it.
 * Thread rule: plans on any thread, as tree.h; tree_submit on the cache thread.
 */
#pragma once

#include "tree/pending.h"
#include "tree/tree.h"
#include "tree/write.h"

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
	TREE_DO_MAKE_WEBHOOK, /* `text`: the body; what was written is a pending file, or was one */
	TREE_DO_UPDATE_WEBHOOK,
	TREE_DO_CHECK_WEBHOOK,
	TREE_DO_DELETE_WEBHOOK,
	TREE_DO_DROP_LETTER,
	TREE_DO_SEND, /* an unsent letter moved to a post file or space; a scratch file
				   renamed to a real name */
	TREE_DO_RENAME_PENDING, /* a scratch file renamed to `text`, another scratch name */
	TREE_DO_NAME,		/* an empty file gets the real name `text` and waits under it */
	TREE_DO_DROP_PENDING,	/* a scratch file, or one that is being sent, is removed */
	TREE_DO_ASK,		/* makes the request `asked` (api.h) */
};

/* The request that waits for a change; belongs to it until `done` was called. Cache thread. */
struct tree_waiting {
	uint64_t letter; /* outbox id while it is being sent */
	bool is_over;	 /* it waits no more: a change that has not begun does not begin */
};

struct asked;

struct tree_plan {
	enum tree_action action;
	bool is_local;	   /* rm: nothing of the file is at the server or on its way there */
	int64_t row, room; /* rows of the object and of its space or team */
	enum webex_room_type type; /* of that room */
	uint64_t ino;		   /* the node that exists afterwards, if known */
	uint64_t home; /* TREE_DO_HIDE: where the other file is made (upload_dir()) */
	char *id;      /* API id of the object */
	/* of the room that somebody is invited to; the team that a new space is one of; of a team that
	 * is deleted the space that goes with it */
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
	/* A request of api/, of which a GET is only planned here: it begins when it is read. A reference;
	 * NULL: none. */
	struct asked *asked;
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
/* -ENOTEMPTY: the space has a message or another member; both are asked for anew. So are, for a team, its
 * members, and what its General space has; its spaces are asked for when it is submitted. */
int tree_plan_rmdir(struct tree_ctx *ctx, uint64_t dir, const char *name,
		    struct tree_plan *ret_plan);
/* `by`: what is known of the program: comm, is_move, pid. */
int tree_plan_rename(struct tree_ctx *ctx, uint64_t dir, const char *name, uint64_t newdir,
		     const char *newname, unsigned flags, const struct name_birth *by,
		     struct tree_plan *ret_plan);
/* touch members/<address>, of a space or team. -EINVAL if it is no address. */
int tree_plan_invite(struct tree_ctx *ctx, uint64_t dir, const char *name,
		     struct tree_plan *ret_plan);
/*
 * Takes the draft of what a person wrote into space.json, team.json, a membership or a file of api/. TREE_DO_NOTHING if
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

/* Cache thread. True if a letter of this file must not be sent any more, because the file was
 * removed. `p` NULL: the letter has no file. */
bool tree_letter_is_dropped(struct tree *t, struct pending *p);

/* ---- times and modes ---- */
/* utimens and chmod. Kept for files that are being written, and (times) for one's uploads;
 * accepted without effect for other files of one's own. */
int tree_set_attr(struct tree_ctx *ctx, uint64_t ino, const mode_t *mode,
		  const int64_t *mtime_ms);
