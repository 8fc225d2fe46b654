/* SPDX-License-Identifier: MIT */
#include "login/config.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/trusted.h"
#include "login/built_in.h"
#include "login/config_file.h"
#include "webex/command.h"
#include "webex/token.h"
#include "webex/variables.h"

#define GROUP "integration"
#define SECRET_MAX 4096
#define COMMAND_TIMEOUT_MS 30000

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
	_cleanup_secret_ GString *out = g_string_sized_new(COMMAND_OUTPUT_MAX + 1);
	_cleanup_secret_ GString *err = g_string_sized_new(COMMAND_OUTPUT_MAX + 1);
	int r = command_run(command, COMMAND_TIMEOUT_MS, &never, out, err);

	if (r == 0) {
		out->str[strcspn(out->str, "\n")] = '\0';
		*ret_secret = g_strdup(g_strstrip(out->str));
	} else {
		*ret_reason = g_strdup_printf("client_secret_command failed: %s",
					      r == -EACCES ? "its exit status is not 0"
							   : g_strerror(-r));
	}
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

/* The secret stands, or is named, beside the id. */
static int secret_of(const struct config_file *f, char **ret_secret, char **ret_reason)
{
	_cleanup_gfree_ char *command = config_get_of(f, GROUP, "client_secret_command");
	_cleanup_gfree_ char *name = config_get_of(f, GROUP, "client_secret_file");
	_cleanup_gfree_ char *path = NULL;

	if (command && name)
		return config_refuse(f, GROUP, "client_secret_command",
				     "client_secret_file is there, too; one of them is enough",
				     ret_reason);
	if (command)
		return ask_command(command, ret_secret, ret_reason);
	if (!name)
		return config_refuse(
			f, GROUP, "client_id",
			"neither client_secret_command nor client_secret_file is beside it",
			ret_reason);
	path = config_path(f, name);
	return read_secret(path, f->is_system, ret_secret, ret_reason);
}

static int from_config(const struct config *c, struct login_integration *i, char **ret_reason)
{
	const struct config_file *f = NULL;

	i->id = config_get(c, GROUP, "client_id", &f);
	if (!i->id)
		return -ENOKEY;
	i->source = g_strdup(f->path);
	return secret_of(f, &i->secret, ret_reason);
}

static int built_in(struct login_integration *i)
{
	if (!*login_built_in_id)
		return -ENOKEY;
	i->id = g_strdup(login_built_in_id);
	i->secret = g_strdup(login_built_in_secret);
	i->source = g_strdup("what was built in");
	return 0;
}

/* The scopes and the port belong to an integration: a file that has the id of another one says nothing of
 * this one. */
static char *detail(const struct config *c, const struct login_integration *i, const char *key,
		    const struct config_file **ret_file)
{
	char *value = NULL;

	for (guint n = 0; !value && n < c->files->len; n++) {
		const struct config_file *f = c->files->pdata[n];
		_cleanup_gfree_ char *id = config_get_of(f, GROUP, "client_id");

		if (!id || strcmp(id, i->id) == 0)
			value = config_get_of(*ret_file = f, GROUP, key);
	}
	return value;
}

static int take_details(const struct config *c, struct login_integration *i, char **ret_reason)
{
	const struct config_file *f = NULL;
	_cleanup_gfree_ char *port = detail(c, i, "port", &f);
	guint64 number = LOGIN_DEFAULT_PORT;

	if (port && !g_ascii_string_to_unsigned(port, 10, 1, 65535, &number, NULL))
		return config_refuse(f, GROUP, "port", "not a number from 1 to 65535",
				     ret_reason);
	i->port = (int)number;
	i->scopes = detail(c, i, "scopes", &f);
	if (!i->scopes)
		i->scopes = g_strdup(LOGIN_DEFAULT_SCOPES);
	return 0;
}

static int find(const struct config *c, struct login_integration *i, char **ret_reason)
{
	int r = from_environment(i);

	if (r == -ENOKEY)
		r = from_config(c, i, ret_reason);
	if (r == -ENOKEY)
		r = built_in(i);
	if (r == -ENOKEY)
		*ret_reason = g_strdup("no integration is configured");
	return r < 0 ? r : take_details(c, i, ret_reason);
}

int login_integration_find(struct login_integration *ret_integration, char **ret_reason)
{
	struct login_integration i = {0};
	struct config config;
	int r = config_open(&config, ret_reason);

	if (r < 0)
		return r;
	r = find(&config, &i, ret_reason);
	config_close(&config);
	if (r < 0)
		login_integration_clear(&i);
	else
		*ret_integration = i;
	return r;
}
