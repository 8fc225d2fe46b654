/* SPDX-License-Identifier: MIT */
/*
 * Asks the server to whom the token belongs, and waits: GET /people/me, once, before anything
 * is mounted. Thread rule: the main thread; never the client's own queue.
 */
#pragma once

#include "webex/api.h"
#include "webex/model.h"

enum whoami_failure {
	/* The server was not reached or is out of order, or something else answered in its place, so
	 * the token may be good. */
	WHOAMI_NETWORK,
	WHOAMI_LOGIN, /* only another token helps */
	WHOAMI_OTHER,
};

/*
 * Waits for at most `timeout_ms`. 0 and *ret_me (webex_person_free; it may lack an address), or
 * -errno, *ret_failure, and one line without "sparkfs:" in *ret_reason (owned).
 */
int whoami_ask(struct webex_client *client, const char *base_url, int timeout_ms,
	       struct webex_person **ret_me, enum whoami_failure *ret_failure,
	       char **ret_reason);
