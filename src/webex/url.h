/* SPDX-License-Identifier: MIT */
/*
 * URLs of the API: which origins there are, and how a request's path and query are put
 * together. Internal to webex (webex_check_base_url and webex_allowed_origins stand in api.h).
 * Pure; any thread.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* The two hosts of the public service (webex-api.md 1.1). */
#define WEBEX_PUBLIC_ORIGIN "https://webexapis.com"
#define WEBEX_PUBLIC_ORIGIN_OLD "https://api.ciscospark.com"

/* "scheme://host[:port]" in lower case, without a default port; NULL if `url` is no http(s) URL
 * with a host, or has user info. Owned (g_free). */
char *webex_url_origin(const char *url);

bool webex_origin_is_public(const char *origin);

/* Appends "?key=value" or "&key=value", the value percent-encoded; nothing if it is NULL. */
void webex_url_add(GString *url, const char *key, const char *value);
void webex_url_add_int(GString *url, const char *key, int value);

/*
 * Where to fetch the content URL `url` of a message. URLs on the configured origin stay as they
 * are, and those of a public host if the configured one is public, too. If the configured
 * origin is not public (a proxy, a simulator), contents of the public hosts are fetched from
 * it, so that its token goes to no other host. -EPERM for any other host, -EINVAL for what is
 * no content URL. Owned.
 */
int webex_url_content(const char *base_url, const char *url, char **ret_url);
