/* SPDX-License-Identifier: MIT */
/*
 * Where a login is mounted if no mount point is given, as for a service: on ~/webex-NAME. It is a
 * folder beside ~/webex, not in it, since that may be the mount of another account.
 * Thread rule: the main thread.
 */
#pragma once

/* 0 and the folder (owned), which is made if it is missing, for its owner alone; or -errno and one line
 * in *ret_reason (owned). */
int where_is(const char *login, char **ret_path, char **ret_reason);
