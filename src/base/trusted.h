/* SPDX-License-Identifier: MIT */
/*
 * Files that a person named, and that decide something: a token, the secret of an integration, a
 * configuration. Unlike our own files (private.h) they may be links, and may be root's. Who else may have
 * to do with them is decided here alone:
 *
 *     TRUSTED_SECRET   nobody else may read or write it
 *     TRUSTED_CONFIG   nobody else may write it, or put another one in its place
 *     TRUSTED_SYSTEM   as TRUSTED_CONFIG, and it is root's
 *
 * "Nobody else" is nobody but the user and root. Of a configuration alone, the user's own group may write
 * it if nobody else is in it, since some systems make each file so.
 * No state; any thread. The file is read without waiting: a FIFO is refused.
 */
#pragma once

#include <stddef.h>

enum trusted_kind { TRUSTED_SECRET, TRUSTED_CONFIG, TRUSTED_SYSTEM };

/*
 * Reads a whole file of at most `max` bytes. *ret_text is owned, NUL-terminated and perhaps a secret. On
 * failure *ret_why is why, for behind the name of the file (owned): -EPERM for who may have to do with it,
 * -EFBIG, or what the system says.
 */
int trusted_read(const char *path, enum trusted_kind kind, size_t max, char **ret_text,
		 size_t *ret_len, char **ret_why);
