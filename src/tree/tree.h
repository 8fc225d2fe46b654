/* SPDX-License-Identifier: MIT */
/*
 * The namespace: which files there are, what they contain, and what writing to them means
 * (design 2). It is a table with one row for each kind of file (kinds.c) and the hooks that the
 * rows name. It knows nothing of FUSE.
 *
 * Reading is a function of the store: it answers, fails, or returns TREE_WAIT with the need it
 * lacks in ctx->missing; the caller waits for that (pager.h), adds it to ctx->done, and calls
 * the same function again. No side effects before the last return. Changing is two steps: a
 * plan (a read-type function that checks all that can be checked) and tree_submit on the cache
 * thread, once.
 * Thread rule: reading and planning on any thread, with a connection of the caller's;
 * tree_submit and tree_on_changes on the cache thread.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "attach/attach.h"
#include "outbox/outbox.h"
#include "pager/pager.h"
#include "store/store.h"
#include "tree/ino.h"

struct tree;

struct tree_config {
	struct store *store;
	struct pager *pager;
	struct outbox *outbox;
	struct contents *contents;
	struct webex_client *client;
	struct http_loop *loop;	  /* for status.json */
	struct work_queue *queue; /* the cache thread */
	const struct clock *clock;
	const char *state_dir;
	const char *base_url;
	const char *me_id;
	const char *me_email; /* the account in use; NULL: the server knows no address of it */
	int64_t me_person;    /* its store rowid */
	bool is_bot;
	bool read_only;	       /* -o ro */
	bool recursive_delete; /* -o recursive_delete */
	bool inotify;	       /* -o inotify: the helper makes names also in direct/ */
	uid_t uid;
	gid_t gid;
	mode_t umask;
	int recent;    /* 0 = all */
	int linger_ms; /* how long an empty file or a passing one waits here; 0: ten minutes */
	/* Cache thread: what a change made here did to the store (borrowed); as pager_config's.
	 */
	void (*on_changes)(void *arg, GPtrArray *changes);
	void *arg;
};

int tree_new(const struct tree_config *config, struct tree **ret_tree);
void tree_free(struct tree **t);

/* What functions of the tree return but 0 and -errno. */
enum tree_result {
	TREE_WAIT = 1, /* wait for ctx->missing */
	/* Only of tree_open_write: the file is long, and its bytes must be copied first. The caller
	 * ends the snapshot, lets tree_copy_run do ctx->copy, and calls the same function again. */
	TREE_COPY,
	TREE_RESULTS, /* the first that is free for who runs them (fs/op.h) */
};

#define TREE_MAX_WAITS 8

/* A need that was waited for, and how the wait ended. */
struct tree_waited {
	struct need need;
	int error;
	/* A short wait ran out before the need was filled. If there is still nothing to answer
	 * from, the operation waits again. */
	bool gave_up;
};

struct draft;

/* The bytes that a file which is opened for writing begins with. Zeroed: none. */
struct tree_copy {
	uint64_t ino;
	struct draft *draft; /* owned; NULL: none */
	int64_t row;	     /* row of the content to copy; 0: copy `fd` */
	int fd;		     /* owned, where row is 0 */
	bool is_done;
	int error;
};

struct tree_ctx {
	struct tree *tree;
	struct store_conn *conn;
	uint64_t generation; /* of the store before conn's snapshot; 0: unknown */
	uint64_t looked;     /* pager_moment() before conn's snapshot; 0: unknown */
	/* Whether the caller, who asks for something that is known but old, is one who walks through
	 * many things and so gets what is known. NULL: no. */
	bool (*spares)(void *arg, const struct need *need);
	void *spares_arg;
	struct need missing;   /* out, with TREE_WAIT */
	bool missing_soft;     /* out: after a short wait what is known will do */
	int missing_wait_ms;   /* out, with missing_soft: how long; 0: pager_soft_wait_ms() */
	bool missing_anew;     /* out: only a fetch that begins with the wait will do */
	struct tree_copy copy; /* out, with TREE_COPY; the caller clears it at the end */
	struct tree_waited waited[TREE_MAX_WAITS];
	int n_waited;
	GArray *holds; /* of int64_t: rows of counted.h that were looked up; NULL: none */
	pid_t pid;     /* the thread that asks; 0: unknown, or nobody's request */
	char *why;     /* out, with an error: tree_refuse(); owned; NULL: nothing is said */
	int why_of;    /* `why` is of a fetch that failed with this error; 0: of a refusal */
	bool is_said;  /* out, with an error: last-error has the words already */
};

struct tree_attr {
	struct stat st;
	double attr_timeout;
};

/* What a name stands for. ino 0: there is no such name, and the kernel may remember that for
 * entry_timeout. */
struct tree_entry {
	uint64_t ino;
	double entry_timeout;
	struct tree_attr attr;
};

/*
 * The one way to refuse: returns `error` and lets it carry the words for a person, "NAME: why; what
 * to do instead". They become the last error (base/log.h) when the request is answered with an
 * error, and only then: a plan that is made again, or a look-up whose error is not passed on, says
 * nothing. An error without words gets those that fs has for the errno (fs/why.h).
 */
int tree_refuse(struct tree_ctx *ctx, int error, const char *fmt, ...) G_GNUC_PRINTF(3, 4);
/* For a ctx that no request is answered from: what was refused with it becomes the last error. */
void tree_say_why(struct tree_ctx *ctx);

/* Lets go of what was looked up with it. At the end of each ctx that looked something up. */
void tree_ctx_clear(struct tree_ctx *ctx);

/*
 * The kernel's references to a node (counted.h). tree_looked_up: an answer that names it is about to be
 * given; while the ctx that looked it up is there. tree_forget: it forgot `n`, or did not take the
 * answer. Cheap; any thread.
 */
void tree_looked_up(struct tree *t, uint64_t ino);
void tree_forget(struct tree *t, uint64_t ino, uint64_t n);

/* Notes that somebody uses the node. Cheap; any thread. */
void tree_note_use(struct tree *t, uint64_t ino);
/* True for what the mount says of itself: looking at it is no use of the mount. Any thread. */
bool tree_is_quiet(uint64_t ino);

int tree_lookup(struct tree_ctx *ctx, uint64_t parent, const char *name,
		struct tree_entry *ret_entry);
/*
 * The answer of a look-up that returned TREE_WAIT and must not wait any longer: an entry at which the
 * kernel waits in its stead (later.c). It needs no snapshot. 0 or -ENFILE.
 */
int tree_later(struct tree_ctx *ctx, uint64_t parent, const char *name,
	       struct tree_entry *ret_entry);
int tree_getattr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *ret_attr);
int tree_readlink(struct tree_ctx *ctx, uint64_t ino, char **ret_target);

/* An open directory, and the range of its listing. */
struct tree_dir {
	uint64_t ino;
	struct store_range range; /* messages */
};

/* Makes sure that everything the listing needs is known. */
int tree_opendir(struct tree_ctx *ctx, uint64_t ino, struct tree_dir *ret_dir);

/* False: the buffer is full. An entry with ino 0 has a number and a type (attr.st); its attributes are
 * not known and have to be asked for. */
typedef bool (*tree_emit)(void *arg, const char *name, const struct tree_entry *entry,
			  int64_t cookie);
/* Emits the entries after `cookie` (0: from the start) in the order of their cookies. The
 * caller adds "." and "..". */
int tree_readdir(struct tree_ctx *ctx, const struct tree_dir *dir, int64_t cookie,
		 tree_emit emit, void *arg);

/* Appends the present bytes of a generated file. */
int tree_render(struct tree_ctx *ctx, uint64_t ino, GString *out);

/* The entry of an existing node: attributes by its row. */
int tree_make_entry(struct tree_ctx *ctx, uint64_t ino, struct tree_entry *ret_entry);

/*
 * 0 if the node, or what is in the directory, may be changed at all; -EROFS for a mount that is read-only
 * and in an archive (last-error says so). `name`: of what is to be changed, or NULL. Any thread.
 */
int tree_check_change(struct tree_ctx *ctx, uint64_t ino, const char *name);

/* Cache thread: the server answered a letter with this object (outbox.h), which its session may read. */
void tree_answered(struct tree *t, const struct outbox_letter *letter, const char *json);

/* ---- questions of the fs layer ---- */
bool tree_is_post(uint64_t ino);
/* What kind of file it is, in a word for a person. Never NULL. */
const char *tree_what(uint64_t ino);
/* True if a name that is made in the directory is somebody's who is invited (tree_plan_invite). */
bool tree_invites(uint64_t dir);
/* True if all changes of the directory's listing pass through tree_on_changes. */
bool tree_dir_is_told(uint64_t ino);
/* Where a program walks that opens this directory: > 0: the space that it belongs to; 0: it is a list
 * of spaces or people; -1: neither. */
int64_t tree_walked(uint64_t dir);
/* True for the forms of a message. */
bool tree_is_message(uint64_t ino);
/* True for files with the bytes of a content, whose number they have (attach/attach.h). */
bool tree_is_content(uint64_t ino);
/* True for files whose readers fs notes, in case they remove the file (fs/rm_guard.h). */
bool tree_is_watched(uint64_t ino);
/* True for what only the owner of all files and who made the mount may open or change, also where the kernel
 * would let root. */
bool tree_is_private(struct tree *t, uint64_t ino);
/* True for spaces and the directories in them, in which a program that walks them may not
 * delete. */
bool tree_guards_deletion(uint64_t dir);
