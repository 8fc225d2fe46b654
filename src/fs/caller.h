/* SPDX-License-Identifier: MIT */
/*
 * The caller: what /proc says about the thread that made a FUSE request (design 2.3;
 * platform.md 4).
 *
 *  1. fuse_ctx.pid is a thread id, 0 for RELEASE and for a process outside our pid namespace.
 *  2. A process that is killed closes its own files before it becomes a zombie: when its FLUSH
 *     comes, it is marked PF_EXITING and its exit code already has the signal. exit_code reads
 *     as 0 for a process of another user unless we are root; such a process never looks killed,
 *     so what it wrote is sent.
 *  3. What cannot be read (no such process, no /proc) is "unknown", never an error.
 * Pure but for reading /proc; any thread. It never waits.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Thread group id of a thread; 0 if unknown. */
pid_t caller_tgid(pid_t tid);

/* Its session (setsid(2): a terminal, a service); 0 if unknown. */
pid_t caller_session(pid_t tid);

/* "bash"; printable ASCII and UTF-8; "" if unknown. */
#define WRITER_COMM_SIZE 64
void caller_comm(pid_t pid, char buf[static WRITER_COMM_SIZE]);

/*
 * The name of the program. Of a program that contains many (busybox, toybox, coreutils) it is
 * the name of the one that runs; of gio it includes the command: "gio move". "" if unknown.
 */
void caller_program(pid_t pid, char buf[static WRITER_COMM_SIZE]);

/* The signal because of which it is ending; 0: it is not. Takes the thread id of the request,
 * which says more than that of its group. */
int caller_death(pid_t tid);

/*
 * Any signal that the caller handles interrupts its request, also one that only informs it, as
 * SIGCHLD informs a shell that the other end of its pipeline ended. True if a signal that asks
 * the thread to stop is pending and not blocked, or if that is unknown. False if no signal is
 * pending, or only those that a process ignores by default (SIGCHLD, SIGCONT, SIGURG,
 * SIGWINCH). Signals stay pending as long as the thread is in the request.
 */
bool caller_is_asked_to_stop(pid_t tid);

/* Its supplementary groups (libfuse 3.14's own reads past its buffer): how many, in *ret_groups, owned;
 * -ESRCH if unknown, -E2BIG beyond WRITER_GROUPS_MAX. */
#define WRITER_GROUPS_MAX 65536
int caller_groups(pid_t tid, gid_t **ret_groups);

/* A descriptor of its root directory (owned), if paths lead elsewhere from there than from
 * ours: in a mount namespace of its own (as PrivateTmp= of systemd makes), a container or a
 * chroot. -1: they do not, or it is unknown. Does not access any file system. */
int caller_root(pid_t tid);

/* The parsers of the above, for texts of /proc/<pid>/status and /proc/<pid>/stat.
 * NUL-terminated. */
pid_t caller_parse_tgid(const char *status);
int caller_parse_death(const char *stat);
bool caller_parse_stop(const char *status);
/* `comm` as caller_comm() gives it; `cmdline` is the text of /proc/<pid>/cmdline, `len` bytes. */
void caller_parse_program(const char *comm, const char *cmdline, size_t len,
			  char buf[static WRITER_COMM_SIZE]);
int caller_parse_groups(const char *status, gid_t **ret_groups);
