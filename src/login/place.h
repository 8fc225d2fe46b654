/* SPDX-License-Identifier: MIT */
/*
 * Where the tokens of a login are kept (design 2.8): in its file, or in the keyring (keyring.h); then the
 * file has all but them. The rest of the program does not know which.
 *
 *     `sparkfs login` --login_put: a new item--> its file names the item; login_drop: the other items go
 *     read --login_fetch--> with its tokens
 *     refreshed --login_keep--> in the keyring, then in the file: the new times
 *        the keyring fails, the refresh token is the old one--> nothing is written: the old one serves again
 *        the keyring fails, the refresh token is a new one--> waits: the tokens are in the file (0600), since
 *                                         the old ones may be worth nothing --login_settle--> in the keyring
 *
 * Errors: as of folder.h and keyring.h; each that has a `ret_reason` gives one line (owned).
 * Thread rule: one thread, of a process that is no mount's.
 */
#pragma once

#include "login/record.h"

/* Whether the place takes tokens now. Before anybody is asked for them. */
int login_place_check(enum login_place place, char **ret_reason);

/* login_load(), and its tokens. -ENOKEY: they are lost. */
int login_fetch(const char *name, struct login *ret_login, char **ret_reason);
/* Under the lock: hands new tokens to the place. With LOGIN_IN_KEYRING it makes l->item. */
int login_put(struct login *l, char **ret_reason);
/* Under the lock: keeps a login that was refreshed. `fd` is that of login_reserve(). With 0 and a reason
 * (NULL otherwise) its place did not take it: then it waits, or nothing was written. */
int login_keep(struct login *l, int fd, char **ret_reason);
/* Under the lock: if its tokens wait, tries to bring them where they belong. */
int login_settle(struct login *l, char **ret_reason);
/* Under the lock: removes what the keyring has of logins of that name, and the item `gone`, but not the item
 * `kept`. Both may be NULL. */
int login_drop(const char *name, const char *kept, const char *gone, char **ret_reason);
