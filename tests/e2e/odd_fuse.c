/* SPDX-License-Identifier: MIT */
/*
 * Preloaded (LD_PRELOAD), a libfuse that does what ours does seldom or never:
 *
 *  NO_CUSTOM_IO=1  It is built without custom I/O.
 *  LINGER=FILE     While FILE exists, a notice takes LINGER_MS, or until the session is unmounted.
 *                  "a notice lingers" on stderr tells of the first one. A notice that runs when
 *                  the session is unmounted, or that comes after that, ends the program: it would
 *                  write to whatever file has the descriptor's number by then.
 *
 * Thread rule: all is atomic.
 */
#define FUSE_USE_VERSION 314

#include <dlfcn.h>
#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define LINGER_MS 1000
#define LOOK_NS 1000000

static atomic_int running, is_unmounted, is_told;

static void *next(const char *name)
{
	void *function = dlsym(RTLD_NEXT, name);

	if (!function)
		abort();
	return function;
}

static void check(int is_wrong)
{
	if (!is_wrong)
		return;
	fputs("Assertion: a notice is written to a session that was unmounted\n", stderr);
	abort();
}

static void begin(void)
{
	const struct timespec pause = {.tv_nsec = LOOK_NS};
	const char *file = getenv("LINGER");

	atomic_fetch_add(&running, 1);
	check(atomic_load(&is_unmounted));
	if (!file || access(file, F_OK) < 0)
		return;
	if (!atomic_exchange(&is_told, 1))
		fputs("a notice lingers\n", stderr);
	for (int ms = 0; ms < LINGER_MS && !atomic_load(&is_unmounted); ms++)
		nanosleep(&pause, NULL);
}

static int end(int r)
{
	atomic_fetch_sub(&running, 1);
	return r;
}

int fuse_lowlevel_notify_poll(struct fuse_pollhandle *ph)
{
	int (*f)(struct fuse_pollhandle *) = next(__func__);

	begin();
	return end(f(ph));
}

int fuse_lowlevel_notify_inval_inode(struct fuse_session *se, fuse_ino_t ino, off_t off,
				     off_t len)
{
	int (*f)(struct fuse_session *, fuse_ino_t, off_t, off_t) = next(__func__);

	begin();
	return end(f(se, ino, off, len));
}

int fuse_lowlevel_notify_inval_entry(struct fuse_session *se, fuse_ino_t parent,
				     const char *name, size_t namelen)
{
	int (*f)(struct fuse_session *, fuse_ino_t, const char *, size_t) = next(__func__);

	begin();
	return end(f(se, parent, name, namelen));
}

#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 16)
int fuse_lowlevel_notify_expire_entry(struct fuse_session *se, fuse_ino_t parent,
				      const char *name, size_t namelen)
{
	int (*f)(struct fuse_session *, fuse_ino_t, const char *, size_t) = next(__func__);

	begin();
	return end(f(se, parent, name, namelen));
}
#else
int fuse_lowlevel_notify_expire_entry(struct fuse_session *se, fuse_ino_t parent,
				      const char *name, size_t namelen,
				      enum fuse_expire_flags flags)
{
	int (*f)(struct fuse_session *, fuse_ino_t, const char *, size_t,
		 enum fuse_expire_flags) = next(__func__);

	begin();
	return end(f(se, parent, name, namelen, flags));
}
#endif

void fuse_session_unmount(struct fuse_session *se)
{
	void (*f)(struct fuse_session *) = next(__func__);

	atomic_store(&is_unmounted, 1);
	check(atomic_load(&running));
	f(se);
}

#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
int fuse_session_custom_io_317(struct fuse_session *se, const struct fuse_custom_io *io,
			       size_t op_size, int fd)
{
	int (*f)(struct fuse_session *, const struct fuse_custom_io *, size_t, int) =
		next("fuse_session_custom_io");

	return getenv("NO_CUSTOM_IO") ? -ENOTSUP : f(se, io, op_size, fd);
}
#else
int fuse_session_custom_io(struct fuse_session *se, const struct fuse_custom_io *io, int fd)
{
	int (*f)(struct fuse_session *, const struct fuse_custom_io *, int) = next(__func__);

	return getenv("NO_CUSTOM_IO") ? -ENOTSUP : f(se, io, fd);
}
#endif
