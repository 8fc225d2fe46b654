/* SPDX-License-Identifier: MIT */
/*
 * Checks the directory to mount on, and whether the mount answers. It never touches a file
 * system that is already mounted there, which may hang: /proc/self/mountinfo is read first, and
 * a child looks into the directory. Thread rule: the main thread, before there are others
 * (mountpoint_answers forks).
 */
#pragma once

/*
 * 0 and the absolute path without symbolic links in *ret_path (owned), or -errno and one line
 * without "sparkfs:" in *ret_reason (owned) saying what is wrong and what to do.
 */
int mountpoint_check(const char *typed, char **ret_path, char **ret_reason);

/* 1: something is mounted on exactly this path; the type of what was mounted last is in *ret_type
 * (owned; ret_type may be NULL; *ret_type is NULL where it is not told). 0: nothing is, or autofs alone
 * (then that is the type), which waits for what is to be mounted there, as x-systemd.automount makes it. */
int mountpoint_is_mounted(const char *path, char **ret_type);
/* The same in the text of /proc/self/mountinfo. Pure, fuzzed. */
int mountpoint_find(const char *mountinfo, const char *path, char **ret_type);

/* stat of the path by a child, for at most `timeout_ms`: 0, -errno of the stat, -ETIMEDOUT. */
int mountpoint_answers(const char *path, int timeout_ms);
