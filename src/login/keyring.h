/* SPDX-License-Identifier: MIT */
/*
 * The tokens of logins in the Secret Service (GNOME's keyring, KWallet, KeePassXC). Each call runs the program
 * sparkfs-keyring, which ends with it (keyring_helper.c); no call makes the person see a prompt, and each
 * ends within KEYRING_LIMIT_MS, whatever the service does.
 *
 * An item is found by its own id, which NAME.json has and which is new with each `sparkfs login`: so that one
 * is whole, whenever a process was killed. To remove what no file names any more, it also has the folder of the
 * logins and the name. Its secret is all of the login, as record.h prints it.
 * Each: 0, or -errno and one line in *ret_reason (owned). -EAGAIN: not now (locked, no service, no answer);
 * -ENOKEY: there is no such item; -EBADMSG: it is that of another login.
 * Thread rule: one thread, of a process that is no mount's.
 */
#pragma once

#include "login/record.h"

#define KEYRING_LIMIT_MS 8000

/* Whether it would take an item now. */
int keyring_check(char **ret_reason);
/* Fills in the tokens of the login, and their times. */
int keyring_get(struct login *l, char **ret_reason);
int keyring_set(const struct login *l, char **ret_reason);
/* Removes all items of logins of that name, and the item `gone`, but not the item `kept`. Both may be NULL. */
int keyring_drop(const char *name, const char *kept, const char *gone, char **ret_reason);
