/* SPDX-License-Identifier: MIT */
#include "login/config.h"

#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/trusted.h"
#include "webex/command.h"
#include "webex/token.h"
#include "webex/variables.h"

#define GROUP "integration"
#define SECRET_MAX 4096
#define COMMAND_TIMEOUT_MS 30000

#ifndef SPARKFS_CLIENT_ID
#define SPARKFS_CLIENT_ID ""
#define SPARKFS_CLIENT_SECRET ""
#endif

void login_integration_clear(struct login_integration *i)
{
	webex_token_wipe(i->secret);
	g_free(i->id);
	g_free(i->scopes);
	g_free(i->source);
	*i = (struct login_integration){0};
}

/* ---- the secret ---- */

/* What a config of the whole system names may be readable, as the config is. */
static int read_secret(const char *path, bool is_system, char **ret_secret, char **ret_reason)
{
	_cleanup_gfree_ char *why = NULL;
	char *text;
	size_t len;
	int r = trusted_read(path, is_system ? TRUSTED_SYSTEM : TRUSTED_SECRET, SECRET_MAX,
			     &text, &len, &why);

	if (r < 0) {
		*ret_reason = g_strdup_printf("client_secret_file %s: %s", path, why);
		return r;
	}
	*ret_secret = g_strdup(g_strstrip(text));
	explicit_bzero(text, len);
	g_free(text);
	return 0;
}

static int ask_command(const char *command, char **ret_secret, char **ret_reason)
{
	static const atomic_bool never = false;
	GString *out = g_string_sized_new(COMMAND_OUTPUT_MAX + 1);
	GString *err = g_string_sized_new(COMMAND_OUTPUT_MAX + 1);
	int r = command_run(command, COMMAND_TIMEOUT_MS, &never, out, err);

	if (r == 0) {
		out->str[strcspn(out->str, "\n")] = '\0';
		*ret_secret = g_strdup(g_strstrip(out->str));
	} else {
		*ret_reason = g_strdup_printf("client_secret_command failed: %s",
					      r == -EACCES ? "its exit status is not 0"
							   : g_strerror(-r));
	}
	explicit_bzero(out->str, out->allocated_len);
	g_string_free(out, TRUE);
	g_string_free(err, TRUE);
	return r;
}

/* ---- where it is ---- */

static int from_environment(struct login_integration *i)
{
	const char *id = webex_variable(WEBEX_VARIABLE_CLIENT_ID);
	const char *secret = webex_variable(WEBEX_VARIABLE_CLIENT_SECRET);

	if (!id)
		return -ENOKEY;
	i->id = g_strdup(id);
	i->secret = g_strdup(secret ? secret : "");
	i->source = g_strdup(webex_variable_name(WEBEX_VARIABLE_CLIENT_ID));
	return 0;
}

static char *config_text(GKeyFile *file, const char *key)
{
	char *text = g_key_file_get_string(file, GROUP, key, NULL);

	return text && *g_strstrip(text) ? text : (g_free(text), NULL);
}

/* A secret's own words beside the id. */
static int secret_of(GKeyFile *file, const char *path, bool is_system, char **ret_secret,
		     char **ret_reason)
{
	_cleanup_gfree_ char *command = config_text(file, "client_secret_command");
	_cleanup_gfree_ char *name = config_text(file, "client_secret_file");

	if (command)
		return ask_command(command, ret_secret, ret_reason);
	if (name) {
		_cleanup_gfree_ char *folder = g_path_get_dirname(path);
		_cleanup_gfree_ char *full =
			name[0] == '~' && name[1] == '/'
				? g_build_filename(g_get_home_dir(), name + 2, NULL)
				: g_canonicalize_filename(name, folder);

		return read_secret(full, is_system, ret_secret, ret_reason);
	}
	*ret_reason =
		g_strdup_printf("%s: client_id is there, but neither client_secret_command "
				"nor client_secret_file",
				path);
	return -EINVAL;
}

static int from_file(const char *path, bool is_system, struct login_integration *i,
		     char **ret_reason)
{
	GKeyFile *file = g_key_file_new();
	GError *error = NULL;
	int r = -ENOKEY;

	if (!g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, &error)) {
		if (!g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
			*ret_reason = g_strdup_printf("%s: %s", path, error->message);
			r = -EINVAL;
		}
		g_error_free(error);
	} else if ((i->id = config_text(file, "client_id"))) {
		i->scopes = config_text(file, "scopes");
		i->port = g_key_file_get_integer(file, GROUP, "port", NULL);
		i->source = g_strdup(path);
		r = secret_of(file, path, is_system, &i->secret, ret_reason);
	}
	g_key_file_unref(file);
	return r;
}

static int from_system(struct login_integration *i, char **ret_reason)
{
	const char *const *dirs = g_get_system_config_dirs();
	int r = -ENOKEY;

	for (; r == -ENOKEY && *dirs; dirs++) {
		_cleanup_gfree_ char *path = g_build_filename(*dirs, "sparkfs", "config", NULL);

		r = from_file(path, true, i, ret_reason);
	}
	return r;
}

static int built_in(struct login_integration *i)
{
	if (!*SPARKFS_CLIENT_ID)
		return -ENOKEY;
	i->id = g_strdup(SPARKFS_CLIENT_ID);
	i->secret = g_strdup(SPARKFS_CLIENT_SECRET);
	i->source = g_strdup("what was built in");
	return 0;
}

int login_integration_find(struct login_integration *ret_integration, char **ret_reason)
{
	_cleanup_gfree_ char *path =
		g_build_filename(g_get_user_config_dir(), "sparkfs", "config", NULL);
	struct login_integration i = {0};
	int r = from_environment(&i);

	if (r == -ENOKEY)
		r = from_file(path, false, &i, ret_reason);
	if (r == -ENOKEY)
		r = from_system(&i, ret_reason);
	if (r == -ENOKEY)
		r = built_in(&i);
	if (r == 0 && (i.port < 0 || i.port > 65535)) {
		*ret_reason = g_strdup_printf("%s: port=%d is no port", i.source, i.port);
		r = -EINVAL;
	}
	if (r < 0) {
		if (r == -ENOKEY)
			*ret_reason = g_strdup("no integration is configured");
		login_integration_clear(&i);
		return r;
	}
	if (!i.scopes)
		i.scopes = g_strdup(LOGIN_DEFAULT_SCOPES);
	if (!i.port)
		i.port = LOGIN_DEFAULT_PORT;
	*ret_integration = i;
	return 0;
}
