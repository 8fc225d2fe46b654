/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <unistd.h>

#include "cache/draft.h"

#define BLOCK_BYTES 65536

int draft_sha256(int fd, char **ret_hex)
{
	guchar block[BLOCK_BYTES];
	GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
	int64_t at = 0;
	int r = 0;

	for (;;) {
		ssize_t n = pread(fd, block, BLOCK_BYTES, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			r = n < 0 ? -errno : 0;
			break;
		}
		g_checksum_update(sum, block, n);
		at += n;
	}
	if (r == 0)
		*ret_hex = g_strdup(g_checksum_get_string(sum));
	g_checksum_free(sum);
	return r;
}
