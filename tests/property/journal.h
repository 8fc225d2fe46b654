/* SPDX-License-Identifier: MIT */
/* Whether the journal of events tells of everything once. */
#pragma once

void journal_start(void);
/* The store is lost, and its journal with it. */
void journal_lost(void);
/* At a quiet point: nothing twice; and if the mount polls, all that was posted since the last one. Ends the program
 * otherwise. */
void journal_check(void);
