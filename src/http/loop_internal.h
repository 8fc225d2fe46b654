/* SPDX-License-Identifier: MIT */
/* For tests: a loop whose waits (Retry-After, backoff, gate) take less than they say. */
#pragma once

#include "http/loop.h"

/* As http_loop_start, but a second of waiting lasts `second_ms` (1..1000). */
int http_loop_start_scaled(const struct http_config *config, int second_ms,
			   struct http_loop **ret_loop);
