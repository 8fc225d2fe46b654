/* SPDX-License-Identifier: MIT */
/*
 * The table of what can be fetched: a row each, which stands in the file that fetches it. Thread rule: cache
 * thread.
 */
#pragma once

#include "pager/fetch.h"

extern const struct fetcher fetcher_room;	    /* space.c */
extern const struct fetcher fetcher_head;	    /* messages.c */
extern const struct fetcher fetcher_to_head;	    /* messages.c */
extern const struct fetcher fetcher_span;	    /* messages.c */
extern const struct fetcher fetcher_rooms;	    /* rooms.c */
extern const struct fetcher fetcher_news;	    /* rooms.c */
extern const struct fetcher fetcher_members;	    /* members.c */
extern const struct fetcher fetcher_person;	    /* person.c */
extern const struct fetcher fetcher_direct;	    /* direct.c */
extern const struct fetcher fetcher_probe;	    /* probe.c */
extern const struct fetcher fetcher_content;	    /* attachment.c */
extern const struct fetcher fetcher_names;	    /* names.c */
extern const struct fetcher fetcher_thread_names;   /* names.c */
extern const struct fetcher fetcher_months;	    /* ../past/months.c */
extern const struct fetcher fetcher_body;	    /* ../past/evicted.c */
extern const struct fetcher fetcher_bodies;	    /* ../past/evicted.c */
extern const struct fetcher fetcher_sweep;	    /* ../past/sweep.c */
extern const struct fetcher fetcher_verify;	    /* ../past/sweep.c */
extern const struct fetcher fetcher_roots;	    /* roots.c */
extern const struct fetcher fetcher_root;	    /* roots.c */
extern const struct fetcher fetcher_thread;	    /* thread.c */
extern const struct fetcher fetcher_thread_bodies;  /* thread.c */
extern const struct fetcher fetcher_thread_row;	    /* thread.c */
extern const struct fetcher fetcher_mentions;	    /* mentions.c */
extern const struct fetcher fetcher_mentions_again; /* mentions.c */
extern const struct fetcher fetcher_teams;	    /* teams.c */
extern const struct fetcher fetcher_webhooks;	    /* webhooks.c */

const struct fetcher *fetchers_find(enum need_kind kind);
