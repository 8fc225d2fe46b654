/* SPDX-License-Identifier: MIT */
/*
 * The token of a mount, and whose it is. Parts of sparkfs.c, which calls them in this order.
 * Thread rule: the main thread.
 */
#pragma once

#include "main/sparkfs.h"

/* 0 and s->token, s->fingerprint; or -errno and one line in *ret_reason (owned). */
int owner_load_token(struct sparkfs *s, char **ret_reason);
/* Keeps the token out of core dumps and of /proc/<pid>/environ. */
void owner_hide_token(void);
/* Finds the owner of the token, s->owner: the server says it (then *ret_me is the person, owned) or,
 * if it cannot be reached, what was remembered. */
int owner_find(struct sparkfs *s, const struct account_config *config,
	       struct webex_person **ret_me, char **ret_reason);
