/* SPDX-License-Identifier: MIT */
/*
 * What the configuration (login/config_file.h) says of mounts, and which account a mount is of.
 *
 *     [defaults]
 *     url=https://webexapis.com/v1
 *     options=recent=500,poll=60
 *
 *     [account work]
 *     url=...
 *     mountpoint=~/webex
 *     options=cache_size=10G
 *
 * The account is that of -o account=, or the one whose mount point is given, or that of the only login. Options
 * of the command line win over [account], and those over [defaults]; of each group, the user's file over a
 * system's. So does a url.
 * Thread rule: the main thread, before there are others.
 */
#pragma once

#include "main/options.h"

/*
 * Reads the command line again over what the configuration says of it: `o` is what options_parse() made of it alone.
 * 0, or -errno and one line in *ret_reason (owned). On failure `o` is as it was.
 */
int settings_apply(int argc, const char *const *argv, struct options *o, char **ret_reason);
/* What a login under that name (NULL: none is given) goes by: url, proxy and cacert of *ret_options. 0 or
 * -errno, as above. */
int settings_of_login(const char *name, struct options *ret_options, char **ret_reason);
