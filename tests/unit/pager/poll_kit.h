/* SPDX-License-Identifier: MIT */
/*
 * For tests of how the mount keeps up: three spaces, ROOM1 to ROOM3, that are known, and a pager that
 * polls; the timer is the test's. What one item of the cache thread posts runs before the next
 * on_queue. Thread rule: the cache thread, but for wake_up.
 */
#pragma once

#include "pager/present/poll.h"
#include "pager/internal.h"
#include "pager_kit.h"

#define POLL 30000
#define IDLE 600000
#define MINUTE 60000

const struct call *last_call(void);
void tick(struct world *w);
enum fresh_state state_of(struct world *w);
int count_news(struct world *w);
/* "id", activity after T0, ... NULL */
GPtrArray *room_list(const char *first, ...);
/* As a list that is not complete; takes it. */
void apply_rooms(struct world *w, GPtrArray *items);
/* 0: there is none. */
int64_t row_of(struct world *w, const char *id);
bool is_fresh(struct world *w, enum need_kind kind, int64_t row);

/* A mount of an account whose spaces are known, asleep. */
void known(struct world *w);
void use_it(struct world *w);
/* Both, and the poll that follows; from the test's thread. */
void wake_up(struct world *w);
void answer_ok(guint i, GPtrArray *items);
/* The poll that is under way: nothing new. */
void answer_poll(struct world *w);
