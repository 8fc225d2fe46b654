/* SPDX-License-Identifier: MIT */
/*
 * Reads and writes whole ranges of files by their offset and goes on after an interruption. The
 * descriptor's own offset is neither used nor moved. After an error some of the bytes may be
 * written.
 * Thread rule: any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * True if `fd` is one of the last descriptors that this process may have: the kernel gives the
 * lowest number that is free, so a high one says how many are in use. Code that makes descriptors
 * for callers without a bound stops there, since connections and letters need some, too.
 */
bool fd_is_scarce(int fd);
/* 0 or -errno. */
int fd_write_all(int fd, const void *buf, size_t len, int64_t offset);
/* Copies the bytes [lo, hi) to the same place of another file. 0 or -errno; -EIO if `from` is
 * shorter. */
int fd_copy(int from, int to, int64_t lo, int64_t hi);
/* True if both files can be read and have the same bytes. */
bool fd_is_same(int a, int b);
