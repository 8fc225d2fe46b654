/* SPDX-License-Identifier: MIT */
#include "fs/caller.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/session.h"
#include "base/statx.h"

/* Numbers of fields in /proc/<pid>/stat, counted from 1 (proc(5)). */
#define FIELD_STATE 3
#define FIELD_FLAGS 9
#define FIELD_EXIT_CODE 52

/* include/linux/sched.h */
#define PF_EXITING 0x4
/* The signal in an exit code, without the core dump bit. */
#define EXIT_SIGNAL_MASK 0x7f

/* `stat` is one line of numbers; in `status` the masks of signals come behind the groups, of
 * which there may be many. */
#define PROC_TEXT_SIZE 8192

/* Reads the text, NUL-terminated; returns its length, or -1. */
static ssize_t read_proc_len(pid_t pid, const char *what, char buf[static PROC_TEXT_SIZE])
{
	_cleanup_close_ int fd = -1;
	char path[64];
	ssize_t n;

	if (pid <= 0)
		return -1;
	g_snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, what);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	do
		n = read(fd, buf, PROC_TEXT_SIZE - 1);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return -1;
	buf[n] = '\0';
	return n;
}

static bool read_proc(pid_t pid, const char *what, char buf[static PROC_TEXT_SIZE])
{
	return read_proc_len(pid, what, buf) > 0;
}

/* A newline in the name of the process is written as "\n" there, so it cannot forge a line. */
pid_t caller_parse_tgid(const char *status)
{
	static const char key[] = "\nTgid:";
	const char *line = strstr(status, key);
	char *end;
	long tgid;

	if (!line)
		return 0;
	errno = 0;
	tgid = strtol(line + strlen(key), &end, 10);
	if (errno || *end != '\n' || tgid <= 0 || tgid > G_MAXINT)
		return 0;
	return (pid_t)tgid;
}

/* The start of the field, or NULL. The name of the process stands in parentheses and may itself
 * contain some. */
static const char *stat_field(const char *stat, int field)
{
	const char *at = strrchr(stat, ')');

	for (int i = FIELD_STATE; at && i <= field; i++)
		at = strchr(at + 1, ' ');
	return at ? at + 1 : NULL;
}

int caller_parse_death(const char *stat)
{
	const char *flags = stat_field(stat, FIELD_FLAGS);
	const char *code = stat_field(stat, FIELD_EXIT_CODE);

	if (!flags || !code || !(strtoul(flags, NULL, 10) & PF_EXITING))
		return 0;
	return (int)(strtoul(code, NULL, 10) & EXIT_SIGNAL_MASK);
}

/* Reads the mask of the line "<key>\t<hexadecimal>\n"; false if there is none. */
static bool status_mask(const char *status, const char *key, uint64_t *ret_mask)
{
	const char *line = strstr(status, key);
	char *end;

	if (!line)
		return false;
	*ret_mask = g_ascii_strtoull(line + strlen(key), &end, 16);
	return *end == '\n' && end > line + strlen(key);
}

#define SIGNAL_BIT(signum) (UINT64_C(1) << ((signum)-1))

bool caller_parse_stop(const char *status)
{
	const uint64_t idle = SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGCONT) | SIGNAL_BIT(SIGURG) |
			      SIGNAL_BIT(SIGWINCH);
	uint64_t of_thread, of_process, blocked;

	if (!status_mask(status, "\nSigPnd:\t", &of_thread) ||
	    !status_mask(status, "\nShdPnd:\t", &of_process) ||
	    !status_mask(status, "\nSigBlk:\t", &blocked))
		return true;
	return ((of_thread | of_process) & ~blocked & ~idle) != 0;
}

pid_t caller_tgid(pid_t tid)
{
	char text[PROC_TEXT_SIZE];

	return read_proc(tid, "status", text) ? caller_parse_tgid(text) : 0;
}

pid_t caller_session(pid_t tid)
{
	return session_of(tid);
}

int caller_parse_groups(const char *status, gid_t **ret_groups)
{
	static const char key[] = "\nGroups:";
	const char *at = strstr(status, key);
	GArray *groups;
	int n;

	if (!at)
		return -ESRCH;
	at += strlen(key);
	groups = g_array_new(FALSE, FALSE, sizeof(gid_t));
	for (;;) {
		char *end;
		gid_t gid;

		at += strspn(at, " \t");
		gid = (gid_t)strtoul(at, &end, 10);
		if (end == at)
			break;
		g_array_append_val(groups, gid);
		at = end;
	}
	n = *at != '\n' ? -ESRCH : groups->len > WRITER_GROUPS_MAX ? -E2BIG : (int)groups->len;
	if (n < 0) {
		g_array_unref(groups);
		return n;
	}
	*ret_groups = (gid_t *)(void *)g_array_free(groups, FALSE);
	return n;
}

int caller_groups(pid_t tid, gid_t **ret_groups)
{
	_cleanup_gfree_ char *text = NULL;
	char path[64];

	g_snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	if (tid <= 0 || !g_file_get_contents(path, &text, NULL, NULL))
		return -ESRCH;
	return caller_parse_groups(text, ret_groups);
}

static int open_root(const char *path, struct statx *ret_st)
{
	_cleanup_close_ int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
			    STATX_INO | STATX_MNT_ID, ret_st) < 0)
		return -1;
	return steal_fd(&fd);
}

int caller_root(pid_t tid)
{
	_cleanup_close_ int theirs = -1, ours = -1;
	struct statx a = {0}, b = {0};
	char path[64];

	if (tid <= 0)
		return -1;
	g_snprintf(path, sizeof(path), "/proc/%d/root", (int)tid);
	theirs = open_root(path, &a);
	ours = open_root("/", &b);
	/* Each mount namespace has mounts of its own, with different numbers. */
	if (theirs < 0 || ours < 0 ||
	    (a.stx_ino == b.stx_ino && a.stx_dev_major == b.stx_dev_major &&
	     a.stx_dev_minor == b.stx_dev_minor && a.stx_mnt_id == b.stx_mnt_id))
		return -1;
	return steal_fd(&theirs);
}

void caller_comm(pid_t pid, char buf[static WRITER_COMM_SIZE])
{
	_cleanup_gfree_ char *valid = NULL;
	char text[PROC_TEXT_SIZE];
	char *cut;

	buf[0] = '\0';
	if (!read_proc(pid, "comm", text))
		return;
	/* The name may contain newlines; only the last one does not belong to it. */
	cut = strrchr(text, '\n');
	if (cut)
		*cut = '\0';
	for (char *p = text; *p; p++) {
		if (g_ascii_iscntrl(*p))
			*p = '?';
	}
	valid = g_utf8_make_valid(text, -1);
	if (strlen(valid) >= WRITER_COMM_SIZE)
		*g_utf8_find_prev_char(valid, valid + WRITER_COMM_SIZE) = '\0';
	g_strlcpy(buf, valid, WRITER_COMM_SIZE);
}

/* The argument behind `at`, or NULL. */
static const char *next_argument(const char *at, const char *end)
{
	const char *nul = at && at < end ? memchr(at, '\0', (size_t)(end - at)) : NULL;

	return nul && nul + 1 < end ? nul + 1 : NULL;
}

/* True for a program that contains many. */
static bool is_many(const char *comm)
{
	return strcmp(comm, "busybox") == 0 || strcmp(comm, "toybox") == 0 ||
	       strcmp(comm, "coreutils") == 0;
}

void caller_parse_program(const char *comm, const char *cmdline, size_t len,
			  char buf[static WRITER_COMM_SIZE])
{
	const char *end = cmdline + len, *second = next_argument(cmdline, end);

	if (strcmp(comm, "gio") == 0 && second) {
		g_snprintf(buf, WRITER_COMM_SIZE, "gio %.*s", (int)(end - second), second);
	} else if (is_many(comm) && len) {
		_cleanup_gfree_ char *first = g_strndup(cmdline, len);
		_cleanup_gfree_ char *name = g_path_get_basename(first);

		/* It was started by a link with the name of the program that it is to be, or by
		 * its own name. */
		if (strcmp(name, comm) == 0 && second)
			g_snprintf(buf, WRITER_COMM_SIZE, "%.*s", (int)(end - second), second);
		else
			g_strlcpy(buf, name, WRITER_COMM_SIZE);
	} else {
		g_strlcpy(buf, comm, WRITER_COMM_SIZE);
	}
}

void caller_program(pid_t pid, char buf[static WRITER_COMM_SIZE])
{
	char comm[WRITER_COMM_SIZE], text[PROC_TEXT_SIZE];
	ssize_t n = -1;

	caller_comm(pid, comm);
	/* The arguments are in the memory of the process: reading them waits for its munmap(),
	 * which may wait for us. */
	if (is_many(comm) || strcmp(comm, "gio") == 0)
		n = read_proc_len(pid, "cmdline", text);
	caller_parse_program(comm, text, n > 0 ? (size_t)n : 0, buf);
}

int caller_death(pid_t tid)
{
	char text[PROC_TEXT_SIZE];

	return read_proc(tid, "stat", text) ? caller_parse_death(text) : 0;
}

bool caller_is_asked_to_stop(pid_t tid)
{
	char text[PROC_TEXT_SIZE];

	return !read_proc(tid, "status", text) || caller_parse_stop(text);
}
