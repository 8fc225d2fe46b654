/* SPDX-License-Identifier: MIT */
/*
 * The mount: libfuse's session, its worker threads and the notifier. Its life: fs_new (nothing
 * is mounted), fs_mount, fs_run until it is unmounted or fs_exit is called, fs_unmount, [the
 * owner stops loop and queues], fs_free.
 * Thread rule: the main thread, except fs_exit (any thread) and fs_on_changes, fs_on_event
 * (cache thread).
 */
#pragma once

#include <glib.h>

#include "base/work.h"
#include "tree/tree.h"

struct fs;
struct http_loop;
struct fuse_args;
struct fuse_lowlevel_ops;

/*
 * A layer above the handlers, which gets each request first and is told of each change
 * (inotify/mirror.h). Main thread, except `is_own` and `changes`.
 */
struct fs_above {
	/* Returns the operations to mount with; `below` answers the requests that it passes on.
	 * Called before the mount. */
	const struct fuse_lowlevel_ops *(*wrap)(const struct fuse_lowlevel_ops *below);
	/* Called when the mount is made, before the first request. 0 and *ret, which the other
	 * functions get; or -errno. */
	int (*start)(struct fs *fs, const char *mountpoint, void **ret);
	/* True if a request of this process is the layer's own: nobody uses the mount by it. Any
	 * thread. */
	bool (*is_own)(const void *above, pid_t pid);
	void (*changes)(void *above, GPtrArray *changes); /* cache thread */
	/* Called at the end, in this order: when no worker answers requests; when no notifier
	 * runs; when the kernel's connection is gone. */
	void (*quit)(void *above);
	void (*join)(void *above);
	void (*free)(void *above);
};

struct fs_config {
	struct tree *tree;
	struct store *store;
	struct pager *pager;
	struct outbox *outbox;
	struct contents *contents;
	struct work_queue *queue; /* the cache thread */
	struct http_loop *loop;	  /* NULL: nothing is kept waiting by its gate (tests) */
	const struct clock *clock;
	const char *state_dir;
	bool read_only;
	bool recursive_delete;
	bool checks_modes;	      /* the kernel does not (main/options.h) */
	const struct fs_above *above; /* NULL: none */
	uid_t uid;		      /* the owner of all files */
	gid_t gid;
	bool debug;	      /* libfuse's -d */
	unsigned max_threads; /* 0 = according to the processors, 3 to 10 */
	/* Without the time in which the gate keeps requests waiting (waits.h). */
	int lookup_timeout_ms; /* a parked look-up; 0 = 5000 */
	int close_timeout_ms;  /* a close that delivers; 0 = 60000 */
};

/* `args`: libfuse's own options (argv[0] first), borrowed for the call. -EINVAL: libfuse
 * refused one (it said so on stderr). */
int fs_new(const struct fs_config *config, struct fuse_args *args, struct fs **ret_fs);
/* 0 or -errno. Installs handlers: SIGTERM, SIGINT, SIGHUP end fs_run; SIGPIPE is ignored. */
int fs_mount(struct fs *fs, const char *mountpoint);
/* Serves until it is unmounted or told to end. 0; -ECONNABORTED: the connection was aborted
 * from outside and the dead mount is still there (fs_unmount removes it); -errno. `ready` (may
 * be NULL) is called when the first request can be answered. */
int fs_run(struct fs *fs, void (*ready)(void *arg), void *arg);
void fs_exit(struct fs *fs);
/* Answers all parked operations (-ESHUTDOWN) and ends the kernel's mount. No callback comes
 * after it. */
void fs_unmount(struct fs *fs);
void fs_free(struct fs **fs);

/* The on_changes of pager, outbox and tree: tells the kernel. */
void fs_on_changes(struct fs *fs, GPtrArray *changes);
/* The on_event of the store: tells the readers of the stream when the kernel was told of the
 * change. */
void fs_on_event(struct fs *fs);
