/* SPDX-License-Identifier: MIT */
#include "webex/page.h"

#include <errno.h>
#include <glib.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"

/* Filters that hold for every page: a link cannot drop or change them. */
static const char *const filters[] = {
	"roomId", "parentId", "mentionedPeople", "type",
	"sortBy", "teamId",   "personEmail",	 "ownedBy",
};

static bool has_key(const char *param, const char *key)
{
	size_t len = strlen(key);

	return strncmp(param, key, len) == 0 && (param[len] == '=' || param[len] == '\0');
}

static bool is_filter(const char *param)
{
	for (size_t i = 0; i < G_N_ELEMENTS(filters); i++) {
		if (has_key(param, filters[i]))
			return true;
	}
	return false;
}

/* The parameters of a URL, "key=value" each, without empty ones. */
static GPtrArray *params_of(const char *url)
{
	GPtrArray *params = g_ptr_array_new_with_free_func(g_free);
	const char *query = strchr(url, '?');
	size_t left = query ? strcspn(query + 1, "#") : 0;

	for (const char *p = query ? query + 1 : ""; left > 0;) {
		const char *amp = memchr(p, '&', left);
		size_t len = amp ? (size_t)(amp - p) : left;
		if (len > 0)
			g_ptr_array_add(params, g_strndup(p, len));
		left -= amp ? len + 1 : len;
		p += len + 1;
	}
	return params;
}

static const char *find_param(const GPtrArray *params, const char *key)
{
	for (guint i = 0; i < params->len; i++) {
		const char *param = g_ptr_array_index(params, i);
		if (has_key(param, key))
			return param;
	}
	return NULL;
}

/* max=null, max= and a bare max say nothing. */
static bool is_void_max(const char *param)
{
	return strcmp(param, "max=null") == 0 || strcmp(param, "max=") == 0 ||
	       strcmp(param, "max") == 0;
}

static GPtrArray *repair(const GPtrArray *asked, const GPtrArray *next)
{
	GPtrArray *params = g_ptr_array_new();

	for (guint i = 0; i < next->len; i++) {
		char *param = g_ptr_array_index(next, i);
		if (!is_void_max(param) && !is_filter(param))
			g_ptr_array_add(params, param);
	}
	const char *max = find_param(asked, "max");
	if (max && !find_param(params, "max"))
		g_ptr_array_add(params, (char *)max);
	for (guint i = 0; i < asked->len; i++) {
		char *param = g_ptr_array_index(asked, i);
		if (is_filter(param))
			g_ptr_array_add(params, param);
	}
	return params;
}

static gint compare_params(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_same_set(const GPtrArray *a, const GPtrArray *b)
{
	bool is_same = a->len == b->len;
	GPtrArray *left = g_ptr_array_new(), *right = g_ptr_array_new();

	for (guint i = 0; is_same && i < a->len; i++) {
		g_ptr_array_add(left, g_ptr_array_index(a, i));
		g_ptr_array_add(right, g_ptr_array_index(b, i));
	}
	g_ptr_array_sort(left, compare_params);
	g_ptr_array_sort(right, compare_params);
	for (guint i = 0; is_same && i < left->len; i++)
		is_same = strcmp(g_ptr_array_index(left, i), g_ptr_array_index(right, i)) == 0;
	g_ptr_array_unref(left);
	g_ptr_array_unref(right);
	return is_same;
}

static bool is_usable(const char *link)
{
	size_t len = strnlen(link, WEBEX_PAGE_URL_MAX + 1);

	if (len == 0 || len > WEBEX_PAGE_URL_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (link[i] <= ' ' || link[i] > '~')
			return false;
	}
	return true;
}

static char *join(const char *asked, const GPtrArray *params)
{
	GString *url = g_string_new_len(asked, (gssize)strcspn(asked, "?#"));

	for (guint i = 0; i < params->len; i++)
		g_string_append_printf(url, "%c%s", i == 0 ? '?' : '&',
				       (char *)g_ptr_array_index(params, i));
	return g_string_free(url, FALSE);
}

int webex_page_next(const char *asked, const char *next, char **ret_url)
{
	if (!is_usable(next))
		return -EBADMSG;
	GPtrArray *old = params_of(asked);
	GPtrArray *new = params_of(next);
	GPtrArray *params = repair(old, new);
	char *url = join(asked, params);
	int r = is_same_set(old, params) ? -ELOOP : 0;

	if (strlen(url) > WEBEX_PAGE_URL_MAX)
		r = -EBADMSG;
	g_ptr_array_unref(params);
	g_ptr_array_unref(new);
	g_ptr_array_unref(old);
	if (r < 0)
		g_free(url);
	else
		*ret_url = url;
	return r;
}
