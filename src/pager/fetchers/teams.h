/* SPDX-License-Identifier: MIT */
/*
 * No poll tells of teams. But who comes into a team comes into its General space, which is called as the
 * team is; so what a list of spaces changes may tell that the list of teams is old.
 * Thread rule: cache thread.
 */
#pragma once

#include "pager/pager.h"

/* A list of spaces was kept, which changed this: asks for the teams again if there is reason to. */
void teams_spaces_listed(struct pager *p, const GPtrArray *changes);
