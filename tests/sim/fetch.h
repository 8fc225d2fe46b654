/* SPDX-License-Identifier: MIT */
/*
 * Fetches a file URL of POST /messages, loopback addresses only (there is no internet).
 *
 * Each fetch has a thread, because the URL may well be served by this very process. The
 * struct is shared by the request and the thread: fetch->lock protects the fields below
 * it, and whoever lets go last frees it.
 */
#pragma once

#include "park.h"

#include <glib.h>
#include <stdbool.h>

struct fetch;

/* NULL when the URL is not http on a loopback address. */
struct fetch *fetch_new(const char *url);
/* Resumes the ticket when done. */
void fetch_start(struct fetch *f, struct park *park, struct park_ticket *ticket);
/* After the resume: bytes, type and name, which stay the fetch's; false when it failed. */
bool fetch_result(struct fetch *f, const GByteArray **ret_bytes, const char **ret_type,
		  const char **ret_name);
void fetch_free(struct fetch *f);
/* Waits for running threads at shutdown, at most two seconds. */
void fetch_join_all(void);
