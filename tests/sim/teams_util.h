/* SPDX-License-Identifier: MIT */
/*
 * What teams and team memberships share. Server thread.
 */
#pragma once

#include "server.h"

/* The team if the caller is in it, with that membership; answers 400 or 404 otherwise. */
struct team *team_for(struct req *rq, const char *id, struct team_member **ret_member);
void jw_team_id(GString *out, const char *key, const struct team *team);
