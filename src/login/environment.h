/* SPDX-License-Identifier: MIT */
/*
 * The login of CISCO_SPARK_REFRESH_TOKEN: one that is kept as others are (folder.h), under a name that the hash of
 * that token makes. So its successors are found when the same token is in the environment again, and win over
 * it, while another token is another login.
 *
 *     nothing kept --CISCO_SPARK_ACCESS_TOKEN works--> kept with both tokens
 *     nothing kept --there is none, or it is dead--> the refresh token is used, kept with what the service gives
 *     kept --> nothing is asked
 *
 * A session of its own does that, so that who is killed meanwhile loses no token.
 * Thread rule: the main thread, before there are others; waits for the network.
 */
#pragma once

#include <stdbool.h>

/* True if the environment has a refresh token, and no access token that comes before it: that of
 * WEBEX_ACCESS_TOKEN, WEBEX_TEAMS_ACCESS_TOKEN or SPARK_ACCESS_TOKEN. */
bool login_is_in_environment(void);
/* True if a login of that name is one of the environment, and so nobody's only login. */
bool login_is_of_environment(const char *name);
/* 0 and the name (owned); -ENOKEY: only another token helps; -errno. Then one line in *ret_reason (owned). */
int login_of_environment(const char *base_url, char **ret_name, char **ret_reason);
