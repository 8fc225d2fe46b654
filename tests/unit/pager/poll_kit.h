/* SPDX-License-Identifier: MIT */
/*
 * For tests of how the mount keeps up: three known spaces, ROOM1 to ROOM3, and a pager that
 * polls, whose timer the test runs. Items that an item of the cache thread posts run before the
 * next on_queue. Thread rule: the cache thread, except wake_up.
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
/* Keeps the rooms as a list that is not complete; takes it. */
void apply_rooms(struct world *w, GPtrArray *items);
/* 0: there is none. */
int64_t row_of(struct world *w, const char *id);
bool is_fresh(struct world *w, enum need_kind kind, int64_t row);

/* Makes a mount of an account whose spaces are known; it is asleep. */
void known(struct world *w);
void use_it(struct world *w);
/* Makes that mount, wakes it, and answers the poll that follows; from the test's thread. */
void wake_up(struct world *w);
void answer_ok(guint i, GPtrArray *items);
/* Answers the poll that is under way: there is nothing new. */
void answer_poll(struct world *w);

/* Answers the i-th call by 404. */
void not_found(guint i);
/* Lets time pass, and the proof have its turns. */
void later(struct world *w, int64_t ms);
/* True if ROOM1 is known. */
bool has_room(struct world *w);
