/* SPDX-License-Identifier: MIT */
/*
 * When to try again (webex-api.md 1.7, 1.8; the table is loop.h 4). Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "http/loop.h"

#define HTTP_RETRY_AFTER_DEFAULT_S 15
#define HTTP_RETRY_AFTER_MAX_S 3600

/* How many tries, the first included, may end in a lost connection, a time-out, 502, 503 or
 * 504. */
#define HTTP_MAX_TRIES 5

/* A 423 says that a file is being scanned, mostly for some seconds (webex-api.md 5.5). How long
 * to wait where the server does not say, and how long in all. */
#define HTTP_LOCKED_DEFAULT_S 5
#define HTTP_LOCKED_MAX_MS 60000

/* How long a request waits in all because of 429s; and how long at most while no request at all is
 * answered by anything else (lanes.c). */
#define HTTP_LIMITED_MAX_MS (10 * 60 * 1000)

/*
 * Seconds to wait: whole seconds or an HTTP date (against `now_wall_ms`, of the clock that it is of), 1..3600; missing or
 * malformed 15.
 */
int http_retry_after(const char *value, int64_t now_wall_ms);

/*
 * Milliseconds before try `attempt` (1 = first repeat): 1, 2, 4 .. 32 s less up to 25 % by
 * `random` (0..2^32-1).
 */
int64_t http_backoff_ms(int attempt, uint32_t random);

/* How one try ended. */
struct http_outcome {
	int error; /* 0: a complete answer with `status` came */
	int status;
	bool is_refused;       /* a 401 of a server that was shown the bearer */
	bool transient;	       /* with an error: another try may succeed */
	bool reached;	       /* a connection (with TLS) stood */
	bool may_have_applied; /* as in http_response, for this try */
	bool has_retry_after;
	int retry_after_s; /* as http_retry_after() gives it, also where the field is missing */
};

/* What happened to the request in all tries up to and including that one. */
struct http_history {
	int tries;
	bool reached;	       /* by any try */
	int server_errors;     /* 500s */
	int64_t locked_ms;     /* time spent waiting because of 423s */
	int64_t limited_ms;    /* and because of 429s */
	bool asks_much;	       /* as in http_request */
	int64_t locked_max_ms; /* as in http_request */
};

/* Milliseconds to wait before the next try, or -1: report this outcome. */
int64_t http_retry_wait_ms(enum http_repeat repeat, const struct http_outcome *outcome,
			   const struct http_history *history, uint32_t random);
