/* SPDX-License-Identifier: MIT */
/*
 * Webhooks: the resource under /v1/webhooks and the delivery of events.
 *
 * Handlers and hooks_fire() run on the server's thread. Deliveries are made by one thread
 * that shares only struct hooks (hooks->lock: the queue and the list of outcomes).
 */
#pragma once

#include "server.h"

struct hooks *hooks_new(void);
void hooks_stop(struct hooks *hooks);

void webhooks_list(struct req *rq);
void webhooks_create(struct req *rq);
void webhooks_get(struct req *rq);
void webhooks_update(struct req *rq);
void webhooks_delete(struct req *rq);

/* What happened, for filters and payload. `person` is the subject of the event. */
struct event {
	const char *resource, *event;
	struct person *actor;
	struct room *room;
	const struct message *msg;
	const struct membership *member;
	const char *action_json; /* of attachmentActions; `msg` is then the card */
	const char *tab_json;	 /* of tabs, which webhooks do not have */
};

/* Tells webhooks, and the events of compliance officers. */
void hooks_fire(struct req *rq, const struct event *ev);
/* Takes note of finished deliveries: disables hooks that fail too often. */
void hooks_collect(struct sim *sim);
