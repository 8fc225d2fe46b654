/* SPDX-License-Identifier: MIT */
/*
 * When to try again (webex-api.md 1.7, 1.8). Pure; any thread.
 */
#pragma once

#include <stdint.h>

#define HTTP_RETRY_AFTER_DEFAULT_S 15
#define HTTP_RETRY_AFTER_MAX_S 3600

/*
 * Seconds to wait: whole seconds or an HTTP date (against `now_wall_ms`), 1..3600; missing or malformed 15.
 */
int http_retry_after(const char *value, int64_t now_wall_ms);

/* Milliseconds before try `attempt` (1 = first repeat): 1, 2, 4 .. 32 s less up to 25 % by `random` (0..2^32-1). */
int64_t http_backoff_ms(int attempt, uint32_t random);
