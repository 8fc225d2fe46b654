/* SPDX-License-Identifier: MIT */
#include "inotify/marks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "fs/caller.h"

struct scan {
	int proc;
	unsigned minor;
	struct marks *marks;
};

static void cleanup_closedir(DIR **d)
{
	if (*d)
		closedir(*d);
}

static void cleanup_fclose(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define _cleanup_closedir_ _cleanup_(cleanup_closedir)
#define _cleanup_fclose_ _cleanup_(cleanup_fclose)

struct marks marks_new(void)
{
	return (struct marks){
		.inodes = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL),
		.hidden = g_hash_table_new(NULL, NULL),
	};
}

void marks_free(struct marks *m)
{
	g_clear_pointer(&m->inodes, g_hash_table_destroy);
	g_clear_pointer(&m->hidden, g_hash_table_destroy);
}

static DIR *open_dir(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && !d)
		close(fd);
	return d;
}

static FILE *open_file(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");

	if (fd >= 0 && !f)
		close(fd);
	return f;
}

/* ---- the lines of one descriptor ---- */

/* The hexadecimal number behind `key`. */
static bool get_hex(const char *line, const char *key, uint64_t *ret)
{
	const char *at = strstr(line, key);

	if (at)
		*ret = g_ascii_strtoull(at + strlen(key), NULL, 16);
	return at;
}

/* True if the mount that has this number in the process's namespace, since each has numbers of its
 * own, is one of our file system. */
static bool is_our_mount(const struct scan *s, const char *pid, uint64_t id)
{
	_cleanup_gfree_ char *path = g_strconcat(pid, "/mountinfo", NULL);
	_cleanup_fclose_ FILE *f = open_file(s->proc, path);
	_cleanup_free_ char *line = NULL;
	unsigned major, minor;
	size_t size = 0;
	int number;

	while (f && getline(&line, &size, f) > 0)
		if (sscanf(line, "%d %*d %u:%u", &number, &major, &minor) == 3 &&
		    (uint64_t)number == id)
			return major == 0 && minor == s->minor;
	return false;
}

static void add(struct scan *s, uint64_t ino)
{
	g_hash_table_add(s->marks->inodes, g_memdup2(&ino, sizeof(ino)));
}

/*
 *	inotify wd:1 ino:2a sdev:31 mask:fce ignored_mask:0 fhandle-bytes:8 ...
 *	fanotify ino:2a sdev:31 mflags:0 mask:3b ignored_mask:0 fhandle-bytes:8 ...
 *	fanotify sdev:31 mflags:0 mask:3b ignored_mask:0
 *	fanotify mnt_id:1c mflags:0 mask:3b ignored_mask:0
 *
 * sdev is the kernel's form of the number: the minor number alone, where the major number is 0.
 */
static void read_line(struct scan *s, const char *pid, const char *line)
{
	uint64_t device, ino, mount;

	if (!g_str_has_prefix(line, "inotify ") && !g_str_has_prefix(line, "fanotify "))
		return;
	if (get_hex(line, " mnt_id:", &mount)) {
		if (is_our_mount(s, pid, mount))
			add(s, MARKS_ALL);
	} else if (get_hex(line, " sdev:", &device) && device == s->minor) {
		add(s, get_hex(line, " ino:", &ino) ? ino : MARKS_ALL);
	}
}

static void read_marks(struct scan *s, const char *pid, const char *fd)
{
	_cleanup_gfree_ char *path = g_strconcat(pid, "/fdinfo/", fd, NULL);
	_cleanup_fclose_ FILE *f = open_file(s->proc, path);
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	while (f && getline(&line, &size, f) > 0)
		read_line(s, pid, line);
}

/* ---- processes ---- */

/* "anon_inode:inotify", "anon_inode:[fanotify]" */
static bool has_marks(const char *link)
{
	return g_str_has_prefix(link, "anon_inode:") && strstr(link, "notify");
}

static bool is_denied(int error)
{
	return error == EACCES || error == EPERM;
}

static void scan_process(struct scan *s, const char *pid)
{
	_cleanup_gfree_ char *path = g_strconcat(pid, "/fd", NULL);
	_cleanup_closedir_ DIR *fds = open_dir(s->proc, path);
	bool denied = !fds && is_denied(errno);
	struct dirent *d;
	char link[64];
	ssize_t n;

	while (fds && !denied && (d = readdir(fds))) {
		if (!g_ascii_isdigit(d->d_name[0]))
			continue;
		n = readlinkat(dirfd(fds), d->d_name, link, sizeof(link) - 1);
		denied = n < 0 && is_denied(errno);
		link[MAX(n, 0)] = 0;
		if (has_marks(link))
			read_marks(s, pid, d->d_name);
	}
	if (denied)
		g_hash_table_add(s->marks->hidden, GINT_TO_POINTER(atoi(pid)));
}

int marks_find(const char *proc, unsigned minor, const atomic_bool *is_over, struct marks *ret)
{
	_cleanup_closedir_ DIR *all = open_dir(AT_FDCWD, proc);
	struct scan s = {.minor = minor, .marks = ret};
	struct dirent *d;

	if (!all)
		return -errno;
	s.proc = dirfd(all);
	if (faccessat(s.proc, "self/fdinfo", R_OK, 0) < 0)
		return -errno;
	while (!atomic_load(is_over) && (d = readdir(all)))
		if (g_ascii_isdigit(d->d_name[0]))
			scan_process(&s, d->d_name);
	return 0;
}

bool marks_is_hidden(const struct marks *m, const char *proc, pid_t tid, pid_t *ret_pid)
{
	_cleanup_gfree_ char *path = g_strdup_printf("%s/%d/status", proc, (int)tid);
	_cleanup_gfree_ char *status = NULL;

	*ret_pid = tid;
	/* Where proc has hidepid=2, the processes of others are not even listed. */
	if (!g_file_get_contents(path, &status, NULL, NULL))
		return kill(tid, 0) < 0 && errno == EPERM;
	*ret_pid = caller_parse_tgid(status);
	/* It is no thread of the kernel, and has not ended. */
	return strstr(status, "\nVmSize:") &&
	       g_hash_table_contains(m->hidden, GINT_TO_POINTER(*ret_pid));
}
