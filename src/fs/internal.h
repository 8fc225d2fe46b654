/* SPDX-License-Identifier: MIT */
/*
 * Inside of the fs layer: the session object and open files. The only layer (with main) that
 * knows libfuse.
 */
#pragma once

#define FUSE_USE_VERSION 314

#include <fuse_lowlevel.h>
#include <glib.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/share.h"
#include "fs/answers.h"
#include "fs/connection.h"
#include "fs/events.h"
#include "fs/fate.h"
#include "fs/rm_guard.h"
#include "fs/handles.h"
#include "fs/notify.h"
#include "fs/session.h"
#include "fs/snapshots.h"
#include "fs/walkers.h"
#include "fs/will.h"
#include "fs/caller.h"
#include "tree/change.h"
#include "tree/invalidate.h"
#include "tree/read.h"
#include "tree/write.h"

/*
 * What is kept in memory for files that are open: texts that are read as they were at open
 * (snapshots.h), lines of events. All together have at most so many bytes, and a process as many as
 * are left for others (base/share.h): so whoever opens without end is refused (ENFILE), and not the
 * next who wants to know why.
 */
#define OPEN_BYTES_MAX (64 * 1024 * 1024)
/* What an unsent letter that is open counts: it needs a descriptor, of which there may be few left, and
 * 64 of them are given to whoever looks what was not sent. */
#define OPEN_LETTER_BYTES (OPEN_BYTES_MAX / 64)
/* What an open file of api/ counts: as much of its answer is read ahead (ASKED_AHEAD). */
#define OPEN_ANSWER_BYTES (OPEN_BYTES_MAX / 64)

struct op;

struct fs {
	struct fs_config config; /* never changes after fs_new */
	struct fuse_session *session;
	struct notifier *notifier; /* set before the loop runs; exists until fs_free */
	struct rm_guard *rm_guard;
	struct walkers *walkers;
	void (*ready)(void *arg);
	void *ready_arg;
	bool is_mounted; /* main thread; the cache thread reads it between mount and unmount */
	struct connection connection; /* set before the loop runs */
	struct will will;	      /* main thread */
	int will_error;		   /* -errno if there is no `will`; set before the loop runs */
	atomic_bool init_answered; /* set below libfuse 3.17 only */
	pthread_t main_thread;	   /* set before the signals' thread starts */
	atomic_bool is_asked;	   /* a signal asked us to end */
	atomic_bool loop_ended;
	struct handles *files;	  /* of struct handle */
	struct handles *dirs;	  /* of struct dir_handle */
	struct share *open_bytes; /* OPEN_BYTES_MAX */
	struct snapshots *snapshots;
	struct local_files *local;
	struct work_queue *copies; /* copies of long files (op.c); between mount and unmount */
	void *above;		   /* config.above's; NULL: none. Set before the loop runs */
	struct fs_polls polls;
	atomic_uint replies; /* orders what replies access before what a release frees; wraps */
	GQueue parked;	     /* of struct op.link; cache thread */
	bool stopping;	     /* cache thread */
	char *waits_said;    /* cache thread; waits.c: owned; NULL: nothing is said */
	int64_t waits_said_ms;	  /* cache thread; mono */
	int64_t waits_turn_ms;	  /* cache thread; how long that said it takes */
	atomic_bool linger_armed; /* linger.c: its timer is set */
};

enum handle_what { HANDLE_READ, HANDLE_WRITE };
enum handle_emptied { HANDLE_HAS_TEXT, HANDLE_EMPTIED_AT_OPEN, HANDLE_EMPTIED_LATER };

/*
 * An open file: fi->fh. Made by open or create, dropped by release. Its fields do not change
 * after that, but for the draft and its writer, which have a lock of their own, and
 * what is atomic. A message that is open for reading has none: fh is 0.
 */
struct handle {
	enum handle_what what;
	uint64_t ino;
	/* reading */
	enum tree_read_from from;
	struct pending *pending;
	struct fs_snapshot *snapshot;
	int letter;	     /* the bytes of an unsent letter, which may be large; -1: none */
	pid_t letter_reader; /* with letter: the process that it counts for */
	bool content_counted;
	struct events_reader *events; /* NULL: it is no stream */
	struct answer_slot answer;    /* of a file of api/ */
	bool answer_counted;	      /* OPEN_ANSWER_BYTES, for `opener` */
	bool is_watched;	      /* counted in rm_guard.h, by `opener` */
	int64_t size;		      /* with is_watched: the size at open */
	/* writing */
	struct tree_write write;
	pid_t opener; /* thread group; 0: unknown */
	char comm[WRITER_COMM_SIZE];
	/* What its text counts of OPEN_BYTES_MAX, for `opener`. */
	_Atomic int64_t text_bytes;
	/* A process that was dying of a signal closed it while the draft was dirty. */
	atomic_bool taints;
	/* -errno of a write that was refused since the last commit; 0: none */
	atomic_int refused;
	/* Of a close or fsync that sent something and was interrupted (fate.h); NULL: none. */
	_Atomic(struct fate *) left;
	/* The text of a message was cut to nothing, by the open or by ftruncate, and nothing was
	 * written since. Between an open that cuts and the write a shell closes a descriptor. */
	atomic_int emptied; /* enum handle_emptied */
};

/* An open directory: fi->fh. */
struct dir_handle {
	struct tree_dir dir;
	pid_t opener;
};

static inline struct fs *fs_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static inline struct fuse_entry_param fs_entry_param(const struct tree_entry *e)
{
	return (struct fuse_entry_param){.ino = e->ino,
					 .attr = e->attr.st,
					 .attr_timeout = e->attr.attr_timeout,
					 .entry_timeout = e->entry_timeout};
}

/*
 * The kernel releases a file only when its other requests for the file were answered. That
 * order goes through the kernel, where neither the memory model nor ThreadSanitizer see it. So
 * fs_before_reply precedes every reply to a request that used a handle, and a release begins
 * with fs_after_replies. Any thread.
 */
static inline void fs_before_reply(struct fs *fs)
{
	atomic_fetch_add_explicit(&fs->replies, 1, memory_order_release);
}

static inline void fs_after_replies(struct fs *fs)
{
	atomic_load_explicit(&fs->replies, memory_order_acquire);
}

/* True for files whose readers are noted, in case they remove the file later (rm_guard.h). For
 * messages only with recursive_delete: without it no program that moves things may remove a
 * message anyway. */
bool fs_watches_reads(const struct fs *fs, uint64_t ino);
struct handle *handle_new(struct fs *fs, enum handle_what what, uint64_t ino);
void handle_free(struct fs *fs, struct handle *h);
/* In handle.c. Notes who reads the file, for when he removes it. */
void handle_watch(struct op *op, struct handle *h);
/* Notes that this thread opened the file for writing. */
void handle_join(struct handle *h, pid_t pid);

/* At unmount, when no worker is left: moves what was being written to unsent/. */
void fs_keep_open_drafts(struct fs *fs);
void fs_close_dirs(struct fs *fs);
/* invalidate.c: tells the kernel; cache thread. */
struct tree_invalidate fs_invalidate(struct fs *fs);
/* What is only here (tree/pending.h) has changed in the directory, or in the space whose files/ it is.
 * No change of the store says so. Any thread. */
void fs_local_changed(struct fs *fs, uint64_t dir);
/* After a look-up that gave a name without a lasting row; any thread. */
void fs_drop_names(struct fs *fs);
/* In linger.c. Called after a close of a file that may wait here from now on. Any thread. */
void fs_linger(struct fs *fs);

/* handlers, by file */
/* inodes.c */
void fs_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void fs_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void fs_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		struct fuse_file_info *fi);
void fs_readlink(fuse_req_t req, fuse_ino_t ino);
void fs_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void fs_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void fs_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void fs_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
	       const char *newname, unsigned int flags);
/* dirs.c */
void fs_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void fs_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		struct fuse_file_info *fi);
void fs_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi);
void fs_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
/* files.c */
void fs_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void fs_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
/* events.c */
void fs_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi,
	     struct fuse_pollhandle *ph);
/* modes.c */
void fs_access(fuse_req_t req, fuse_ino_t ino, int mask);
/* create.c */
void fs_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	       struct fuse_file_info *fi);
/* writes.c */
void fs_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
	      struct fuse_file_info *fi);
void fs_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void fs_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void fs_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
