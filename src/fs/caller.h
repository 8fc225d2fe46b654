/* SPDX-License-Identifier: MIT */
/*
 * Who writes: what /proc tells of the thread that made a FUSE request (design 2.3;
 * platform.md 4).
 *
 *  1. fuse_ctx.pid is a thread id, 0 for RELEASE and for a process outside our pid namespace.
 *  2. A process that is killed closes its files itself, before it is a zombie: its FLUSH comes
 *     while the kernel has it marked PF_EXITING and its exit code already holds the signal.
 *     exit_code reads 0 for another user's process unless we are root: then nobody looks
 *     killed, and what he wrote is sent.
 *  3. What cannot be read (no such process, no /proc) is "unknown", never an error.
 * Pure but for reading /proc; any thread. It never waits.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Thread group id of a thread; 0 if unknown. */
pid_t caller_tgid(pid_t tid);

/* "bash"; printable ASCII and UTF-8; "" if unknown. */
#define WRITER_COMM_SIZE 64
void caller_comm(pid_t pid, char buf[static WRITER_COMM_SIZE]);

/*
 * Which program it is: its name, but of one that is many (busybox, toybox, coreutils) that of the one that
 * it is here, and of gio with its command: "gio move". "" if unknown.
 */
void caller_program(pid_t pid, char buf[static WRITER_COMM_SIZE]);

/* Is ending because of a signal. Takes the thread id of the request, which says more than its
 * group's. */
bool caller_is_dying(pid_t tid);

/*
 * A request is interrupted by any signal that its caller handles, also by one that only tells of
 * something: a shell's SIGCHLD when the other end of its pipeline is done. True if a signal is
 * pending for the thread, and not blocked, that asks it to stop, or if that is unknown; false if
 * those that are pending (SIGCHLD, SIGCONT, SIGURG, SIGWINCH) would do nothing to a process that
 * does not handle them, or none is. They stay pending as long as the thread is in the request.
 */
bool caller_is_asked_to_stop(pid_t tid);

/* Its supplementary groups (libfuse 3.14's own reads past its buffer): how many, in *ret_groups, owned;
 * -ESRCH if unknown, -E2BIG beyond WRITER_GROUPS_MAX. */
#define WRITER_GROUPS_MAX 65536
int caller_groups(pid_t tid, gid_t **ret_groups);

/* Its root directory, where paths lead elsewhere from it than from ours (a mount namespace of its own, as
 * PrivateTmp= of systemd makes, a container, a chroot), owned; else, or if unknown, -1. It asks no
 * file system. */
int caller_root(pid_t tid);

/* The parsers of the above, for texts of /proc/<pid>/status and /proc/<pid>/stat.
 * NUL-terminated. */
pid_t caller_parse_tgid(const char *status);
bool caller_parse_dying(const char *stat);
bool caller_parse_stop(const char *status);
/* `comm` as of caller_comm; `cmdline` of /proc/<pid>/cmdline, `len` bytes. */
void caller_parse_program(const char *comm, const char *cmdline, size_t len,
			  char buf[static WRITER_COMM_SIZE]);
int caller_parse_groups(const char *status, gid_t **ret_groups);
