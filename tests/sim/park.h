/* SPDX-License-Identifier: MIT */
/*
 * Parking lot: connections that are suspended until a time, or until released.
 *
 * One thread of its own sleeps in epoll_wait until the next deadline and also watches the
 * parked sockets, so that a client that gave up is noticed (suspended connections are
 * otherwise deaf). Lock: park->lock protects the lot and every ticket in it. Never held
 * while a handler runs. All functions may be called from any thread; a ticket must not be
 * freed while parked.
 */
#pragma once

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>

struct park;

struct park_ticket {
	/* All under park->lock while parked, the request's own otherwise. */
	struct MHD_Connection *conn;
	int fd;
	int64_t deadline_ms; /* CLOCK_MONOTONIC; < 0 = until released */
	int fault_id;	     /* released together with this fault */
	bool parked;
	/* Why it came back: the client has gone. */
	bool gone;
	bool released;
};

struct park *park_new(void);
/* Resumes everything, refuses newcomers from now on, and joins the thread. */
void park_stop(struct park *park);
/* Suspends the connection. -ESHUTDOWN after park_stop() began. */
int park_suspend(struct park *park, struct park_ticket *ticket, struct MHD_Connection *conn,
		 int64_t delay_ms, int fault_id);
/* Resumes one ticket if it is parked (used when a fetch is done). */
void park_resume(struct park *park, struct park_ticket *ticket);
/* Resumes those held by a fault (0 = by any fault). */
void park_release(struct park *park, int fault_id);
int park_count(struct park *park);
int64_t mono_ms(void);
