/* SPDX-License-Identifier: MIT */
/*
 * A login: a name, and the tokens that somebody was given for one person on one server. It is kept
 * in <state>/logins/NAME.json, 0600, ours alone (design 2.8), its tokens there or in the keyring (place.h).
 * Secrets are wiped when they are freed.
 * Thread rule: one thread.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum login_place { LOGIN_IN_FILE, LOGIN_IN_KEYRING };
enum login_way {
	LOGIN_DEVICE,
	LOGIN_BROWSER,
	LOGIN_PASTE,
	LOGIN_TOKEN,
	LOGIN_ENVIRONMENT /* CISCO_SPARK_REFRESH_TOKEN (environment.h) */
};

struct login {
	char *name; /* state_name_is_good */
	char *base_url;
	char *person_id; /* empty: the server has not said it yet */
	char *email, *display_name;
	bool is_bot;
	enum login_way way;
	/* Wall-clock ms; 0: not known. */
	int64_t since_ms, access_since_ms, access_until_ms, refresh_until_ms;
	/* Wall-clock ms; 0: it did not. When the service is asked again at the earliest, as it said; and
	 * when a refresh gave the same access token as before. */
	int64_t retry_ms, unchanged_ms;
	char *access;	 /* NULL: it is in its place, and was not read (place.h) */
	char *refresh;	 /* NULL: none */
	char *client_id; /* that the tokens are for; NULL with LOGIN_TOKEN, or not known */
	char *scope;
	/* Why the server gives no more tokens, in words; only a new login helps. NULL: it does. */
	char *ended;
	enum login_place place;
	char *item; /* of the keyring; NULL with LOGIN_IN_FILE */
	bool waits; /* its tokens lie in the file until their place takes them */
	/* Since it was kept there are new tokens; and the refresh token is one of these. */
	bool is_renewed, is_rotated;
};
void login_clear(struct login *l);

/* "device", "browser", "paste", "token", "environment". */
const char *login_way_name(enum login_way way);
/* "file", "keyring". */
const char *login_place_name(enum login_place place);
/* The text of the file, or of the keyring's item; owned, a secret. Without `has_tokens` it has all but the
 * tokens. */
char *login_print(const struct login *l, bool has_tokens);
/* 0 or -EBADMSG. The name is the caller's to set. */
int login_parse(const char *text, size_t len, struct login *ret_login);
