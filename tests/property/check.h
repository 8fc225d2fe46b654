/* SPDX-License-Identifier: MIT */
/* Checks that what is known and what is shown is the truth. */
#pragma once

#include <stdint.h>

#include "mount.h"

void check_start(void);
void check_stop(void);
/* The store was lost: checks from now on that node numbers given for its messages are given for
 * nothing else. */
void check_store_lost(void);

/* Notes the node numbers of an answer. */
void check_learn(const struct op *op);
/* Checks that a message of the space in this row has its node number, as before. */
void check_ino(int64_t room, const char *id, uint64_t ino);
/* Notes that the space is this row. */
void check_room(const char *id, int64_t row);
/* At any moment: checks that no known interval lacks a message. */
void check_spans(void);
/* When nothing is under way: checks that everything is shown as it is on the server. */
void check_quiet(void);
/* How many listings, messages and intervals were compared. */
extern int64_t checked_lists, checked_messages, checked_spans;
