/* SPDX-License-Identifier: MIT */
/*
 * Runs in a process of its own, which may hang in any of these calls and be killed there.
 */
#include "outbox/local_helper.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "outbox/draft.h"

#define COPY_BYTES 262144
#define AGAIN_MAX 16

static int answer(struct local_answer *a, int error, enum local_why why)
{
	a->error = error;
	a->why = (int32_t)why;
	return error;
}

/* ---- the file ---- */

static int open_path(int root, const char *path, uint64_t resolve)
{
	const struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = resolve | (root >= 0 ? RESOLVE_IN_ROOT : 0),
	};
	long fd;

	/* -EAGAIN: a directory was renamed while ".." was followed. */
	for (int i = 0; i < AGAIN_MAX; i++) {
		fd = syscall(SYS_openat2, root >= 0 ? root : AT_FDCWD, path, &how, sizeof(how));
		if (fd >= 0 || errno != EAGAIN)
			break;
	}
	return fd < 0 ? -errno : (int)fd;
}

/* Opens the path without following the links of /proc, which lead to what this process has
 * open. */
static int find(int root, const char *path, struct local_answer *a)
{
	int fd, other;

	if (path[0] != '/')
		return answer(a, -EINVAL, LOCAL_WHY_RELATIVE);
	fd = open_path(root, path, RESOLVE_NO_MAGICLINKS);
	if (fd != -ELOOP)
		return fd < 0 ? answer(a, fd, LOCAL_WHY_NONE) : fd;
	/* It was such a link, or a circle of other links. */
	other = open_path(root, path, 0);
	if (other >= 0)
		close(other);
	return other == -ELOOP ? answer(a, -ELOOP, LOCAL_WHY_NONE)
			       : answer(a, -EINVAL, LOCAL_WHY_MADE_UP);
}

/* True for file systems that make up their files when they are read. */
static bool is_made_up(const struct statfs *fs)
{
	static const unsigned magics[] = {
		PROC_SUPER_MAGIC,
		SYSFS_MAGIC,
		DEBUGFS_MAGIC,
		TRACEFS_MAGIC,
		SECURITYFS_MAGIC,
		SELINUX_MAGIC,
		CGROUP_SUPER_MAGIC,
		CGROUP2_SUPER_MAGIC,
		DEVPTS_SUPER_MAGIC,
		EFIVARFS_MAGIC,
		BPF_FS_MAGIC,
		PSTOREFS_MAGIC,
		BINFMTFS_MAGIC,
		NSFS_MAGIC,
		SOCKFS_MAGIC,
		PIPEFS_MAGIC,
		ANON_INODE_FS_MAGIC,
		SMACK_MAGIC,
		0x62656570 /* configfs */,
		0x19800202 /* mqueue */,
	};

	for (size_t i = 0; i < G_N_ELEMENTS(magics); i++) {
		if ((unsigned)fs->f_type == magics[i])
			return true;
	}
	return false;
}

/* `fd` is opened by O_PATH, so nothing has been opened that could act or block. */
static int check(int fd, struct local_answer *a)
{
	struct statfs fs;
	struct stat st;

	if (fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
		return answer(a, -errno, LOCAL_WHY_NONE);
	if (is_made_up(&fs))
		return answer(a, -EINVAL, LOCAL_WHY_MADE_UP);
	if (!S_ISREG(st.st_mode))
		return answer(a, S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL, LOCAL_WHY_KIND);
	return 0;
}

static int open_it(int root, const char *path, struct local_answer *a)
{
	_cleanup_close_ int there = find(root, path, a);
	char own[40];
	int fd;

	if (there < 0)
		return there;
	if (check(there, a))
		return a->error;
	snprintf(own, sizeof(own), "/proc/self/fd/%d", there);
	fd = open(own, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return fd < 0 ? answer(a, -errno, LOCAL_WHY_NONE) : fd;
}

/* ---- its bytes ---- */

static ssize_t read_block(int fd, char *buf, int64_t at)
{
	ssize_t n;

	do
		n = pread(fd, buf, COPY_BYTES, at);
	while (n < 0 && errno == EINTR);
	return n;
}

static int copy(int from, int to, struct local_answer *a)
{
	static char block[COPY_BYTES];
	ssize_t n;
	int r;

	a->size = 0;
	while ((n = read_block(from, block, a->size)) > 0) {
		if (a->size + n > DRAFT_FILE_MAX)
			return answer(a, -EFBIG, LOCAL_WHY_LARGE);
		r = fd_write_all(to, block, (size_t)n, a->size);
		if (r)
			return answer(a, r, LOCAL_WHY_SPOOL);
		a->size += n;
	}
	if (n < 0)
		return answer(a, -errno, LOCAL_WHY_NONE);
	return a->size ? 0 : answer(a, -ENODATA, LOCAL_WHY_EMPTY);
}

static bool is_same(const struct stat *a, const struct stat *b, int64_t copied)
{
	return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       /* 0: some file systems do not know the size before the file is read. */
	       (!b->st_size || b->st_size == copied);
}

void local_copy(int root, const char *path, int to, struct local_answer *ret_answer)
{
	struct local_answer *a = ret_answer;
	struct stat before, after;
	_cleanup_close_ int fd = -1;

	*a = (struct local_answer){0};
	fd = open_it(root, path, a);
	if (fd < 0)
		return;
	if (fstat(fd, &before) < 0) {
		answer(a, -errno, LOCAL_WHY_NONE);
	} else if (before.st_size > DRAFT_FILE_MAX) {
		answer(a, -EFBIG, LOCAL_WHY_LARGE);
	} else if (copy(fd, to, a) == 0) {
		if (fstat(fd, &after) < 0)
			answer(a, -errno, LOCAL_WHY_NONE);
		else if (!is_same(&before, &after, a->size))
			answer(a, -EBUSY, LOCAL_WHY_CHANGED);
	}
}

/* ---- the process ---- */

/* Capabilities that root keeps by its securebits when it changes its user could read
 * everything. */
static bool is_privileged(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};

	if (syscall(SYS_capget, &head, data) < 0)
		return true;
	return data[0].permitted || data[1].permitted;
}

static int take_on(const struct local_request *q, const gid_t *groups)
{
	if (!q->switches)
		return 0;
	if (setgroups(q->n_groups, groups) < 0 || setresgid(q->gid, q->gid, q->gid) < 0 ||
	    setresuid(q->uid, q->uid, q->uid) < 0)
		return -errno;
	return getuid() != q->uid || is_privileged() ? -EPERM : 0;
}

/* False if the packet is no request. */
static bool parse(const char *packet, size_t len, struct local_request *q, gid_t *groups,
		  const char **ret_path)
{
	size_t at = sizeof(*q);

	if (len < sizeof(*q))
		return false;
	memcpy(q, packet, sizeof(*q));
	if (q->n_groups > LOCAL_GROUPS_MAX || len < at + q->n_groups * sizeof(gid_t) + 2 ||
	    packet[len - 1])
		return false;
	memcpy(groups, packet + at, q->n_groups * sizeof(gid_t));
	*ret_path = packet + at + q->n_groups * sizeof(gid_t);
	return true;
}

static void serve(const char *packet, size_t len, pid_t parent, struct local_answer *a)
{
	static gid_t groups[LOCAL_GROUPS_MAX];
	struct local_request q;
	const char *path;
	int r;

	*a = (struct local_answer){.error = -EINVAL};
	if (!parse(packet, len, &q, groups, &path))
		return;
	r = take_on(&q, groups);
	/* Set after the change of user, which would reset it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
	if (r)
		answer(a, r, LOCAL_WHY_RIGHTS);
	else
		local_copy(q.has_root ? LOCAL_ROOT_FD : -1, path, LOCAL_SPOOL_FD, a);
}

int local_helper_main(int argc, char **argv)
{
	static char packet[LOCAL_PACKET_MAX];
	struct local_answer a;
	socklen_t size = sizeof(int);
	int type = 0;
	ssize_t n;

	if (argc != 3 || getsockopt(LOCAL_SOCKET_FD, SOL_SOCKET, SO_TYPE, &type, &size) < 0 ||
	    type != SOCK_SEQPACKET) {
		fputs("sparkfs: " LOCAL_HELPER_ARG " is for sparkfs itself\n", stderr);
		return EXIT_FAILURE;
	}
	prctl(PR_SET_NAME, "sparkfs-file");
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	n = recv(LOCAL_SOCKET_FD, packet, sizeof(packet), 0);
	if (n <= 0 || chdir("/") < 0)
		_exit(EXIT_FAILURE);
	serve(packet, (size_t)n, (pid_t)strtol(argv[2], NULL, 10), &a);
	/* _exit, since nothing that exit() does is wanted here. */
	_exit(send(LOCAL_SOCKET_FD, &a, sizeof(a), MSG_NOSIGNAL) < 0 ? EXIT_FAILURE
								     : EXIT_SUCCESS);
}
