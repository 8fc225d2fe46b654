/* SPDX-License-Identifier: MIT */
/* Checks that the journal of events has everything once. */
#pragma once

void journal_start(void);
/* The store was lost, and its journal with it. */
void journal_lost(void);
/* At a quiet point: checks that the journal has nothing twice and, if the mount polls,
 * everything that was posted since the last quiet point. Aborts otherwise. */
void journal_check(void);
