/* SPDX-License-Identifier: MIT */
/*
 * Teams and their spaces. A team is a room (webex/model.h), so store.h has the rest.
 * Threads and errors as in store.h.
 */
#pragma once

#include "store/store.h"

/* Finds no tombstones. */
int store_team_by_id(struct store_conn *c, const char *id, struct store_room *ret_team);
/* As store_room_list, for the known spaces of a team. */
int store_team_spaces(struct store_conn *c, int64_t team, int64_t after,
		      bool (*fn)(void *arg, const struct store_room *space), void *arg);
/* The row of the team that the space is one of. -ENOENT: of none, or of one that is not known. */
int store_team_of(struct store_conn *c, int64_t room, int64_t *ret_team);
/* As store_apply_rooms: a list of spaces says nothing of teams, nor one of teams of spaces. */
int store_apply_teams(struct store *s, GPtrArray *teams, GArray *ret_missing,
		      int64_t now_wall_ms, GPtrArray *changes);
/* meta: when the teams were last listed completely (wall ms); 0 or absent: never. */
#define STORE_TEAMS_LISTED "teams.listed"
