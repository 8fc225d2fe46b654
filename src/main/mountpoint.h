/* SPDX-License-Identifier: MIT */
/*
 * The directory to mount on: is it fit, does it answer. Never touches a file system that is
 * mounted there already (it may hang): /proc/self/mountinfo is asked first, and the look into
 * it is a child's. Thread rule: the main thread, before there are others (mountpoint_answers
 * forks).
 */
#pragma once

/*
 * 0 and the absolute path without symbolic links in *ret_path (owned), or -errno and one line
 * without "sparkfs:" in *ret_reason (owned) saying what is wrong and what to do.
 */
int mountpoint_check(const char *typed, char **ret_path, char **ret_reason);

/* 1: something is mounted on exactly this path; its type in *ret_type (owned; may be NULL). 0:
 * nothing is. */
int mountpoint_is_mounted(const char *path, char **ret_type);

/* stat of the path by a child, for at most `timeout_ms`: 0, -errno of the stat, -ETIMEDOUT. */
int mountpoint_answers(const char *path, int timeout_ms);
