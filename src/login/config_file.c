/* SPDX-License-Identifier: MIT */
#include "login/config_file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/home.h"
#include "base/state.h"
#include "base/trusted.h"

#define CONFIG_FILE_MAX 65536
#define ACCOUNT "account "

/* ---- reading ---- */

static void free_file(void *file)
{
	struct config_file *f = file;

	g_free(f->path);
	g_key_file_unref(f->keys);
	g_free(f);
}

/* True if the way to the file ends at a folder of another user, as below the home that sudo leaves in the
 * environment: then no file there is the user's. A file of the user's own that cannot be read is a fault. */
static bool is_elsewhere(const char *path)
{
	_cleanup_gfree_ char *folder = g_path_get_dirname(path);
	struct stat st;

	while (stat(folder, &st) < 0 && strcmp(folder, "/") != 0) {
		char *parent = g_path_get_dirname(folder);

		g_free(folder);
		folder = parent;
	}
	return st.st_uid != geteuid();
}

/* Adds what is there. 0 or -errno. */
static int read_file(GPtrArray *files, const char *folder, bool is_system, char **ret_reason)
{
	_cleanup_gfree_ char *path = g_build_filename(folder, "sparkfs", "config", NULL);
	_cleanup_gfree_ char *text = NULL, *why = NULL;
	enum trusted_kind kind = is_system ? TRUSTED_SYSTEM : TRUSTED_CONFIG;
	struct config_file *f;
	GError *error = NULL;
	size_t len;
	int r = trusted_read(path, kind, CONFIG_FILE_MAX, &text, &len, &why);

	if (r == -ENOENT || r == -ENOTDIR || (r == -EACCES && !is_system && is_elsewhere(path)))
		return 0;
	if (r < 0) {
		*ret_reason = g_strdup_printf("%s: %s", path, why);
		return r;
	}
	f = g_new0(struct config_file, 1);
	*f = (struct config_file){
		.path = steal_ptr(&path), .is_system = is_system, .keys = g_key_file_new()};
	g_ptr_array_add(files, f);
	/* Of nothing at all the parser says that it is no file. */
	if (*text && !g_key_file_load_from_data(f->keys, text, len, G_KEY_FILE_NONE, &error)) {
		*ret_reason = g_strdup_printf("%s: %s", f->path, error->message);
		g_error_free(error);
		return -EINVAL;
	}
	return 0;
}

int config_open(struct config *ret_config, char **ret_reason)
{
	GPtrArray *files = g_ptr_array_new_with_free_func(free_file);
	const char *const *dirs = g_get_system_config_dirs();
	const char *user = g_get_user_config_dir();
	_cleanup_gfree_ char *usual = g_build_filename(g_get_home_dir(), ".config", NULL);
	int r = read_file(files, g_path_is_absolute(user) ? user : usual, false, ret_reason);

	for (; r == 0 && *dirs; dirs++)
		if (g_path_is_absolute(*dirs))
			r = read_file(files, *dirs, true, ret_reason);
	if (r < 0)
		g_ptr_array_unref(files);
	else
		*ret_config = (struct config){.files = files};
	return r;
}

void config_close(struct config *c)
{
	if (c->files)
		g_ptr_array_unref(c->files);
	*c = (struct config){0};
}

/* ---- what may stand there ---- */

static const struct {
	const char *group;
	const char *keys[6];
} known[] = {
	{"integration",
	 {"client_id", "client_secret_command", "client_secret_file", "scopes", "port"}},
	{"defaults", {"url", "options"}},
	{ACCOUNT, {"url", "mountpoint", "options"}},
};

/* The keys of the group (ends with NULL); NULL: it is unknown. */
static const char *const *keys_of(const char *group)
{
	for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
		bool is_account = strcmp(known[i].group, ACCOUNT) == 0;

		if (is_account ? g_str_has_prefix(group, ACCOUNT) &&
					 state_name_is_good(group + strlen(ACCOUNT))
			       : strcmp(group, known[i].group) == 0)
			return known[i].keys;
	}
	return NULL;
}

int config_refuse(const struct config_file *f, const char *group, const char *key,
		  const char *why, char **ret_reason)
{
	*ret_reason = g_strdup_printf("%s: [%s] %s: %s", f->path, group, key, why);
	return -EINVAL;
}

static char *say_group(const struct config_file *f, const char *group)
{
	bool is_account = g_str_has_prefix(group, "account");

	return g_strdup_printf(
		"%s: [%s]: %s", f->path, group,
		is_account ? "a group [account NAME] has a name of letters, digits and @._+-"
			   : "unknown; there are [integration], [defaults] and [account NAME]");
}

static char *say_key(const struct config_file *f, const char *group, const char *key,
		     const char *const *keys)
{
	_cleanup_gfree_ char *list = g_strjoinv(", ", (char **)keys);

	if (strcmp(key, "client_secret") == 0)
		return g_strdup_printf("%s: [%s] %s: the secret does not stand here: "
				       "client_secret_file= or client_secret_command=",
				       f->path, group, key);
	return g_strdup_printf("%s: [%s] %s: unknown key; there are %s", f->path, group, key,
			       list);
}

static int check_group(const struct config_file *f, const char *group, char **ret_reason)
{
	const char *const *known_keys = keys_of(group);
	char **keys = g_key_file_get_keys(f->keys, group, NULL, NULL);

	if (!known_keys)
		*ret_reason = say_group(f, group);
	for (char **key = keys; known_keys && !*ret_reason && key && *key; key++)
		if (!g_strv_contains(known_keys, *key))
			*ret_reason = say_key(f, group, *key, known_keys);
	g_strfreev(keys);
	return *ret_reason ? -EINVAL : 0;
}

int config_check(const struct config *c, char **ret_reason)
{
	int r = 0;

	*ret_reason = NULL;
	for (guint i = 0; r == 0 && i < c->files->len; i++) {
		const struct config_file *f = c->files->pdata[i];
		char **groups = g_key_file_get_groups(f->keys, NULL);

		for (char **group = groups; r == 0 && *group; group++)
			r = check_group(f, *group, ret_reason);
		g_strfreev(groups);
	}
	return r;
}

/* ---- what stands there ---- */

char *config_get_of(const struct config_file *f, const char *group, const char *key)
{
	char *value = g_key_file_get_value(f->keys, group, key, NULL);

	return value && *g_strstrip(value) ? value : (g_free(value), NULL);
}

char *config_get(const struct config *c, const char *group, const char *key,
		 const struct config_file **ret_file)
{
	char *value = NULL;

	for (guint i = 0; !value && i < c->files->len; i++) {
		value = config_get_of(c->files->pdata[i], group, key);
		if (value && ret_file)
			*ret_file = c->files->pdata[i];
	}
	return value;
}

char *config_account_group(const char *name)
{
	return g_strconcat(ACCOUNT, name, NULL);
}

GPtrArray *config_accounts(const struct config *c)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);

	for (guint i = 0; i < c->files->len; i++) {
		const struct config_file *f = c->files->pdata[i];
		char **groups = g_key_file_get_groups(f->keys, NULL);

		for (char **group = groups; *group; group++) {
			const char *name = *group + strlen(ACCOUNT);

			if (g_str_has_prefix(*group, ACCOUNT) &&
			    !g_ptr_array_find_with_equal_func(names, name, g_str_equal, NULL))
				g_ptr_array_add(names, g_strdup(name));
		}
		g_strfreev(groups);
	}
	return names;
}

char *config_path(const struct config_file *f, const char *value)
{
	_cleanup_gfree_ char *folder = g_path_get_dirname(f->path);
	char *path = home_path(value);

	return path ? path : g_canonicalize_filename(value, folder);
}
