/* SPDX-License-Identifier: MIT */
#include "main/choice.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "login/environment.h"
#include "login/folder.h"
#include "login/give.h"
#include "main/account.h"
#include "webex/api.h"
#include "webex/token.h"

void choice_clear(struct choice *c)
{
	g_free(c->name);
	g_free(c->base_url);
	g_free(c->person_id);
	g_free(c->file);
	*c = (struct choice){0};
}

/* True if -o account= means the login by its person: by the address, or by the folder of the account. */
static bool is_meant(const struct login *l, const char *account)
{
	struct account_roots roots;
	struct account_owner owner = {0};
	bool is_its;

	if (l->email && g_ascii_strcasecmp(l->email, account) == 0)
		return true;
	account_roots_init(&roots, NULL, false);
	is_its = account_owner_of(&roots, l->base_url, account, &owner) == 0 &&
		 strcmp(owner.id, l->person_id) == 0;
	account_owner_clear(&owner);
	account_roots_clear(&roots);
	return is_its;
}

/* The login that `account` means (borrowed from `names`); NULL: none, or more than one by its person. */
static const char *find_login(const GPtrArray *names, const char *account)
{
	const char *found = NULL;
	guint at;
	int n = 0;

	/* First the names, so that the tokens of other logins are not read for it. */
	if (g_ptr_array_find_with_equal_func((GPtrArray *)names, account, g_str_equal, &at))
		return names->pdata[at];
	for (guint i = 0; i < names->len; i++) {
		struct login l;

		if (login_load(names->pdata[i], &l) < 0)
			continue;
		if (is_meant(&l, account) && n++ == 0)
			found = names->pdata[i];
		login_clear(&l);
	}
	return n == 1 ? found : NULL;
}

/* The only login (borrowed). One of the environment is that of the environment alone. */
static const char *only_login(const GPtrArray *names)
{
	const char *only = NULL;
	int n = 0;

	for (guint i = 0; i < names->len; i++)
		if (!login_is_of_environment(names->pdata[i]) && n++ == 0)
			only = names->pdata[i];
	return n == 1 ? only : NULL;
}

/* True if the environment has a token, of whichever kind. */
static bool has_environment(void)
{
	return webex_token_is_in_environment() || login_is_in_environment();
}

/* The name (borrowed from `names`), NULL: no login that is kept. */
static const char *choose(const struct options *o, const GPtrArray *names)
{
	if (o->token_command || o->token_file)
		return NULL;
	if (o->account)
		return find_login(names, o->account);
	return has_environment() ? NULL : only_login(names);
}

char *choice_login_name(const struct options *o)
{
	GPtrArray *names = login_names();
	char *name = g_strdup(choose(o, names));

	g_ptr_array_unref(names);
	return name;
}

/* Says which logins there are, where none of them is chosen and there is no other token. */
static int check_choice(const struct options *o, const GPtrArray *names, char **ret_reason)
{
	_cleanup_gfree_ char *list = NULL;
	char **all = g_new0(char *, names->len + 1);
	guint n = 0;

	for (guint i = 0; i < names->len; i++)
		if (!login_is_of_environment(names->pdata[i]))
			all[n++] = names->pdata[i];
	list = g_strjoinv(", ", all);
	g_free(all);
	if (o->token_command || o->token_file || has_environment() || n == 0)
		return 0;
	if (o->account) {
		*ret_reason = g_strdup_printf("there is no login %s; there are: %s", o->account,
					      list);
		return -ENOKEY;
	}
	*ret_reason = g_strdup_printf(
		"there are several logins: %s; choose one by -o account=NAME", list);
	return -ENOTUNIQ;
}

static bool is_same_url(const char *typed, const char *base_url)
{
	_cleanup_gfree_ char *checked = NULL, *why = NULL;

	return webex_check_base_url(typed, &checked, &why) == 0 &&
	       strcmp(checked, base_url) == 0;
}

static int read_login(const struct options *o, const char *name, struct choice *ret_choice,
		      char **ret_reason)
{
	_cleanup_gfree_ char *folder = login_folder();
	struct login l;
	int r = login_load(name, &l);

	if (r < 0) {
		*ret_reason = g_strdup_printf("%s/%s.json: %s; sparkfs login %s makes it anew",
					      folder, name, g_strerror(-r), name);
		return r;
	}
	if (o->has_url && !is_same_url(o->url, l.base_url)) {
		*ret_reason = g_strdup_printf("the login %s is for %s, not for %s", name,
					      l.base_url, o->url);
		r = -EINVAL;
	} else {
		*ret_choice = (struct choice){
			.name = g_strdup(name),
			.base_url = g_strdup(l.base_url),
			.person_id = *l.person_id ? g_strdup(l.person_id) : NULL,
			.file = g_strdup(folder),
		};
	}
	login_clear(&l);
	return r;
}

/* The login of the environment's refresh token, which the server may have to be asked for first. */
static int take_environment(const struct options *o, struct choice *ret_choice,
			    char **ret_reason)
{
	_cleanup_gfree_ char *base_url = NULL, *why = NULL, *name = NULL;
	int r = webex_check_base_url(o->url, &base_url, &why);

	if (r < 0) {
		*ret_reason = g_strdup_printf("-o url=%s: %s", o->url, why ? why : "unusable");
		return r;
	}
	choice_tell_children(o);
	r = login_of_environment(base_url, &name, ret_reason);
	return r < 0 ? r : read_login(o, name, ret_choice, ret_reason);
}

int choice_make(const struct options *o, struct choice *ret_choice, char **ret_reason)
{
	GPtrArray *names = login_names();
	const char *name = choose(o, names);
	int r = name ? 0 : check_choice(o, names, ret_reason);

	*ret_choice = (struct choice){0};
	if (name)
		r = read_login(o, name, ret_choice, ret_reason);
	else if (r == 0 && !o->token_command && !o->token_file && login_is_in_environment())
		r = take_environment(o, ret_choice, ret_reason);
	g_ptr_array_unref(names);
	return r;
}

void choice_tell_children(const struct options *o)
{
	bool is_off = o->proxy && strcmp(o->proxy, "off") == 0;

	if (o->proxy) {
		g_unsetenv("NO_PROXY");
		g_setenv("no_proxy", is_off ? "*" : "", TRUE);
	}
	if (o->proxy && !is_off) {
		g_setenv("https_proxy", o->proxy, TRUE);
		g_setenv("http_proxy", o->proxy, TRUE);
	}
	if (o->cacert)
		g_setenv("CURL_CA_BUNDLE", o->cacert, TRUE);
}
