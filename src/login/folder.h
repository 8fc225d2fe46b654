/* SPDX-License-Identifier: MIT */
/*
 * Where logins are kept: <state>/logins, 0700, and in it for each
 *
 *     NAME.json   the login (record.h), 0600
 *     NAME.new    the next version of it, while it is written
 *     NAME.lock   held by flock by who changes the login
 *
 * A change is durable before it is used: the room for it is made and synced first (login_reserve),
 * so that a disk that fills in between loses no token that the server gave; then it is written,
 * synced and renamed:
 *
 *     no NAME.new --login_reserve--> room --login_save--> text, synced --login_save--> NAME.json
 *          ^                          |                    |
 *          +-- login_release ---------+                    |
 *          +-- login_lock by the next, after a SIGKILL ----+--> NAME.json, if the text is whole
 *
 * Who has a version that the disk does not take keeps NAME.new open, and so its flock (login_reserve):
 * then others leave it alone (login_is_held), or put another login in its place (login_reserve).
 * Errors: as of base/private.h, -ENOENT: no such login, -EBADMSG: it cannot be read.
 * Thread rule: any thread; login_lock() waits for other processes.
 */
#pragma once

#include "login/record.h"

/* <state>/logins; owned. */
char *login_folder(void);

int login_load(const char *name, struct login *ret_login);
/* The names in alphabetical order (of char *, freed with it). Never NULL. */
GPtrArray *login_names(void);

/* Locks the login, which need not be there yet, and finishes the change of a process that was killed
 * when it had written all. The descriptor is the caller's to close. */
int login_lock(const char *name, int *ret_fd);
/* Under the lock: true if a living process has a newer version, which it could not write. */
bool login_is_held(const char *name);
/* Under the lock: makes the room for the next version, in the place of any other. The descriptor is
 * the caller's to close. */
int login_reserve(const char *name, int *ret_fd);
/* Under the lock: true if `fd` of login_reserve() is still the room for the next version. */
bool login_is_reserved(const char *name, int fd);
/* Under the lock: gives the room back, if it was not written to. */
void login_release(const char *name);
/* Under the lock: writes the login into `fd` of login_reserve() and makes it the one that is kept. */
int login_save(const struct login *l, int fd);
/* Under the lock: -ENOENT if it is not there. */
int login_remove(const char *name);
