/* SPDX-License-Identifier: MIT */
/*
 * Bytes of attachments, as files that are open while somebody reads them (a disk cache by
 * content id comes with `files/`). An entry lives from the first contents_open to the last
 * contents_close. Its file is an unlinked one in the spool folder. Thread rule: any thread.
 * Lock: contents.lock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct contents;

int contents_new(const char *spool_dir, struct contents **ret_contents);
void contents_free(struct contents **c);

/* Counts a reader of the content with this rowid (making the entry). *ret_ready: its bytes are
 * all here. */
int contents_open(struct contents *c, int64_t row, bool *ret_ready);
void contents_close(struct contents *c, int64_t row);
bool contents_is_ready(struct contents *c, int64_t row);
ssize_t contents_read(struct contents *c, int64_t row, void *buf, size_t len, int64_t offset);

/* For the fetch: a fresh descriptor to fill (owned), then published as the entry's bytes if
 * anybody still has it open. */
int contents_make(struct contents *c, int *ret_fd);
void contents_publish(struct contents *c, int64_t row, int fd, int64_t size); /* adopts fd */
