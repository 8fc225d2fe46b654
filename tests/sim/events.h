/* SPDX-License-Identifier: MIT */
/*
 * What happened, for compliance officers (webex-api.md 5.10) and administrators (5.15). The newest
 * EVENTS_MAX of each are kept. The server's thread.
 */
#pragma once

#include "webhooks.h"

#define EVENTS_MAX 100000

/* Notes the event with the resource as it is now. */
void events_note(struct req *rq, const struct event *ev);
/* Notes what an administrator did, or who logged in (category LOGINS). */
void audit_note(struct req *rq, const char *category, const struct person *actor,
		const struct person *target, const char *what);

void events_list(struct req *rq);
void events_get(struct req *rq);
void audit_list(struct req *rq);
void audit_categories(struct req *rq);
void security_list(struct req *rq);
