/* SPDX-License-Identifier: MIT */
/*
 * The token of a mount, and whose it is. Parts of sparkfs.c, which calls them in this order.
 * Thread rule: the main thread.
 */
#pragma once

#include "main/sparkfs.h"

/* 0 and s->token, s->fingerprint; or -errno, s->needs_login, and one line in *ret_reason (owned). If an
 * account is named, it is no error that the source gives none (s->no_token). */
int owner_load_token(struct sparkfs *s, char **ret_reason);
/* Keeps the token out of core dumps and of /proc/<pid>/environ. */
void owner_hide_token(void);
/* Borrows from `s`. */
struct account_config owner_config(const struct sparkfs *s);
/* Finds the owner of the token, s->owner: the server says it (then *ret_me is the person, owned) or, if
 * it cannot be reached or does not accept the token, what was remembered (s->warning). */
int owner_find(struct sparkfs *s, const struct account_config *config,
	       struct webex_person **ret_me, char **ret_reason);
/* From now on the pager is told whether the server takes the token, and a new token is remembered as
 * this person's. */
void owner_watch(struct sparkfs *s);
