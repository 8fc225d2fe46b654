/* SPDX-License-Identifier: MIT */
#include "http/origin.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "base/cleanup.h"

struct parts {
	char *scheme;
	char *host;
	char *port;
};

static void parts_done(struct parts *parts)
{
	curl_free(parts->scheme);
	curl_free(parts->host);
	curl_free(parts->port);
}

static bool parse(const char *url, struct parts *parts)
{
	CURLU *u = curl_url();
	bool ok;

	ok = u && curl_url_set(u, CURLUPART_URL, url, CURLU_DISALLOW_USER) == CURLUE_OK &&
	     curl_url_get(u, CURLUPART_SCHEME, &parts->scheme, 0) == CURLUE_OK &&
	     curl_url_get(u, CURLUPART_HOST, &parts->host, 0) == CURLUE_OK &&
	     curl_url_get(u, CURLUPART_PORT, &parts->port, CURLU_DEFAULT_PORT) == CURLUE_OK;
	curl_url_cleanup(u);
	return ok;
}

bool http_origin_is_loopback_host(const char *host)
{
	struct in_addr v4;

	if (g_ascii_strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
		return true;
	return inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

char *http_origin(const char *url)
{
	_cleanup_(parts_done) struct parts parts = {0};
	_cleanup_gfree_ char *host = NULL;

	if (!parse(url, &parts))
		return NULL;
	if (strcmp(parts.scheme, "http") != 0 && strcmp(parts.scheme, "https") != 0)
		return NULL;
	host = g_ascii_strdown(parts.host, -1);
	return g_strdup_printf("%s://%s:%s", parts.scheme, host, parts.port);
}

char *http_origin_host(const char *url)
{
	_cleanup_(parts_done) struct parts parts = {0};
	size_t len;

	if (!parse(url, &parts))
		return NULL;
	len = strlen(parts.host);
	return parts.host[0] == '[' ? g_strndup(parts.host + 1, len - 2) : g_strdup(parts.host);
}

int http_origin_check(const char *url)
{
	_cleanup_gfree_ char *origin = http_origin(url);

	if (!origin)
		return -EINVAL;
	if (g_str_has_prefix(origin, "https:") || http_origin_is_loopback(url))
		return 0;
	return -EPROTO;
}

bool http_origin_is_loopback(const char *url)
{
	_cleanup_(parts_done) struct parts parts = {0};

	return parse(url, &parts) && strcmp(parts.scheme, "http") == 0 &&
	       http_origin_is_loopback_host(parts.host);
}

bool http_origin_is_known(const char *url, char *const *origins)
{
	_cleanup_gfree_ char *origin = http_origin(url);

	for (; origin && *origins; origins++) {
		if (strcmp(origin, *origins) == 0)
			return true;
	}
	return false;
}

bool http_origin_names_user(const char *base, const char *location)
{
	CURLU *u = curl_url();
	bool names;

	/* The second call resolves a relative one. */
	names = u && curl_url_set(u, CURLUPART_URL, base, 0) == CURLUE_OK &&
		curl_url_set(u, CURLUPART_URL, location,
			     CURLU_DISALLOW_USER | CURLU_URLENCODE |
				     CURLU_NON_SUPPORT_SCHEME) == CURLUE_USER_NOT_ALLOWED;
	curl_url_cleanup(u);
	return names;
}
