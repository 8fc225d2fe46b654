/* SPDX-License-Identifier: MIT */
/*
 * Asks the server to whom the token belongs, and waits: GET /people/me, once, before anything
 * is mounted. Thread rule: the main thread; never the client's own queue.
 */
#pragma once

#include "webex/api.h"
#include "webex/model.h"

/*
 * Waits for at most `timeout_ms`. 0 and *ret_me (webex_person_free), or -errno and one line
 * without "sparkfs:" in *ret_reason (owned). *ret_is_network, on failure: the server was not
 * reached or is out of order, or something else answered in its place, so the token may be
 * good.
 */
int whoami_ask(struct webex_client *client, const char *base_url, int timeout_ms,
	       struct webex_person **ret_me, bool *ret_is_network, char **ret_reason);
