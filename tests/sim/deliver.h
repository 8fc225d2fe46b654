/* SPDX-License-Identifier: MIT */
/*
 * Delivery of webhooks by one thread: POST, signature, outcome.
 *
 * hooks_push() copies what it is given. Lock: hooks->lock protects queue and outcomes.
 */
#pragma once

#include "ids.h"

#include <glib.h>
#include <stdbool.h>

struct hooks;

struct outcome {
	struct uuid hook;
	bool ok;
};

void hooks_push(struct hooks *hooks, const struct uuid *hook, const char *url, const char *body,
		const char *secret);
/* Outcomes since the last call; the caller's, NULL when there are none. */
GArray *hooks_outcomes(struct hooks *hooks);
