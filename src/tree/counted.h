/* SPDX-License-Identifier: MIT */
/*
 * Numbers of what has no lasting row: names that somebody made up, such as the address of somebody
 * never written to (direct.c), and queries. The kernel counts its references to an inode: each reply
 * that names it adds one, FORGET takes some back. While there are any, the table knows what the number
 * stands for: a kind and a key. No row of the store is made for it.
 *
 *                 counted_hold()                      counted_drop(): the last one
 *     no number ------------------> COUNTED ---------------------------------------> IDLE
 *         ^                            ^          counted_hold() within 10 s           |
 *         |                            +-----------------------------------------------+
 *         +------------------------------------------------- 10 s, or the table is full
 *
 *  1. A number is a rowid out of the store's counter (store_new_rowid), so it is unique among all
 *     rows, and never used again.
 *  2. Of one kind and key there is one number at a time. Programs that compare the inodes of one file
 *     (find, tar) may let go of it between two looks: therefore it stays for ten seconds.
 *  3. At most COUNTED_MAX are held; then counted_hold() fails with -ENFILE.
 *  4. Several kinds of files may share a row (a directory and its post files): their counts add up.
 *  5. The kernel forgets a name when it needs the memory, when it is told to, or at unmount, not when
 *     its time-out is over. So the table also knows the names under which the kernel was given the
 *     numbers, which may be several (one address in capitals and not). Of more than
 *     COUNTED_NAMES_MAX names, counted_take_name() gives those whose number was used longest ago, and
 *     the kernel is told to drop them: it forgets the number if nobody has it open or stands in it.
 *
 * Thread rule: any thread. Lock: counted.lock; nothing but store_new_rowid() is called under it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "store/store.h"
#include "tree/ino.h"

#define COUNTED_MAX 65536
/* The kernel takes a while to forget; meanwhile there is room for more. */
#define COUNTED_NAMES_MAX (COUNTED_MAX / 4 * 3)

struct counted;

/* `store` and `clock` are borrowed. */
struct counted *counted_new(struct store *store, const struct clock *clock);
/* Whatever the kernel still counts: it forgets all at unmount. */
void counted_free(struct counted **c);

/* The number of (kind, key), with one more reference. 0 or -ENFILE. */
int counted_hold(struct counted *c, enum tree_kind kind, const char *key, int64_t *ret_row);
/* The kernel is about to be given the number under this name; called by who holds it. */
void counted_name(struct counted *c, int64_t row, uint64_t dir, const char *name);
/* A name that the kernel shall drop, each once; *ret_name is owned. False: there are few. */
bool counted_take_name(struct counted *c, uint64_t *ret_dir, char **ret_name);
/* True if it has a number now. */
bool counted_is_known(struct counted *c, enum tree_kind kind, const char *key);
/* What the number stands for; *ret_key is owned. -ESTALE: nobody holds it any longer. */
int counted_key(struct counted *c, int64_t row, char **ret_key);
/* One more reference to a number that somebody holds; no effect on a row of the store. */
void counted_add(struct counted *c, int64_t row);
/* `n` references less; no effect on a row of the store. */
void counted_drop(struct counted *c, int64_t row, uint64_t n);
