/* SPDX-License-Identifier: MIT */
/*
 * Folders and files of our own, at paths where anybody may have put anything: -o cache=DIR may be in
 * a folder that others write to, or hold things of the person's own under the names that we use.
 *
 *  - A folder is opened as what it is, never through a link in its last part, and its owner is
 *    looked at on the open descriptor.
 *  - A file is a regular one of ours that has no other name: no link, no FIFO (nothing waits for its
 *    other end), no directory, no second name of a file that is kept elsewhere. A new one is 0600.
 *  - What is there and is not ours is neither changed nor deleted.
 *
 * Errors: -ELOOP a link; -ENOTDIR, -EISDIR; -EPERM somebody else's; -EMLINK it has another name;
 * -EBADMSG no regular file, or longer than allowed; else what the system says.
 * No state; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * A folder that a person named (a link is followed, if it is his own or root's). Made if it is not there, 0700,
 * with its parents. It must be ours or root's. -EACCES: everybody may rename what is in it.
 */
int private_root(const char *path);

/*
 * A folder of ours. Made if it is not there (its parent is). One that others could look into becomes 0700,
 * unless it holds a name that is not ours: then it is somebody's own folder that happens to be called so.
 * is_ours NULL: everything in it is.
 */
int private_dir(const char *path, bool (*is_ours)(const char *name));

/* `flags` as of open(2). Owned descriptor. */
int private_file(const char *path, int flags, int *ret_fd);
/* All of a file of at most `max` bytes; owned, NUL-terminated. ret_len may be NULL. */
int private_read(const char *path, size_t max, char **ret_text, size_t *ret_len);

/* `digits` hexadecimal digits, then `suffix`; behind that maybe what g_file_set_contents() calls
 * a file that it is writing. */
bool private_is_hash_name(const char *name, size_t digits, const char *suffix);
