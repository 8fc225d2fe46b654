/* SPDX-License-Identifier: MIT */
/*
 * Checks the directory to mount on, and whether the mount answers. It never touches a file
 * system that is already mounted there, which may hang: /proc/self/mountinfo is read first, and
 * a child looks into the directory. Thread rule: the main thread. Where there are
 * others, the child may call no more than what a handler of signals may.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/*
 * 0 and the absolute path without symbolic links in *ret_path (owned), or -errno and one line
 * without "sparkfs:" in *ret_reason (owned) saying what is wrong and what to do.
 * A dead mount of this user's that sparkfs has left, since it was killed, is no hindrance: mountpoint_free
 * removes it.
 */
int mountpoint_check(const char *typed, char **ret_path, char **ret_reason);
/*
 * Right before the mount, at the path of mountpoint_check: removes such dead mounts by `unmount` (0 or
 * -errno), and then checks the directory below them. Called while the lock of the account is held, so that
 * no other sparkfs of the account mounts there between the look and the removal. Errors as there.
 */
int mountpoint_free(const char *path, int (*unmount)(const char *path), char **ret_reason);

/* 1: something is mounted on exactly this path; the type of what was mounted last is in *ret_type
 * (owned; ret_type may be NULL; *ret_type is NULL where it is not told). 0: nothing is, or autofs alone
 * (then that is the type), which waits for what is to be mounted there, as x-systemd.automount makes it. */
int mountpoint_is_mounted(const char *path, char **ret_type);
/* The same in the text of /proc/self/mountinfo. Pure, fuzzed. */
int mountpoint_find(const char *mountinfo, const char *path, char **ret_type);
/* True if what was mounted there last is sparkfs, and this user's. Pure, fuzzed. */
bool mountpoint_is_of(const char *mountinfo, const char *path, uid_t uid);

/* The file system is asked for the attributes of the path by a child, for at most `timeout_ms`: 0, its -errno, -ETIMEDOUT. */
int mountpoint_answers(const char *path, int timeout_ms);
