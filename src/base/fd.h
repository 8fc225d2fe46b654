/* SPDX-License-Identifier: MIT */
/*
 * Bytes of files by their offset, all of them; what was interrupted is tried again. No offset of a
 * descriptor is used or moved. After an error some of the bytes may be written.
 * Thread rule: any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * It is one of the last that this process may have. The kernel gives the lowest number that is free, so a
 * high one says how many are in use. What others may make without end stops there: without a descriptor no
 * connection is made, and no letter is kept.
 */
bool fd_is_scarce(int fd);
/* 0 or -errno. */
int fd_write_all(int fd, const void *buf, size_t len, int64_t offset);
/* The bytes [lo, hi) to the same place of another file. 0 or -errno; -EIO if `from` is shorter. */
int fd_copy(int from, int to, int64_t lo, int64_t hi);
/* Both have the same bytes, as far as they can be read. */
bool fd_is_same(int a, int b);
