/* SPDX-License-Identifier: MIT */
/*
 * The journal: what happened, for people and scripts. A change that is news adds a row in its own
 * transaction. The newest STORE_EVENTS_KEPT are kept.
 * Thread rule: as store.h, which includes this.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct store;
struct store_conn;

#define STORE_EVENTS_KEPT 10000

/* Databases hold these numbers, so they never change. */
enum store_event_what {
	STORE_EVENT_MESSAGE_CREATED = 1,
	STORE_EVENT_MESSAGE_EDITED,
	STORE_EVENT_MESSAGE_DELETED,
	STORE_EVENT_MEMBER_ADDED = 8,
	STORE_EVENT_MEMBER_CHANGED,
	STORE_EVENT_MEMBER_REMOVED,
	STORE_EVENT_SPACE_ADDED = 16,
	STORE_EVENT_SPACE_RENAMED_FROM, /* has the old path; the next event has the new one */
	STORE_EVENT_SPACE_RENAMED,
	STORE_EVENT_SPACE_CHANGED, /* its details; a new last activity is no event */
	STORE_EVENT_SPACE_REMOVED,
	STORE_EVENT_LINK_DOWN = 24,
	STORE_EVENT_LINK_UP,
	STORE_EVENT_LOGIN_NEEDED,
	STORE_EVENT_LOGIN_OK,
	STORE_EVENT_UNSENT = 32, /* a letter came into unsent/ */
	STORE_EVENT_NOT_SENT,	 /* a file has a name that is not sent, and stays here */
	STORE_EVENT_MISSED = 40, /* some new messages of this space make no event */
	STORE_EVENT_MENTION =
		41, /* the message of the event before mentions the owner since then */
	STORE_EVENT_TEAM_ADDED = 42,
	STORE_EVENT_TEAM_CHANGED, /* its name (the path is the new one) or its description */
	STORE_EVENT_TEAM_REMOVED,
};

struct store_event {
	int64_t seq;	 /* the cursor: > 0, rises by one with each event */
	int64_t wall_ms; /* when the store learned of it */
	enum store_event_what what;
	const char
		*path; /* relative to the mount point, with the names of that time; no control
		        * characters */
};

int store_event_add(struct store *s, enum store_event_what what, const char *path);
/* Cursor of the newest committed event; if there is none, the one before that of the next
 * event.
 * Any thread (atomic). */
int64_t store_event_last(struct store *s);
/* Cursor of the oldest kept event; -ENOENT. The difference to a lower cursor says how many
 * events in between are lost. */
int store_event_first(struct store_conn *c, int64_t *ret_seq);
/* Calls `fn` for the events after `seq`, rising, until it returns false. `fn` borrows the
 * event. */
int store_events_after(struct store_conn *c, int64_t seq,
		       bool (*fn)(void *arg, const struct store_event *event), void *arg);
/* True if the last event about the link says that it is down. */
bool store_event_link_is_down(struct store_conn *c);
