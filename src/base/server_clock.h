/* SPDX-License-Identifier: MIT */
/*
 * The machine's clock, set right by the server's (RFC 9110, 6.6.1: Date). A machine whose clock is
 * wrong by hours, because a dead battery or another system left it so, would take new messages for
 * old ones, miss who came since a list was made, and not recognize its own message whose answer
 * was lost: all that is compared with the server's times uses this clock. Clocks that differ by less
 * than SERVER_CLOCK_GRAIN_MS count as equal, since what compares allows for that.
 *
 *	UNKNOWN --the first Date--> KNOWN <--Dates that agree for SERVER_CLOCK_AGREE_MS-- DOUBTED
 *	                              |                                                      ^
 *	                              +------------ another Date by more than NEAR_MS -------+
 *
 * (clock_note_server; one wrong Date among right ones changes nothing, and neither does a clock that
 * runs at another speed than ours.)
 */
#pragma once

#include "base/clock.h"

#define SERVER_CLOCK_GRAIN_MS INT64_C(600000)
#define SERVER_CLOCK_AGREE_MS 20000

/* Its mono clock is the machine's. Never NULL. Any thread. */
const struct clock *clock_server(void);
/* An answer of the server came just now that has this time. One thread: that of http. */
void clock_note_server(int64_t server_wall_ms);
