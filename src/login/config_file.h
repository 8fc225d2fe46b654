/* SPDX-License-Identifier: MIT */
/*
 * The configuration: $XDG_CONFIG_HOME/sparkfs/config (~/.config), and sparkfs/config below each of
 * XDG_CONFIG_DIRS (/etc/xdg). A key is taken from the first of these files that has it.
 *
 *     [integration]    client_id, client_secret_command or client_secret_file, scopes, port (config.h)
 *     [defaults]       url, options: of every mount
 *     [account NAME]   url, mountpoint, options: of the mounts of that account (main/settings.h)
 *
 *  1. What a configuration says can run commands and choose whom to trust. One that others can write is
 *     refused whole, and a system's must be root's (base/trusted.h).
 *  2. Values are taken as they stand: a backslash is no escape. An empty value counts as none.
 *  3. A file that is not there is none; every other fault is an error that names the file, and the group
 *     and the key where it is in one.
 * Thread rule: one thread; no state between calls.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

struct config_file {
	char *path;
	bool is_system;
	GKeyFile *keys;
};

/* Of struct config_file, the user's first. */
struct config {
	GPtrArray *files;
};

/* 0, or -errno and one line in *ret_reason (owned). */
int config_open(struct config *ret_config, char **ret_reason);
void config_close(struct config *c);

/* 0, or -EINVAL: there is a group, or a key in one, that nothing reads. */
int config_check(const struct config *c, char **ret_reason);
/* Says what is wrong with a value: one line in *ret_reason (owned). -EINVAL. */
int config_refuse(const struct config_file *f, const char *group, const char *key,
		  const char *why, char **ret_reason);
/* The value (owned), and in *ret_file, which may be NULL, where it stands; NULL: no file has the key. */
char *config_get(const struct config *c, const char *group, const char *key,
		 const struct config_file **ret_file);
/* The same of one file. */
char *config_get_of(const struct config_file *f, const char *group, const char *key);
/* "account NAME"; owned. */
char *config_account_group(const char *name);
/* The names of the accounts that have a group, each once (of char *, freed with it). */
GPtrArray *config_accounts(const struct config *c);
/* A path that stands in the file: one below the home (base/home.h), or else one that begins at the folder of
 * the file. Owned. */
char *config_path(const struct config_file *f, const char *value);
