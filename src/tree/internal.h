/* SPDX-License-Identifier: MIT */
/*
 * Inside of the tree: the row of the table, and what the files of this folder share.
 */
#pragma once

#include "base/names.h"
#include "tree/answers.h"
#include "tree/asked.h"
#include "tree/counted.h"
#include "tree/pending.h"
#include "tree/replaced.h"
#include "tree/transcript.h"
#include "tree/tree.h"
#include "tree/change.h"
#include "tree/invalidate.h"
#include "tree/read.h"
#include "tree/write.h"

/* For what the kernel is told each change of (design 4). */
#define TIMEOUT_LONG 3600.0
/* For what only our own polls would notice. */
#define TIMEOUT_SHORT 1.0

struct tree {
	struct tree_config config; /* strings owned by the tree; never changes */
	struct pendings *pendings;
	struct transcripts *transcripts;
	struct replaced *replaced;
	struct counted *counted;
	struct answers *answers;
	struct askeds *askeds;
	int64_t started_wall_ms;
	bool is_shut;	/* cache thread */
	GQueue looking; /* cache thread; of struct submission.link */
	GQueue telling; /* cache thread; of struct telling (stays.c), the oldest first */
};

enum tree_row_flags {
	ROW_LISTED = 1,	   /* readdir shows it */
	ROW_VOLATILE = 2,  /* the kernel asks for its attributes every time */
	ROW_POST = 4,	   /* size 0, direct I/O, reads empty */
	ROW_DIRECT_IO = 8, /* read as it was at open; its size is not exact */
	ROW_MESSAGE = 32,  /* a form of a message; its number is the message's */
	ROW_QUIET =
		64, /* what the mount says of itself: looking at it is no use of the mount */
	ROW_OF_SPACE = 128, /* looking at it is a use of the space that has its number */
	ROW_TOLD = 256,	    /* a directory whose changes the kernel is told of */
	ROW_WATCHED = 512,  /* who reads it is noted, for when he removes it (fs/rm_guard.h) */
	ROW_SHIFTS = 16,    /* its names pass from one file to another: the kernel asks for each
			  * every time */
	ROW_COUNTED = 1024, /* its row is a number of counted.h, and no row of the store */
	ROW_LIST = 2048, /* a list of spaces or people, with which a program begins that walks
			  * through them */
	ROW_SEALED = 32768,    /* nobody writes, renames or removes it, nor anything in it */
	ROW_TRANSCRIPT = 4096, /* read as transcript.h holds it */
	ROW_CONTENT = 8192, /* its bytes are attach/attach.h's; its number is the content's */
	ROW_INVITES = 1 << 20, /* who makes a name in it invites the person who has it */
	ROW_NAMED = 16384,     /* a listing tells its name alone, since its attributes may cost
				* a request that can fail */
	ROW_PRIVATE =
		65536, /* 0600 or 0700, whatever the umask of the mount; root is let in only
			      * where it is the owner of all files or made the mount */
};

/* One kind of file. Hooks may be NULL. */
struct tree_row {
	enum tree_kind kind;
	const char *what;      /* for the log */
	enum tree_kind parent; /* the kind of the directory with `name`, whose row has the same
			        * number; TREE_NONE: not a fixed name */
	const char *name;
	mode_t mode;	       /* type and permissions before the umask */
	unsigned flags;	       /* tree_row_flags */
	enum letter_form form; /* of what is written to it */
	/* 0 if the file is there now, -ENOENT if not (fixed names that come and go). */
	int (*exists)(struct tree_ctx *ctx, uint64_t ino);
	/* 0 if a listing shows it, -ENOENT if not, for a fixed name that can be looked up all
	 * the same. opendir has made sure that this needs nothing. */
	int (*listed)(struct tree_ctx *ctx, uint64_t ino);
	/* Looks up names other than the fixed ones; ret_entry->ino 0: there is none. */
	int (*lookup)(struct tree_ctx *ctx, uint64_t dir, const char *name,
		      struct tree_entry *ret_entry);
	/* Makes sure that everything is known that a listing needs. */
	int (*opendir)(struct tree_ctx *ctx, struct tree_dir *dir);
	/* Emits the entries other than the fixed ones, with cookies above STORE_COOKIE_MIN. */
	int (*readdir)(struct tree_ctx *ctx, const struct tree_dir *dir, int64_t cookie,
		       tree_emit emit, void *arg);
	/* Sets size, times and mode where they differ from the defaults. */
	int (*attr)(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr);
	/* Makes sure that everything is fresh that reading needs. */
	int (*open)(struct tree_ctx *ctx, uint64_t ino);
	int (*render)(struct tree_ctx *ctx, uint64_t ino, GString *out);
	int (*readlink)(struct tree_ctx *ctx, uint64_t ino, char **ret_target);
};

/* NULL for a number that is no kind, since the kernel and NFS may ask for any. */
const struct tree_row *tree_row(uint64_t ino);
static inline bool tree_has(uint64_t ino, unsigned flag)
{
	const struct tree_row *row = tree_row(ino);

	return row && row->flags & flag;
}
/* The fixed child of that name, or NULL. */
const struct tree_row *tree_fixed_child(enum tree_kind parent, const char *name);
/* The i-th row of the table, NULL past its end. */
const struct tree_row *tree_row_at(size_t i);

/* 0: go on with the store as it is; TREE_WAIT; -errno. `have`: the store has a complete older
 * version. */
int tree_need(struct tree_ctx *ctx, const struct need *need, bool have);
/* As tree_need for what the caller does not have and what may be dropped again (bodies, bytes):
 * what came and was dropped before the operation could use it is fetched again. 0: it came some
 * times, and yet is not there. */
int tree_need_kept(struct tree_ctx *ctx, const struct need *need);
/* As tree_need, but only a fetch that begins from now on will do: before something is destroyed,
 * what was seen a moment ago is not enough. */
int tree_need_anew(struct tree_ctx *ctx, const struct need *need);
/*
 * Needs again what was verified at wall time `verified_ms`, if that is more than `age_ms` ago, by whoever
 * it is asked for: without this, what a program copies in a short mount each night would be the old for
 * ever. What is known will do if the server cannot be reached, fails, or is slow. 0 or TREE_WAIT.
 */
int tree_need_verified(struct tree_ctx *ctx, const struct need *need, int64_t verified_ms,
		       int64_t age_ms);
/* The same for a look-up by name, which needs no list again that lacked the name a moment ago. */
static inline int tree_need_for_name(struct tree_ctx *ctx, const struct need *need, bool have)
{
	return have && pager_lacks_for_now(ctx->tree->config.pager, need)
		       ? 0
		       : tree_need(ctx, need, have);
}
bool tree_has_waited(const struct tree_ctx *ctx, const struct need *need);
int tree_need_row(struct tree_ctx *ctx, enum need_kind kind, int64_t row, bool have);
int tree_need_key(struct tree_ctx *ctx, enum need_kind kind, const char *key, bool have);

/* The number of a name without a lasting row (counted.h); it is held until tree_ctx_clear(), so that it
 * can be given to the kernel, under `name` in `dir`. 0 or -ENFILE. */
int tree_hold(struct tree_ctx *ctx, enum tree_kind kind, const char *key, uint64_t dir,
	      const char *name, int64_t *ret_row);
void tree_no_entry(struct tree_entry *ret_entry, double timeout);
/* For lookup hooks: gives the entry if r is 0, "no such name" if r is -ENOENT, and else returns
 * r. */
int tree_entry_or_none(struct tree_ctx *ctx, int r, uint64_t ino, double none_timeout,
		       struct tree_entry *ret_entry);
/* The attributes by its row alone, for which the kernel asks again when a program wants them. */
void tree_plain_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *ret_attr);
void tree_set_times(struct tree_attr *attr, int64_t ms);
void tree_set_size(struct tree_attr *attr, int64_t size);
/* Sets the size to that of what the render hook gives. */
int tree_attr_by_render(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr);
/* The same, and the time to now: for what is rendered anew each time it is read. */
int tree_attr_of_now(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr);
/* Emits the name and the type of node `ino`, for which the kernel asks when a program wants more. */
bool tree_emit_name(tree_emit emit, void *arg, const char *name, uint64_t ino, int64_t cookie);
/* Emits the entry of node `ino`; its name alone where its attributes need something. */
bool tree_emit_ino(struct tree_ctx *ctx, tree_emit emit, void *arg, const char *name,
		   uint64_t ino, int64_t cookie, int *ret_error);

/* Loads a live room; -ENOENT for tombstones, too. */
int tree_room(struct tree_ctx *ctx, int64_t row, struct store_room *ret_room);
/* Needs the news of all spaces (pager/present/poll.h), which whoever looks at the present waits
 * for first. Does nothing if polls are off. */
int tree_need_poll(struct tree_ctx *ctx);
/* Needs the news of the room's messages, as whoever looks at its present does. `have`: what is
 * known will do if they do not come. */
int tree_need_news(struct tree_ctx *ctx, int64_t room, bool have);
/* Needs every message with lo_ms < created <= hi_ms; above the head there is none. */
int tree_need_interval(struct tree_ctx *ctx, int64_t room, int64_t lo_ms, int64_t hi_ms);
/* Needs the newest month of it that was verified too long ago verified. */
int tree_verify_interval(struct tree_ctx *ctx, int64_t room, int64_t lo_ms, int64_t hi_ms);
/* Loads a live message with its body. */
int tree_message(struct tree_ctx *ctx, int64_t row, struct store_message *ret_message);
enum tree_kind tree_kind_of_twin(enum name_twin twin);

/* The month that a directory, link or transcript stands for. */
struct tree_month {
	int64_t room;
	int month;	      /* base/timefmt.h */
	int64_t lo_ms, hi_ms; /* lo < created <= hi */
};
int tree_month_get(struct tree_ctx *ctx, uint64_t ino, struct tree_month *ret_month);
/* The messages of the month. */
struct store_range tree_month_range(const struct tree_month *m);

/* ---- the rows, each in the file that has their hooks; kinds.c joins them ---- */
extern const struct tree_row events_rows[];
extern const struct tree_row spaces_rows[];
extern const struct tree_row direct_rows[];
extern const struct tree_row people_rows[];
extern const struct tree_row control_rows[];
extern const struct tree_row transfers_rows[];
extern const struct tree_row readme_rows[];
extern const struct tree_row history_rows[];
extern const struct tree_row transcript_file_rows[];
extern const struct tree_row files_rows[];
extern const struct tree_row messages_rows[];
extern const struct tree_row cards_rows[];
extern const struct tree_row attachment_rows[];
extern const struct tree_row archive_rows[];
extern const struct tree_row mentions_rows[];
extern const struct tree_row later_rows[];
extern const struct tree_row threads_rows[];
extern const struct tree_row thread_rows[];
extern const struct tree_row teams_rows[];
extern const struct tree_row api_rows[];
extern const struct tree_row webhooks_rows[];
#define ROWS_END                                                                               \
	{                                                                                      \
		.kind = TREE_NONE                                                              \
	}
/* Before the umask of the mount, which takes the same from everything. */
#define DIR_RO (S_IFDIR | 0555)
#define DIR_RW (S_IFDIR | 0777)
#define FILE_RO (S_IFREG | 0444)
#define FILE_RW (S_IFREG | 0666)
#define LINK (S_IFLNK | 0777)

/* ---- functions that several files use, by file ---- */
/* spaces.c */
int spaces_lookup(struct tree_ctx *ctx, uint64_t dir, const char *name,
		  struct tree_entry *ret_entry);
int spaces_opendir(struct tree_ctx *ctx, struct tree_dir *dir);
int spaces_readdir(struct tree_ctx *ctx, const struct tree_dir *dir, int64_t cookie,
		   tree_emit emit, void *arg);
int space_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr);
int space_json_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr);
int space_json_render(struct tree_ctx *ctx, uint64_t ino, GString *out);
/* teams.c */
/* Needs the list of teams. */
int teams_need(struct tree_ctx *ctx, bool is_listing);
/* people.c */
int members_lookup(struct tree_ctx *ctx, uint64_t dir, const char *name,
		   struct tree_entry *ret_entry);
int members_opendir(struct tree_ctx *ctx, struct tree_dir *dir);
int members_readdir(struct tree_ctx *ctx, const struct tree_dir *dir, int64_t cookie,
		    tree_emit emit, void *arg);
/* messages.c */
int message_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr);
int message_open(struct tree_ctx *ctx, uint64_t ino);
int message_render(struct tree_ctx *ctx, uint64_t ino, GString *out);
int space_opendir(struct tree_ctx *ctx, struct tree_dir *dir);
/* Emits those messages of dir->range with a cookie above `cookie` that `list` gives. */
typedef int (*messages_list)(struct store_conn *c, const struct store_range *range,
			     bool (*fn)(void *arg, const struct store_brief *brief), void *arg);
int messages_emit(struct tree_ctx *ctx, const struct tree_dir *dir, int64_t cookie,
		  messages_list list, tree_emit emit, void *arg);
/* The messages of dir->range. */
int messages_readdir(struct tree_ctx *ctx, const struct tree_dir *dir, int64_t cookie,
		     tree_emit emit, void *arg);
/* thread.c */
/* The thread with this row, or the one that it stands for. -ENOENT. */
int tree_thread(struct tree_ctx *ctx, int64_t row, struct store_thread *ret_thread);
/* True if the number of the node is that of a thread. */
bool tree_is_of_thread(uint64_t ino);
int thread_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr);
/* Needs the root, or that it cannot be had: then the thread has a name. */
int thread_need_root(struct tree_ctx *ctx, const struct store_thread *t);
/* Needs all replies; dir->range is that of the thread. For any node of the thread. */
int thread_opendir(struct tree_ctx *ctx, struct tree_dir *dir);
/* Needs the bodies that were dropped, as `conn` sees it. */
int thread_need_bodies(struct tree_ctx *ctx, struct store_conn *conn,
		       const struct store_range *range);
/* threads.c */
/* True if the name has the form of a message's stem. */
bool threads_is_stem(const char *name);
/* The node that has this name in threads/: the directory of a thread, or, for a reply, a link. 0, -ENOENT,
 * TREE_WAIT or -errno. */
int threads_find(struct tree_ctx *ctx, int64_t room, const char *stem, size_t len,
		 uint64_t *ret_ino);
int threads_opendir(struct tree_ctx *ctx, struct tree_dir *dir);
/* mentions.c */
/* The name of a message's link among the mentions of all spaces. Owned. */
char *mention_link_name(const char *stem, enum webex_room_type type, const char *room_name,
			int64_t row);
/* files.c */
/* Needs the names of the attachments of dir->range. */
int files_need_names(struct tree_ctx *ctx, const struct tree_dir *dir);
/* history.c */
/* The directory of a space's months, whichever kind of month it has. */
int history_lookup(struct tree_ctx *ctx, uint64_t dir, const char *name,
		   struct tree_entry *ret_entry);
int history_opendir(struct tree_ctx *ctx, struct tree_dir *dir);
int history_readdir(struct tree_ctx *ctx, const struct tree_dir *dir, int64_t cookie,
		    tree_emit emit, void *arg);
/* Finds the message with this stem in the month. 0, TREE_WAIT, -errno; -ENOENT: there is none. */
int month_find_message(struct tree_ctx *ctx, uint64_t dir, const char *name, size_t stem_len,
		       int64_t *ret_row);
int month_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr);
int month_opendir(struct tree_ctx *ctx, struct tree_dir *dir);
/* transcript_file.c */
int view_link_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr);
int month_link_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr);
int transcript_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr);
int transcript_open(struct tree_ctx *ctx, uint64_t ino);
/* transfers.c */
struct content_transfer;
/* The transfers under way (of struct content_transfer), each with its name. Owned. */
GArray *transfers_list(struct tree_ctx *ctx);
/* Bytes a second. */
int64_t transfer_rate(const struct content_transfer *t);
/* remove.c */
/* 0 if the plan's attachment may be removed with its message `reply`, which is as the server
 * has it now; else -EPERM. */
int tree_remove_check(struct tree *t, const struct tree_plan *plan,
		      const struct webex_message *now);
/* write_submit.c */
/* Plans to send the unsent letter `n` as the answer to the card of `ino`, a .submit.json. */
int tree_plan_resubmit(struct tree_ctx *ctx, int64_t n, uint64_t ino, struct tree_plan *plan);
/* refuse.c: refusals that several files make. Each returns its error. */
/* -EINVAL, or -ENAMETOOLONG: a name that would not come back as typed. */
int tree_refuse_name(struct tree_ctx *ctx, const char *name);
int tree_refuse_length(struct tree_ctx *ctx, const char *name);
/* -EPERM: the folder of a file manager's bin. */
int tree_refuse_trash(struct tree_ctx *ctx, const char *name);
/* -EACCES: a file that is never written to. */
int tree_refuse_write(struct tree_ctx *ctx, uint64_t ino);
/* `error` of the need, with the words of the fetch that failed: an operation may be answered so without
 * having waited for it. An absence needs none. */
int tree_refuse_failed(struct tree_ctx *ctx, const struct need *need, int error);
/* -EPERM: a new file in api/. */
int tree_refuse_api(struct tree_ctx *ctx);
/* -EPERM: a new file in a month. */
int tree_refuse_month(struct tree_ctx *ctx, const char *name);
/* -EROFS. */
int tree_refuse_read_only(struct tree_ctx *ctx);
/* `error`: that of server_known_error(). */
int tree_refuse_server(struct tree_ctx *ctx, int error);
/* destination.c */
/* Fills in the space; -EACCES if the account can only read it. */
int tree_aim_at_room(struct tree_ctx *ctx, int64_t row, struct destination *ret);
/* write_check.c: 0, an error that the server is known to answer with, or TREE_WAIT; so only for
 * requests that can wait. */
/* A letter to `to`. */
int tree_check_may_send(struct tree_ctx *ctx, const struct destination *to);
/* A change of space.json. */
int tree_check_may_change(struct tree_ctx *ctx, int64_t row);
/* attachment.c */
/* 0 if a new file may have this name. -EINVAL: it would not come back as typed; -EPERM: it has
 * the form of a message's name. */
int tree_check_file_name(struct tree_ctx *ctx, const char *name);
/* True if `dir` does not show this attachment because it is being replaced (replaced.h). */
bool upload_is_hidden(struct tree_ctx *ctx, uint64_t dir, int64_t row);
/* The directory under which files that are written in `dir` are kept, its home: a space and its files/
 * share them, and so do a thread and its files/. */
uint64_t upload_dir(uint64_t dir);
/* The files/ of a home; 0: it has none, and nothing is sent from it. */
uint64_t upload_files(uint64_t home);
/* The space of the directory; 0: it is in none. */
int64_t upload_room(struct tree_ctx *ctx, uint64_t dir);
/* The newest attachment of this name in the space, or in the thread. -ENOENT. */
int upload_find(struct tree_ctx *ctx, uint64_t dir, const char *name,
		struct store_content *ret_content);
/* The thread that the attachment was sent to as a reply; 0: none. */
int64_t upload_thread(struct tree_ctx *ctx, const struct store_content *content);
/* The row of the file of this name in `dir` that is being written or is scratch; 0: there is
 * none. */
int64_t upload_pending(struct tree_ctx *ctx, uint64_t dir, const char *name);
/* The file with this row that is being written, with or without a name; a reference, or NULL. */
struct pending *upload_held(struct tree_ctx *ctx, int64_t row);
int upload_lookup(struct tree_ctx *ctx, uint64_t dir, const char *name,
		  struct tree_entry *ret_entry);
/* True if no newer attachment of the space, or of the thread that it was sent to, has its name. */
bool upload_is_newest(struct tree_ctx *ctx, const struct store_content *content);
/* 0 if writing to the content, called `name`, may make a newer version; -EPERM for an older
 * version. */
int upload_check_newest(struct tree_ctx *ctx, const struct store_content *content,
			const char *name);
/* The size that stat shows of a content. */
void upload_set_size(struct tree_ctx *ctx, struct tree_attr *attr,
		     const struct store_content *content);
/* Prepares opening: needs the first bytes of a content whose length is not proven. */
int upload_open(struct tree_ctx *ctx, uint64_t ino);
/* The caller of these two has called contents_open(). 0: all bytes are here. */
int upload_need_all(struct tree_ctx *ctx, int64_t row, int64_t size);
int upload_read(struct tree_ctx *ctx, int64_t row, void *buf, size_t len, int64_t offset,
		size_t *ret_n);
