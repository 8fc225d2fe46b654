/* SPDX-License-Identifier: MIT */
/*
 * Descriptors: how many there may be, and whole ranges of files, read and written by their offset.
 * Reading and writing go on after an interruption. The descriptor's own offset is neither used nor
 * moved. After an error some of the bytes may be written.
 *
 *  1. Of the descriptors that the process may have, programs that use the mount get all but
 *     128 (fd_is_scarce); connections, the store and letters have those.
 *  2. A few more are there for letters alone (fd_openat_last), so that a text whose writer was told
 *     nothing is kept though everything else is used up.
 * Thread rule: any thread, but for fd_limit_raise().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Raises the limit of this process as far as it may. For main(), before there are threads. */
void fd_limit_raise(void);
/* The limit that was there before, which programs of the user get that we start; 0: it stayed. */
unsigned long fd_limit_before(void);

/*
 * True if `fd` is one of the last descriptors that this process may have: the kernel gives the
 * lowest number that is free, so a high one says how many are in use. Code that makes descriptors
 * for callers without a bound stops there, since connections and letters need some, too.
 */
bool fd_is_scarce(int fd);
/* -ENFILE if the next descriptor would be scarce. Else 0. */
int fd_check_left(void);
/* openat(), and dup(), with O_CLOEXEC, for what a letter needs. A descriptor, or -errno. */
int fd_openat_last(int dir_fd, const char *name, int flags, mode_t mode);
int fd_dup_last(int fd);

/* 0 or -errno. */
int fd_write_all(int fd, const void *buf, size_t len, int64_t offset);
/* Copies the bytes [lo, hi) to the same place of another file. 0 or -errno; -EIO if `from` is
 * shorter. */
int fd_copy(int from, int to, int64_t lo, int64_t hi);
/* True if both files can be read and have the same bytes. */
bool fd_is_same(int a, int b);
