/* SPDX-License-Identifier: MIT */
/*
 * OAuth 2 as the service does it (webex-api.md 5.18, 5.19): bodies of requests, and what the answers
 * say. The answers are hostile like all others: every text has a cap, and a token is visible ASCII.
 * Secrets are wiped when they are freed. Pure; any thread.
 */
#pragma once

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

struct webex_grant {
	char *access, *refresh; /* refresh may be NULL */
	char *scope;		/* as the answer says; may be NULL */
	int64_t access_s;	/* how long it lives; 0: not said */
	int64_t refresh_s;
	int64_t asked_ms; /* wall clock; when it was asked for, from which its lives count; 0: not known */
};
void webex_grant_clear(struct webex_grant *g);

struct webex_device {
	char *device_code;  /* secret */
	char *user_code;    /* what the person enters at `uri` */
	char *uri;	    /* https, or http on a loopback address */
	char *uri_complete; /* with the code in it; NULL: none */
	int expires_s, interval_s;
};
void webex_device_clear(struct webex_device *d);

enum webex_oauth_error {
	WEBEX_OAUTH_OTHER,
	WEBEX_OAUTH_PENDING,   /* the person has not decided */
	WEBEX_OAUTH_SLOW_DOWN, /* asked too often */
	WEBEX_OAUTH_DENIED,    /* the person said no */
	WEBEX_OAUTH_GRANT,     /* the code, or the refresh token, is wrong, used or expired */
	WEBEX_OAUTH_CLIENT,    /* the integration's id or secret */
	WEBEX_OAUTH_REDIRECT,  /* an address that is not registered */
	WEBEX_OAUTH_SCOPE,
	WEBEX_OAUTH_LIMIT, /* too many living tokens */
};

/* Appends name=value, encoded, with & before it unless it is the first. */
void webex_form_add(GString *form, const char *name, const char *value);
/* The base64 of "id:secret" for HTTP Basic. Owned; a secret. */
char *webex_basic(const char *id, const char *secret);

/* 0 or -EBADMSG: it is no such answer. */
int webex_oauth_tokens(const char *body, size_t len, struct webex_grant *ret_grant);
int webex_oauth_device(const char *body, size_t len, struct webex_device *ret_device);
/* What an answer that is no success says. *ret_words: the server's words, one line (owned), NULL: none. */
enum webex_oauth_error webex_oauth_error(int status, const char *body, size_t len,
					 char **ret_words);
