/* SPDX-License-Identifier: MIT */
#include "main/choice.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "login/folder.h"
#include "login/give.h"
#include "webex/token.h"

void choice_clear(struct choice *c)
{
	g_free(c->name);
	g_free(c->base_url);
	g_free(c->person_id);
	g_free(c->file);
	*c = (struct choice){0};
}

static bool is_login(const GPtrArray *names, const char *name)
{
	return name &&
	       g_ptr_array_find_with_equal_func((GPtrArray *)names, name, g_str_equal, NULL);
}

/* The name (borrowed from one of the arguments), NULL: no login. */
static int choose(const struct options *o, const GPtrArray *names, const char **ret_name,
		  char **ret_reason)
{
	_cleanup_gfree_ char *list = NULL;

	*ret_name = NULL;
	if (o->token_command || o->token_file)
		return 0;
	if (is_login(names, o->account))
		*ret_name = o->account;
	else if (!webex_token_is_in_environment() && names->len == 1)
		*ret_name = names->pdata[0];
	if (*ret_name || webex_token_is_in_environment() || names->len == 0)
		return 0;
	for (guint i = 0; i < names->len; i++) {
		char *more =
			g_strconcat(list ? list : "", list ? ", " : "", names->pdata[i], NULL);

		g_free(list);
		list = more;
	}
	*ret_reason = g_strdup_printf(
		"there are several logins: %s; choose one by -o account=NAME", list);
	return -ENOTUNIQ;
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
	if (o->has_url && strcmp(o->url, l.base_url) != 0) {
		*ret_reason = g_strdup_printf("the login %s is for %s, not for %s", name,
					      l.base_url, o->url);
		r = -EINVAL;
	} else {
		*ret_choice = (struct choice){
			.name = g_strdup(name),
			.base_url = g_strdup(l.base_url),
			.person_id = g_strdup(l.person_id),
			.file = g_strdup(folder),
		};
	}
	login_clear(&l);
	return r;
}

int choice_make(const struct options *o, struct choice *ret_choice, char **ret_reason)
{
	GPtrArray *names = login_names();
	const char *name;
	int r = choose(o, names, &name, ret_reason);

	*ret_choice = (struct choice){0};
	if (r == 0 && name)
		r = read_login(o, name, ret_choice, ret_reason);
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
