/* SPDX-License-Identifier: MIT */
/*
 * Folders and files of our own, at paths where somebody else may have put something: -o
 * cache=DIR may lie in a folder that others write to, and it may hold the person's own files
 * under names that we use.
 *
 *  - A folder is never opened through a link in the last part of its path, and its owner is
 *    checked on the open descriptor.
 *  - A file is opened only if it is regular, ours, and has no second name: no link, no FIFO
 *    (whose open would wait for its other end), no directory, no hard link to a file that is
 *    kept elsewhere. A new file is 0600.
 *  - What is not ours is neither changed nor deleted.
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
 * A folder of ours, made if it is missing; its parent exists. If others can look into it, it
 * becomes 0700, unless it holds a name that is not ours: then it is a folder of the person's
 * own that happens to have this name. `is_ours` says which names are ours; NULL: all.
 */
int private_dir(const char *path, bool (*is_ours)(const char *name));

/* Opens a file; `flags` as of open(2). The descriptor is owned. */
int private_file(const char *path, int flags, int *ret_fd);
/* Reads a whole file of at most `max` bytes. *ret_text is owned and NUL-terminated; ret_len may
 * be NULL. */
int private_read(const char *path, size_t max, char **ret_text, size_t *ret_len);

/* True for `digits` hexadecimal digits and `suffix`, also with the ending that
 * g_file_set_contents() adds while it writes the file. */
bool private_is_hash_name(const char *name, size_t digits, const char *suffix);
