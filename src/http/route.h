/* SPDX-License-Identifier: MIT */
/*
 * How servers are reached: by which proxy, and whom TLS trusts. Chosen once, from options and else from
 * the variables that other programs know (libcurl itself reads none of them then):
 *
 *  1. A proxy for https URLs: https_proxy, HTTPS_PROXY, all_proxy, ALL_PROXY; for http URLs: http_proxy,
 *     all_proxy, ALL_PROXY; the first that is not empty. Not for the hosts in no_proxy or NO_PROXY. A
 *     proxy that was given by option is for all URLs and hosts.
 *  2. Plain http is spoken to this machine only (http/origin.h), and so only by a proxy that is on this
 *     machine: the bearer would be read on the way.
 *  3. Certificates: the option, else CURL_CA_BUNDLE, else SSL_CERT_FILE and SSL_CERT_DIR, else what
 *     libcurl was built with.
 *
 * The password in a proxy's URL is in `url` alone, which goes to libcurl.
 * Thread rule: new and free: the owner. All else: any thread; nothing changes.
 */
#pragma once

#include <stdbool.h>

struct http_route;

struct http_proxy {
	char *url;
	char *name;    /* the same without user and password, for people */
	bool is_local; /* it is on this machine */
};

/*
 * `proxy`: NULL: by the environment; "off": none. `cacert`: a file, NULL: by the environment.
 * `base_url` is what will be asked. 0, or -EINVAL or the error of a file, and one line in *ret_reason
 * (owned), without the password.
 */
int http_route_new(const char *proxy, const char *cacert, const char *base_url,
		   struct http_route **ret_route, char **ret_reason);
void http_route_free(struct http_route *r);

/* NULL: none. `r` may be NULL. Borrowed. */
const struct http_proxy *http_route_proxy(const struct http_route *r, const char *url);
/* NULL: libcurl's. `r` may be NULL. Borrowed. */
const char *http_route_ca_file(const struct http_route *r);
const char *http_route_ca_dir(const struct http_route *r);

/* True if `host` is one of the list as no_proxy has it: names with all below them, addresses, networks
 * with a length of the prefix, or "*". */
bool http_route_lists(const char *list, const char *host);
