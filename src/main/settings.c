/* SPDX-License-Identifier: MIT */
#include "main/settings.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/home.h"
#include "login/config_file.h"
#include "main/choice.h"
#include "webex/api.h"

#define DEFAULTS "defaults"

/* ---- the presets ---- */

static void clear_preset(void *preset)
{
	struct options_preset *p = preset;

	g_free((char *)p->text);
	g_free((char *)p->where);
	g_free((char *)p->folder);
}

/* Of struct options_preset, which own what they have. */
static GArray *new_presets(void)
{
	GArray *presets = g_array_new(FALSE, FALSE, sizeof(struct options_preset));

	g_array_set_clear_func(presets, clear_preset);
	return presets;
}

/* Adds those of the group, a system's before the user's. */
static void add_presets(const struct config *c, const char *group, GArray *presets)
{
	for (guint i = c->files->len; i-- > 0;) {
		const struct config_file *f = c->files->pdata[i];
		struct options_preset preset = {
			.text = config_get_of(f, group, "options"),
			.is_default = strcmp(group, DEFAULTS) == 0,
		};

		if (!preset.text)
			continue;
		preset.where = g_strdup_printf("%s: [%s] options", f->path, group);
		preset.folder = g_path_get_dirname(f->path);
		g_array_append_val(presets, preset);
	}
}

/* ---- what is wrong in any group ---- */

/* The path (owned) that a mountpoint= names; NULL: it is none. */
static char *mountpoint_of(const char *value)
{
	/* In which folder somebody is must not matter, and nobody mounts below ~/.config. */
	return *value == '/' ? g_strdup(value) : home_path(value);
}

static int check_file_group(const struct config_file *f, const char *group, char **ret_reason)
{
	_cleanup_gfree_ char *url = config_get_of(f, group, "url");
	_cleanup_gfree_ char *mountpoint = config_get_of(f, group, "mountpoint");
	_cleanup_gfree_ char *path = NULL, *base = NULL, *why = NULL;

	if (url && webex_check_base_url(url, &base, &why) < 0)
		return config_refuse(f, group, "url", why ? why : "unusable", ret_reason);
	if (!mountpoint)
		return 0;
	path = mountpoint_of(mountpoint);
	return path ? 0
		    : config_refuse(f, group, "mountpoint",
				    "not a path that begins with /, ~/ or $HOME/", ret_reason);
}

static int check_group(const struct config *c, const char *group, char **ret_reason)
{
	GArray *presets = new_presets();
	int r = 0;

	for (guint i = 0; r == 0 && i < c->files->len; i++)
		r = check_file_group(c->files->pdata[i], group, ret_reason);
	add_presets(c, group, presets);
	for (guint i = 0; r == 0 && i < presets->len; i++)
		r = options_check_preset(&g_array_index(presets, struct options_preset, i),
					 ret_reason);
	g_array_unref(presets);
	return r;
}

static int check_all(const struct config *c, char **ret_reason)
{
	GPtrArray *names = config_accounts(c);
	int r = config_check(c, ret_reason);

	if (r == 0)
		r = check_group(c, DEFAULTS, ret_reason);
	for (guint i = 0; r == 0 && i < names->len; i++) {
		_cleanup_gfree_ char *group = config_account_group(names->pdata[i]);

		r = check_group(c, group, ret_reason);
	}
	g_ptr_array_unref(names);
	return r;
}

/* ---- which account ---- */

/* The mount point's name below the real path of its parent: of what is mounted there itself nothing is asked, since
 * it may not answer. Owned. */
static char *real_place(const char *path)
{
	_cleanup_gfree_ char *full = g_canonicalize_filename(path, NULL);
	_cleanup_gfree_ char *parent = g_path_get_dirname(full);
	_cleanup_gfree_ char *name = g_path_get_basename(full);
	_cleanup_free_ char *real = realpath(parent, NULL);

	return g_build_filename(real ? real : parent, name, NULL);
}

/* The mount point of the account (owned); NULL: none is configured. */
static char *configured_mountpoint(const struct config *c, const char *name)
{
	_cleanup_gfree_ char *group = config_account_group(name);
	_cleanup_gfree_ char *value = config_get(c, group, "mountpoint", NULL);

	return value ? mountpoint_of(value) : NULL;
}

/* The account whose mount point it is (*ret_name is owned; NULL: none's). */
static int find_by_mountpoint(const struct config *c, const char *mountpoint, char **ret_name,
			      char **ret_reason)
{
	_cleanup_gfree_ char *wanted = real_place(mountpoint);
	GPtrArray *names = config_accounts(c);
	int r = 0;

	*ret_name = NULL;
	for (guint i = 0; r == 0 && i < names->len; i++) {
		_cleanup_gfree_ char *path = configured_mountpoint(c, names->pdata[i]);
		_cleanup_gfree_ char *place = path ? real_place(path) : NULL;

		if (!place || strcmp(place, wanted) != 0)
			continue;
		if (*ret_name) {
			*ret_reason = g_strdup_printf(
				"%s is the mount point of the accounts %s and %s; choose one "
				"by -o account=NAME",
				mountpoint, *ret_name, (char *)names->pdata[i]);
			g_clear_pointer(ret_name, g_free);
			r = -ENOTUNIQ;
		} else {
			*ret_name = g_strdup(names->pdata[i]);
		}
	}
	g_ptr_array_unref(names);
	return r;
}

static bool has_group(const struct config *c, const char *name)
{
	GPtrArray *names = config_accounts(c);
	bool has = g_ptr_array_find_with_equal_func(names, name, g_str_equal, NULL);

	g_ptr_array_unref(names);
	return has;
}

/* The name of the account (owned; NULL: it has none), by what the command line and [defaults] say. A group can
 * be called by another name of the account than -o account= has, such as that of the login. */
static int find_account(const struct config *c, const struct options *o, char **ret_name,
			char **ret_reason)
{
	_cleanup_gfree_ char *login = NULL;
	int r = 0;

	*ret_name = NULL;
	if (!o->account && o->mountpoint)
		r = find_by_mountpoint(c, o->mountpoint, ret_name, ret_reason);
	if (r < 0 || *ret_name)
		return r;
	if (!o->account || !has_group(c, o->account))
		login = choice_login_name(o);
	*ret_name = login && has_group(c, login) ? steal_ptr(&login) : g_strdup(o->account);
	return 0;
}

/* ---- putting it together ---- */

/* `group`: the account's, or NULL. */
static void take_url(const struct config *c, const char *group, struct options *o)
{
	char *url = NULL;

	if (o->has_url)
		return;
	if (group)
		url = config_get(c, group, "url", NULL);
	/* What is a login's own comes before a default. */
	o->has_url = url != NULL;
	if (!url)
		url = config_get(c, DEFAULTS, "url", NULL);
	if (url) {
		g_free(o->url);
		o->url = url;
	}
}

/* Where nothing is typed, a folder that is missing is made, as that of a login is (where.h). */
static void take_mountpoint(const struct config *c, const char *name, struct options *o)
{
	if (o->mountpoint || !name)
		return;
	o->mountpoint = configured_mountpoint(c, name);
	/* What is wrong with it is said when it is looked at. */
	if (o->mountpoint)
		(void)mkdir(o->mountpoint, 0700);
}

/* `name`: of the account, or NULL. */
static int parse_over(const struct config *c, const char *name, int argc,
		      const char *const *argv, struct options *ret_options, char **ret_reason)
{
	_cleanup_gfree_ char *group = name ? config_account_group(name) : NULL;
	GArray *presets = new_presets();
	enum options_verdict verdict;
	int r;

	add_presets(c, DEFAULTS, presets);
	if (group)
		add_presets(c, group, presets);
	r = options_parse_over((const struct options_preset *)(void *)presets->data,
			       presets->len, argc, argv, ret_options, &verdict, ret_reason);
	g_array_unref(presets);
	if (r == 0)
		take_url(c, group, ret_options);
	return r;
}

static int apply(const struct config *c, int argc, const char *const *argv,
		 struct options *options, char **ret_reason)
{
	_cleanup_gfree_ char *name = NULL;
	struct options o = {0};
	int r = check_all(c, ret_reason);

	if (r == 0)
		r = parse_over(c, NULL, argc, argv, &o, ret_reason);
	if (r < 0)
		return r;
	r = find_account(c, &o, &name, ret_reason);
	options_clear(&o);
	if (r == 0)
		r = parse_over(c, name, argc, argv, &o, ret_reason);
	if (r < 0)
		return r;
	take_mountpoint(c, name, &o);
	/* A mount point says the account as -o account= does. */
	o.is_account_configured = name && has_group(c, name);
	if (!o.account && o.is_account_configured)
		o.account = g_strdup(name);
	options_clear(options);
	*options = o;
	return 0;
}

int settings_apply(int argc, const char *const *argv, struct options *o, char **ret_reason)
{
	struct config config;
	int r = config_open(&config, ret_reason);

	if (r < 0)
		return r;
	r = apply(&config, argc, argv, o, ret_reason);
	config_close(&config);
	return r;
}

int settings_of_login(const char *name, struct options *ret_options, char **ret_reason)
{
	const char *const argv[] = {"sparkfs", "/"};
	struct config config;
	int r = config_open(&config, ret_reason);

	if (r < 0)
		return r;
	r = check_all(&config, ret_reason);
	if (r == 0)
		r = parse_over(&config, name, G_N_ELEMENTS(argv), argv, ret_options,
			       ret_reason);
	config_close(&config);
	return r;
}
