/* SPDX-License-Identifier: MIT */
/*
 * Whether the server takes the account's token (design 2.8), judged by the answers to all requests.
 *
 *	             login_accepted                       login_refused
 *	  UNKNOWN --------------------> GOOD ---------------------------------> NEEDED
 *	     |                           ^                                        |
 *	     |                           +-- login_accepted, login_renewed -------+
 *	     +---- login_refused ------------------------------------------------>+
 *
 * A 401 is told as a refusal once nothing else can cure it: the token's source was asked, and has no
 * other token of this person (client_token.c; whatever else can bring a token, such as a refresh, is
 * asked there, before). Whatever says nothing of the token changes nothing: a network that fails, a
 * 403, a 429, the 401 of a server that was not shown the token. A refusal is also told when the source of
 * a login says that only the person can log in again, and the last token is over: nobody has to meet
 * the 401 first.
 *
 * Answers come in any order. So each request notes the turn in which it was sent, and a refusal or a
 * new token begins the next turn: what is answered to a request of an earlier turn is old.
 * Internal to webex. Lock: the owner's.
 */
#pragma once

#include <stdbool.h>

#include "webex/api.h"

struct webex_login_state {
	enum webex_login state;
	unsigned turn;
};

/* These return true if the state has changed. `turn`: in which the request was sent. */
bool login_accepted(struct webex_login_state *l, unsigned turn);
bool login_refused(struct webex_login_state *l, unsigned turn);
/* Another token is in use from now on, which the server said to be this person's (`is_proven`), or of
 * which nothing is known. */
bool login_renewed(struct webex_login_state *l, bool is_proven);
