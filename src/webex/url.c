/* SPDX-License-Identifier: MIT */
#include "webex/url.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "webex/api.h"
#include "webex/fields.h"
#include "webex/id.h"

static void uri_cleanup(GUri **p)
{
	if (*p)
		g_uri_unref(*p);
}

#define _cleanup_uri_ _cleanup_(uri_cleanup)

static bool is_loopback(const char *host)
{
	return g_ascii_strcasecmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
	       (g_str_has_prefix(host, "127.") && strspn(host, "0123456789.") == strlen(host));
}

/* True for what libcurl reads as a host, too. GLib has decoded it, so that any character can be in it; a
 * percent sign stands before the zone of an IPv6 address alone. */
static bool is_host(const char *host)
{
	for (const char *p = host; p && *p; p++)
		if ((unsigned char)*p <= 0x20 || *p == 0x7F)
			return false;
	return host && *host && !strpbrk(host, "!\"#$&'()*+,/;<=>?@[\\]^`{|}~") &&
	       (!strchr(host, '%') || strchr(host, ':'));
}

/* An http or https URL with a host, its escapes left alone; NULL otherwise. Port 0, which no server has,
 * is not taken for the default one. */
static GUri *parse_url(const char *url)
{
	GUri *uri;

	if (!webex_url_is_clean(url) || strpbrk(url, "\\\"<>^`{|}"))
		return NULL;
	uri = g_uri_parse(url, G_URI_FLAGS_ENCODED, NULL);
	if (!uri)
		return NULL;
	const char *scheme = g_uri_get_scheme(uri);
	const char *host = g_uri_get_host(uri);
	if (is_host(host) && g_uri_get_port(uri) != 0 &&
	    (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0))
		return uri;
	g_uri_unref(uri);
	return NULL;
}

static char *origin_of(GUri *uri)
{
	const char *scheme = g_uri_get_scheme(uri);
	_cleanup_gfree_ char *host = g_ascii_strdown(g_uri_get_host(uri), -1);
	bool is_ipv6 = strchr(host, ':');
	int port = g_uri_get_port(uri);
	GString *origin = g_string_new(NULL);

	g_string_printf(origin, "%s://%s%s%s", scheme, is_ipv6 ? "[" : "", host,
			is_ipv6 ? "]" : "");
	if (port > 0 && port != (strcmp(scheme, "https") == 0 ? 443 : 80))
		g_string_append_printf(origin, ":%d", port);
	return g_string_free(origin, FALSE);
}

char *webex_url_origin(const char *url)
{
	_cleanup_uri_ GUri *uri = parse_url(url);

	return uri && !g_uri_get_userinfo(uri) ? origin_of(uri) : NULL;
}

bool webex_origin_is_public(const char *origin)
{
	return strcmp(origin, WEBEX_PUBLIC_ORIGIN) == 0 ||
	       strcmp(origin, WEBEX_PUBLIC_ORIGIN_OLD) == 0;
}

/* What is wrong with a base URL, or NULL. */
static const char *base_url_problem(GUri *uri)
{
	if (!uri)
		return "no https URL with a host";
	if (g_uri_get_userinfo(uri))
		return "user names and passwords do not belong in it";
	if (g_uri_get_query(uri) || g_uri_get_fragment(uri))
		return "a query or fragment does not belong in it";
	if (strcmp(g_uri_get_scheme(uri), "https") != 0 && !is_loopback(g_uri_get_host(uri)))
		return "plain http is for this machine only, the token would be read on the "
		       "way";
	return NULL;
}

int webex_check_base_url(const char *url, char **ret_clean, char **ret_reason)
{
	_cleanup_uri_ GUri *uri = parse_url(url);
	const char *problem = base_url_problem(uri);

	if (problem) {
		if (ret_reason)
			*ret_reason = g_strdup(problem);
		return -EINVAL;
	}
	_cleanup_gfree_ char *origin = origin_of(uri);
	char *clean = g_strconcat(origin, g_uri_get_path(uri), NULL);
	for (size_t len = strlen(clean); len > 0 && clean[len - 1] == '/'; len--)
		clean[len - 1] = '\0';
	*ret_clean = clean;
	return 0;
}

char **webex_allowed_origins(const char *base_url)
{
	GPtrArray *origins = g_ptr_array_new();
	char *own = webex_url_origin(base_url);

	if (own && !webex_origin_is_public(own)) {
		g_ptr_array_add(origins, own);
	} else {
		g_ptr_array_add(origins, g_strdup(WEBEX_PUBLIC_ORIGIN));
		g_ptr_array_add(origins, g_strdup(WEBEX_PUBLIC_ORIGIN_OLD));
		g_free(own);
	}
	g_ptr_array_add(origins, NULL);
	return (char **)g_ptr_array_free(origins, FALSE);
}

void webex_url_add(GString *url, const char *key, const char *value)
{
	if (!value)
		return;
	_cleanup_gfree_ char *escaped = g_uri_escape_string(value, NULL, FALSE);
	g_string_append_printf(url, "%c%s=%s", strchr(url->str, '?') ? '&' : '?', key, escaped);
}

void webex_url_add_int(GString *url, const char *key, int value)
{
	_cleanup_gfree_ char *text = value > 0 ? g_strdup_printf("%d", value) : NULL;

	webex_url_add(url, key, text);
}

int webex_url_content(const char *base_url, const char *url, char **ret_url)
{
	_cleanup_gfree_ char *own = webex_url_origin(base_url);
	_cleanup_gfree_ char *theirs = webex_url_origin(url);

	if (!theirs || !own)
		return -EINVAL;
	if (strcmp(own, theirs) == 0 ||
	    (webex_origin_is_public(own) && webex_origin_is_public(theirs))) {
		*ret_url = g_strndup(url, strcspn(url, "#"));
		return 0;
	}
	if (!webex_origin_is_public(theirs))
		return -EPERM;
	const char *contents = strstr(url, "/contents/");
	if (!contents)
		return -EINVAL;
	size_t tail = strcspn(contents, "#");
	size_t id_len = strcspn(contents + strlen("/contents/"), "?#");
	_cleanup_gfree_ char *id = g_strndup(contents + strlen("/contents/"), id_len);
	if (!webex_id_is_sane(id))
		return -EINVAL;
	*ret_url = g_strdup_printf("%s%.*s", base_url, (int)tail, contents);
	return 0;
}
