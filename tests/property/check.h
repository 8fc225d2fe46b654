/* SPDX-License-Identifier: MIT */
/* Whether what is known and what is shown is the truth. */
#pragma once

#include <stdint.h>

#include "mount.h"

void check_start(void);
void check_stop(void);
/* Node numbers that were given for messages of a store that is lost are for nothing else. */
void check_store_lost(void);

/* An operation was answered: which node numbers it told. */
void check_learn(const struct op *op);
/* A message of that row of a space has this node number, as ever. */
void check_ino(int64_t room, const char *id, uint64_t ino);
/* The space is this row. */
void check_room(const char *id, int64_t row);
/* At any moment: in no known interval of time is a message missing. */
void check_spans(void);
/* Nothing is under way: everything that is shown is as on the server. */
void check_quiet(void);
/* How many listings, messages and intervals were compared. */
extern int64_t checked_lists, checked_messages, checked_spans;
