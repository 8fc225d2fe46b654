/* SPDX-License-Identifier: MIT */
#include "inotify/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h> /* RENAME_NOREPLACE */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "inotify/internal.h"

#ifndef HAVE_RENAMEAT2
static int renameat2(int from, const char *path, int to, const char *newpath, unsigned flags)
{
	return (int)syscall(SYS_renameat2, from, path, to, newpath, flags);
}
#endif

/*
 * Opens the root of the mount. Nothing may be done below a directory that only has the same
 * path: when the mount is gone, the real files that it covered appear there.
 */
static int open_root(const char *mountpoint, unsigned minor)
{
	int fd = open(mountpoint, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || st.st_dev != makedev(0, minor)) {
		close(fd);
		return -ENOTCONN;
	}
	return fd;
}

static bool is_ours(void)
{
	const int stands = MIRROR_STANDS;
	char go = 0;

	return send(MIRROR_FD, &stands, sizeof(stands), MSG_NOSIGNAL) == sizeof(stands) &&
	       recv(MIRROR_FD, &go, sizeof(go), 0) == sizeof(go) && go == 1;
}

static int create(int root, const char *path)
{
	int fd = openat(root, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

	return fd < 0 || close(fd) < 0 ? -errno : 0;
}

/* Sets the present times again: watchers see that attributes changed, but nothing does. */
static int touch(int root, const char *path)
{
	struct timespec times[2];
	struct stat st;

	if (fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	return utimensat(root, path, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int write_over(int root, const char *path)
{
	_cleanup_close_ int fd = openat(root, path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	/* The byte goes nowhere, but watchers see that somebody wrote. */
	return pwrite(fd, "", 1, 0) < 0 ? -errno : 0;
}

static int act(int root, enum mirror_what what, const char *path, const char *newpath)
{
	switch (what) {
	case MIRROR_CREATE:
		return create(root, path);
	case MIRROR_WRITE:
		return write_over(root, path);
	case MIRROR_UNLINK:
		return unlinkat(root, path, 0) < 0 ? -errno : 0;
	case MIRROR_MKDIR:
		return mkdirat(root, path, 0755) < 0 ? -errno : 0;
	case MIRROR_RMDIR:
		return unlinkat(root, path, AT_REMOVEDIR) < 0 ? -errno : 0;
	case MIRROR_RENAME:
		return renameat2(root, path, root, newpath, RENAME_NOREPLACE) < 0 ? -errno : 0;
	case MIRROR_TOUCH:
		return touch(root, path);
	}
	return -EINVAL;
}

/* True for a relative path without "..". */
static bool is_path(const char *path)
{
	return path[0] && path[0] != '/' && strcmp(path, "..") != 0 &&
	       strncmp(path, "../", 3) != 0 && !strstr(path, "/../");
}

static int handle(const char *packet, size_t len, const char *mountpoint, unsigned minor)
{
	const char *path = packet + 1, *newpath;
	_cleanup_close_ int root = -1;
	size_t n;

	if (len < 3 || packet[len - 1])
		return -EINVAL;
	n = strlen(path) + 2;
	newpath = n < len ? packet + n : path;
	if (!is_path(path) || !is_path(newpath))
		return -EINVAL;
	root = open_root(mountpoint, minor);
	if (root < 0)
		return root;
	if (!is_ours())
		return -ENOTCONN;
	return act(root, (enum mirror_what)packet[0], path, newpath);
}

int mirror_helper_main(int argc, char **argv)
{
	char packet[MIRROR_PACKET_MAX];
	int type = 0, result;
	socklen_t size = sizeof(type);
	unsigned minor;
	ssize_t n;

	if (argc != 5 || getsockopt(MIRROR_FD, SOL_SOCKET, SO_TYPE, &type, &size) < 0 ||
	    type != SOCK_SEQPACKET) {
		fputs("sparkfs: " MIRROR_HELPER_ARG " is for sparkfs itself\n", stderr);
		return EXIT_FAILURE;
	}
	prctl(PR_SET_NAME, "sparkfs-inotify");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* The process that started it has ended already, so another mount may be at the path by
	 * now. */
	if (getppid() != (pid_t)strtol(argv[4], NULL, 10))
		return EXIT_FAILURE;
	minor = (unsigned)strtoul(argv[3], NULL, 10);
	/* A directory that keeps nothing from being unmounted. */
	if (chdir("/") < 0)
		return EXIT_FAILURE;
	umask(0);
	while ((n = recv(MIRROR_FD, packet, sizeof(packet), 0)) > 0) {
		result = -handle(packet, (size_t)n, argv[2], minor);
		if (send(MIRROR_FD, &result, sizeof(result), MSG_NOSIGNAL) < 0)
			break;
	}
	return EXIT_SUCCESS;
}
