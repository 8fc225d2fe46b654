/* SPDX-License-Identifier: MIT */
#include "fs/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/thread.h"
#include "outbox/local_file.h"
#include "fs/op.h"
#include "fs/shut.h"

#define LOOKUP_TIMEOUT_MS 5000
#define CLOSE_TIMEOUT_MS 60000
#define WORKERS_MIN 3
#define WORKERS_MAX 10

/* ---- INIT ---- */

/* Asks for a feature of the kernel, if it offers it, or not. */
static void want(struct fuse_conn_info *conn, uint32_t feature, bool is_wanted)
{
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 18)
	/* From 3.17 on `conn->want` is deprecated. */
	if (is_wanted)
		fuse_set_feature_flag(conn, feature);
	else
		fuse_unset_feature_flag(conn, feature);
#else
	if (is_wanted)
		conn->want |= conn->capable & feature;
	else
		conn->want &= ~feature;
#endif
}

static void fs_init(void *userdata, struct fuse_conn_info *conn)
{
	struct fs *fs = userdata;

	/* With it a killed reader sends no INTERRUPT (design 3). */
	want(conn, FUSE_CAP_ASYNC_READ, false);
	/* With it nobody would notice a failing write (platform.md 2). */
	want(conn, FUSE_CAP_WRITEBACK_CACHE, false);
	want(conn, FUSE_CAP_SPLICE_READ, false);
	want(conn, FUSE_CAP_SPLICE_WRITE, false);
	want(conn, FUSE_CAP_SPLICE_MOVE, false);
	/* Without it a process that waits behind a parked look-up could not be killed. */
	want(conn, FUSE_CAP_PARALLEL_DIROPS, true);
#ifdef FUSE_CAP_OVER_IO_URING
	/* With it a parked request keeps its place in a ring that has few (platform.md 7). */
	want(conn, FUSE_CAP_OVER_IO_URING, false);
#endif
	conn->time_gran = 1000000;
	if (fs->ready)
		fs->ready(fs->ready_arg);
	if (fs->will_error)
		log_info("fuse", "should sparkfs be killed, whoever waits for it may hang: %s",
			 fs->will_error == -ENOENT ? "no control files of FUSE are there"
						   : strerror(-fs->will_error));
}

#if FUSE_VERSION < FUSE_MAKE_VERSION(3, 17)
/*
 * libfuse below 3.17 never sets the flag for parallel directory operations in its answer to INIT.
 * The first answer of a connection is that to INIT, and the flag is added to it here.
 */
static ssize_t io_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	struct fs *fs = userdata;

	if (!atomic_exchange(&fs->init_answered, true) && count == 2 &&
	    iov[1].iov_len >= offsetof(struct fuse_init_out, flags) + sizeof(uint32_t)) {
		struct fuse_init_out *out = iov[1].iov_base;

		out->flags |= FUSE_PARALLEL_DIROPS;
	}
	return writev(fd, iov, count);
}

static ssize_t io_read(int fd, void *buf, size_t len, void *userdata)
{
	(void)userdata;
	return read(fd, buf, len);
}

static int add_parallel_dirops(struct fs *fs)
{
	static const struct fuse_custom_io io = {.writev = io_writev, .read = io_read};
	int r = fuse_session_custom_io(fs->session, &io, fuse_session_fd(fs->session));

	if (r)
		fuse_log(FUSE_LOG_ERR,
			 "libfuse %s has no custom I/O, which is needed below 3.17: %s\n",
			 fuse_pkgversion(), strerror(-r));
	return r;
}
#else
/* The library does it itself, and may be built without custom I/O (platform.md 7). */
static int add_parallel_dirops(struct fs *fs)
{
	(void)fs;
	return 0;
}
#endif

/* ---- requests without an op ---- */

static void fs_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	tree_forget(fs_of(req)->config.tree, ino, nlookup);
	fuse_reply_none(req);
}

static void fs_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++)
		tree_forget(fs_of(req)->config.tree, forgets[i].ino, forgets[i].nlookup);
	fuse_reply_none(req);
}

/* The answer is constant, since df must not cause requests. */
static void fs_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs vfs = {
		.f_bsize = 4096,
		.f_frsize = 4096,
		.f_blocks = 1 << 28,
		.f_bfree = 1 << 28,
		.f_bavail = 1 << 28,
		.f_files = 1 << 28,
		.f_ffree = 1 << 28,
		.f_favail = 1 << 28,
		.f_namemax = 255,
	};

	(void)ino;
	fuse_reply_statfs(req, &vfs);
}

static void fs_symlink(fuse_req_t req, const char *link, fuse_ino_t parent, const char *name)
{
	(void)link;
	(void)parent;
	/* What emacs and others lock a file with; they go on without. */
	if (g_str_has_prefix(name, ".#"))
		fuse_reply_err(req, EPERM);
	else
		fs_refuse(req, -EPERM,
			  "%s: no links can be made here; to send the file itself, cp -L it",
			  name);
}

static void fs_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t newparent, const char *newname)
{
	(void)ino;
	(void)newparent;
	fs_refuse(req, -EPERM,
		  "%s: nothing here has two names: rename a file to it, or copy it", newname);
}

static void fs_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		     dev_t dev)
{
	(void)parent;
	(void)mode;
	(void)dev;
	fs_refuse(req, -EPERM,
		  "%s: only files are sent: no pipes, devices or sockets can be made here",
		  name);
}

static const struct fuse_lowlevel_ops ops = {
	.init = fs_init,
	.lookup = fs_lookup,
	.forget = fs_forget,
	.forget_multi = fs_forget_multi,
	.getattr = fs_getattr,
	.setattr = fs_setattr,
	.readlink = fs_readlink,
	.mknod = fs_mknod,
	.mkdir = fs_mkdir,
	.unlink = fs_unlink,
	.rmdir = fs_rmdir,
	.symlink = fs_symlink,
	.rename = fs_rename,
	.link = fs_link,
	.open = fs_open,
	.read = fs_read,
	.write = fs_write,
	.flush = fs_flush,
	.release = fs_release,
	.fsync = fs_fsync,
	.opendir = fs_opendir,
	.readdir = fs_readdir,
	.readdirplus = fs_readdirplus,
	.releasedir = fs_releasedir,
	.statfs = fs_statfs,
	.access = fs_access,
	.create = fs_create,
	.poll = fs_poll,
};

/* ---- life ---- */

static struct local_files *new_local_files(const struct fs_config *config)
{
	char *spool = g_build_filename(config->state_dir, "spool", NULL);
	struct local_files_config local = {.spool_dir = spool, .queue = config->queue};
	struct local_files *files = local_files_new(&local);

	g_free(spool);
	return files;
}

int fs_new(const struct fs_config *config, struct fuse_args *args, struct fs **ret_fs)
{
	struct fs *fs = g_new0(struct fs, 1);

	fs->config = *config;
	if (!fs->config.lookup_timeout_ms)
		fs->config.lookup_timeout_ms = LOOKUP_TIMEOUT_MS;
	if (!fs->config.close_timeout_ms)
		fs->config.close_timeout_ms = CLOSE_TIMEOUT_MS;
	g_queue_init(&fs->parked);
	fs->session = fuse_session_new(args, config->above ? config->above->wrap(&ops) : &ops,
				       sizeof(ops), fs);
	if (!fs->session) {
		g_free(fs);
		return -EINVAL;
	}
	fs->connection = (struct connection)CONNECTION_NONE;
	fs->will = (struct will)WILL_NONE;
	fs->rm_guard = rm_guard_new();
	fs->walkers = walkers_new(config->pager, config->queue, config->clock);
	fs_polls_init(&fs->polls);
	fs->files = handles_new();
	fs->dirs = handles_new();
	fs->open_bytes = share_new(OPEN_BYTES_MAX);
	fs->snapshots = snapshots_new(fs->open_bytes);
	fs->local = new_local_files(config);
	*ret_fs = fs;
	return 0;
}

/* ---- signals ---- */

/* How often the loop is woken until it notices that it must end. */
#define NUDGE_NS 20000000

static void end_signals(sigset_t *ret_set)
{
	sigemptyset(ret_set);
	sigaddset(ret_set, SIGTERM);
	sigaddset(ret_set, SIGINT);
	sigaddset(ret_set, SIGHUP);
}

static void on_nudge(int sig)
{
	(void)sig;
}

/*
 * libfuse's own handlers only set a flag, so a signal between the loop's check of it and its
 * sem_wait is lost, and the mount stays. So this thread waits for the signals, and interrupts
 * the main thread until that has left the loop.
 */
static void *wait_for_signal(void *arg)
{
	const struct timespec nap = {.tv_nsec = NUDGE_NS};
	struct fs *fs = arg;
	sigset_t set;
	int sig;

	end_signals(&set);
	if (sigwait(&set, &sig) == 0) {
		atomic_store(&fs->is_asked, true);
		fuse_session_exit(fs->session);
	}
	while (!atomic_load(&fs->loop_ended)) {
		pthread_kill(fs->main_thread, SIGUSR1);
		nanosleep(&nap, NULL);
	}
	return NULL;
}

int fs_mount(struct fs *fs, const char *mountpoint)
{
	struct sigaction nudge = {.sa_handler = on_nudge};
	sigset_t set;
	int r;

	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGUSR1, &nudge, NULL);
	/* The signals stay blocked, so that a second Ctrl-C does not cut the delivery of a
	 * message at the end. */
	end_signals(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	errno = 0;
	if (fuse_session_mount(fs->session, mountpoint)) {
		r = errno ? -errno : -EIO;
		pthread_sigmask(SIG_UNBLOCK, &set, NULL);
		return r;
	}
	fs->is_mounted = true;
	r = connection_open(&fs->connection, mountpoint, fuse_session_fd(fs->session));
	/* It starts while the mount is made. */
	if (r == 0)
		fs->will_error = will_make(&fs->will, fs->connection.abort_fd);
	if (r == 0)
		r = add_parallel_dirops(fs);
	if (r == 0)
		r = notifier_start(fs->session, &fs->notifier);
	if (r == 0)
		r = work_queue_start("copies", &fs->copies);
	if (r == 0 && fs->config.above)
		r = fs->config.above->start(fs, mountpoint, &fs->above);
	if (r == 0 && !fs->will_error)
		fs->will_error = will_await(&fs->will);
	return r;
}

/*
 * Nothing waits in a worker, so a few more workers than processors are enough. The kernel wakes
 * idle ones in turn, and each of libfuse's ten would come with cold caches.
 */
static unsigned worker_count(void)
{
	return CLAMP(g_get_num_processors() + 1, WORKERS_MIN, WORKERS_MAX);
}

int fs_run(struct fs *fs, void (*ready)(void *arg), void *arg)
{
	struct fuse_loop_config *config;
	pthread_t signals;
	bool is_asked;
	int r;

	fs->ready = ready;
	fs->ready_arg = arg;
	fs->main_thread = pthread_self();
	r = thread_start("signals", wait_for_signal, fs, &signals);
	if (r)
		return r;
	config = fuse_loop_cfg_create();
	fuse_loop_cfg_set_max_threads(config, fs->config.max_threads ? fs->config.max_threads
								     : worker_count());
	r = fuse_session_loop_mt(fs->session, config);
	fuse_loop_cfg_destroy(config);
	is_asked = atomic_load(&fs->is_asked);
	atomic_store(&fs->loop_ended, true);
	pthread_kill(signals, SIGHUP);
	pthread_join(signals, NULL);
	/* A positive r means that a signal ended it, as is asked of us. libfuse takes an abort
	 * for an unmount. */
	if (r >= 0 && !is_asked && connection_is_left(&fs->connection))
		r = -ECONNABORTED;
	return r < 0 ? r : 0;
}

void fs_exit(struct fs *fs)
{
	/* Acts like a signal from outside: wait_for_signal() ends the loop. */
	(void)fs;
	kill(getpid(), SIGTERM);
}

static void fail_all(void *arg)
{
	op_fail_all(arg);
}

/* Returns a descriptor that looks like a connection which is gone, or -errno. */
static int open_gone(void)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	close(fds[0]);
	return fds[1];
}

static void end_connection(const struct connection *c)
{
	int r = connection_end(c);

	/* -ENOENT: somebody else has unmounted it. */
	if (r && r != -ENOENT)
		log_warning("fuse",
			    "%s stays mounted and dead: %s; remove it: "
			    "fusermount3 -u %s",
			    c->mountpoint, strerror(-r), c->mountpoint);
}

/*
 * Only now, when no thread writes to the session's descriptor any more: libfuse closes it, and
 * the next file that is opened gets its number. libfuse also unmounts whatever is at the path by
 * now, unless the connection is gone. So where we have unmounted, the descriptor is replaced by
 * `gone`, and libfuse only closes it.
 */
static void end_session(struct fuse_session *session, int gone)
{
	if (gone >= 0 && dup3(gone, fuse_session_fd(session), O_CLOEXEC) < 0)
		log_warning("fuse", "the session's descriptor: %s", strerror(errno));
	fuse_session_unmount(session);
}

void fs_unmount(struct fs *fs)
{
	_cleanup_close_ int gone = -1;
	struct shut *shut;

	if (!fs->is_mounted)
		return;
	work_call(fs->config.queue, fail_all, fs);
	work_queue_stop(&fs->copies);
	if (fs->above)
		fs->config.above->quit(fs->above);
	fs_keep_open_drafts(fs);
	local_files_stop(fs->local);
	fs_close_dirs(fs);
	if (fs->connection.minor)
		gone = open_gone();
	if (gone >= 0)
		end_connection(&fs->connection);
	shut = connection_is_up(&fs->connection) ? shut_start(fs->connection.device) : NULL;
	notifier_end(fs->notifier);
	if (fs->above)
		fs->config.above->join(fs->above);
	end_session(fs->session, gone);
	shut_stop(shut);
	connection_close(&fs->connection);
	if (fs->above)
		fs->config.above->free(fs->above);
	fs->above = NULL;
	will_revoke(&fs->will);
	fs->is_mounted = false;
}

void fs_free(struct fs **fs)
{
	if (!*fs)
		return;
	notifier_free(&(*fs)->notifier);
	fuse_session_destroy((*fs)->session);
	handles_free(&(*fs)->files);
	handles_free(&(*fs)->dirs);
	snapshots_free(&(*fs)->snapshots);
	share_free(&(*fs)->open_bytes);
	local_files_free(&(*fs)->local);
	rm_guard_free(&(*fs)->rm_guard);
	walkers_free(&(*fs)->walkers);
	fs_polls_clear(&(*fs)->polls);
	g_free((*fs)->waits_said);
	g_free(*fs);
	*fs = NULL;
}
