/* SPDX-License-Identifier: MIT */
/* Drafts that begin with existing bytes. */
#include <errno.h>
#include <unistd.h>

#include "base/snapshot.h"
#include "outbox/draft.h"

int draft_fill(struct draft *d, draft_source read, void *arg)
{
	char buf[65536];
	int64_t at = 0;
	ssize_t n;

	if (draft_get_form(d) == LETTER_FILE)
		snapshot_assert_none();
	while ((n = read(arg, buf, sizeof(buf), at)) > 0) {
		n = draft_write(d, buf, (size_t)n, at, false);
		if (n < 0)
			break;
		at += n;
	}
	return (int)n;
}

static ssize_t read_fd(void *arg, void *buf, size_t len, int64_t offset)
{
	ssize_t n;

	do
		n = pread(*(int *)arg, buf, len, offset);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

int draft_fill_fd(struct draft *d, int fd)
{
	return draft_fill(d, read_fd, &fd);
}
