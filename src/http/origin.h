/* SPDX-License-Identifier: MIT */
/*
 * Where a URL leads, parsed as curl parses it: which URLs may be requested, and which origins
 * may see the bearer (design 5). Pure; any thread.
 */
#pragma once

#include <stdbool.h>

/* "https://host:port", always with the port. Owned (g_free); NULL if `url` is no http or https
 * URL. */
char *http_origin(const char *url);

/* 0; -EINVAL: no URL, or with a user in it; -EPROTO: plain http to another machine. */
int http_origin_check(const char *url);

/* True for http to a loopback address: it needs no TLS. */
bool http_origin_is_loopback(const char *url);
/* True for a host, as it stands in a URL, that is this machine by its very name. */
bool http_origin_is_loopback_host(const char *host);
/* The host of a URL, an IPv6 address without its brackets. Owned; NULL if it is no URL. */
char *http_origin_host(const char *url);

/* True if the origin of `url` is one of `origins` (each as http_origin gives it). */
bool http_origin_is_known(const char *url, char *const *origins);

/* True if `location`, a Location field in an answer from `base`, names a user or a password. libcurl
 * from 8.23 on leaves them out of the URL that it makes of the two. */
bool http_origin_names_user(const char *base, const char *location);
