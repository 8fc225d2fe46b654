/* SPDX-License-Identifier: MIT */
/*
 * Who watches a mount: the kernel tells the watches of a process, by inotify and by fanotify, in the
 * lines of /proc/PID/fdinfo/FD (the manual of proc), and tells them nowhere else.
 *
 * Thread rule: any thread that may take its time; a look at thousands of processes takes a tenth of a
 * second. Nothing here follows a path in the mount, so nothing waits for it.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <glib.h>

/* Of a mark that is on a whole mount or file system. */
#define MARKS_ALL UINT64_MAX

struct marks {
	GHashTable *inodes; /* a set of uint64_t: what is watched; MARKS_ALL */
	GHashTable *hidden; /* a set of pid_t: processes whose watches we may not see */
};

struct marks marks_new(void);
void marks_free(struct marks *m);

/*
 * Finds the watches on the file system with the device number 0:minor. `proc` is where proc is
 * mounted. Ends early when *is_over. -errno: there is no proc, or it shows not even us.
 */
int marks_find(const char *proc, unsigned minor, const atomic_bool *is_over, struct marks *ret);

/* True if the thread's process is there, and what it watches could not be seen when `m` was made.
 * *ret_pid: that process. */
bool marks_is_hidden(const struct marks *m, const char *proc, pid_t tid, pid_t *ret_pid);
