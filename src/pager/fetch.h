/* SPDX-License-Identifier: MIT */
/*
 * Inside of the pager: one fetch under way, and the table of fetchers, one for each kind of
 * need (fetchers/table.c).
 * Thread rule: cache thread.
 */
#pragma once

#include "pager/pager.h"
#include "pager/server.h"

/* At most so many pages are followed in one fetch; a server that sends more loops. */
#define FETCH_MAX_PAGES 5000
/* So many pages in a row may be empty, since the server filters after it has fetched
 * (webex-api.md 2.1). */
#define FETCH_MAX_EMPTY 100
/* So many items are kept in memory until the list is complete. */
#define FETCH_MAX_ITEMS 100000

struct fetch {
	struct pager *pager;
	struct pager_entry *entry; /* NULL: cancelled; it is freed when the answer comes */
	const struct fetcher *fetcher;
	struct need need;
	uint64_t generation; /* generation of the need when the fetch began */
	int restarts;
	bool is_for_all;     /* it goes on when the last waiter is interrupted */
	uint64_t request;    /* webex id of the call under way; 0: none */
	int64_t started_ms;  /* mono: when it began, or began again */
	int64_t activity_ms; /* NEED_HEAD: the space's last activity at that time */
	bool has_activity;
	int64_t verified_hi_ms; /* NEED_VERIFY, NEED_MENTIONS: it verifies what is known from there
				 * down */
	guint listed;		/* NEED_HEAD: messages that came with its pages */

	struct page_run *run;	      /* NEED_HEAD, NEED_SWEEP, NEED_VERIFY, NEED_MENTIONS */
	struct span_waiter *waiter;   /* NEED_SPAN */
	struct part *part;	      /* NEED_BODY, NEED_BODIES */
	struct content_want *content; /* NEED_CONTENT */
	struct names *names;	      /* NEED_NAMES */
	struct roots *roots;	      /* NEED_ROOTS, NEED_ROOT */
	/* NEED_THREAD, NEED_THREAD_BODIES: the part of the thread that is asked for. */
	struct {
		int64_t row, room;
		int64_t whole_ms; /* up to then it was whole before; -1: it was not */
		int64_t hi_ms;	  /* up to then it is, if the list comes to its end */
		int64_t low_ms;	  /* the time of the oldest reply that came */
		bool is_filtered; /* a bot's list */
		int64_t root; /* row of its message, which is known, so there is such a list; 0: not */
	} replies;

	/* the fetchers' state between two answers */
	int pages;
	int stale_pages;   /* pages in a row without anything new */
	int empty_pages;   /* pages in a row without items */
	bool is_partial;   /* some items could not be used, and may be what is missing */
	int max;	   /* page size asked for */
	int64_t known;	   /* NEED_NEWS: number of known spaces */
	bool is_all_pages; /* NEED_NEWS, NEED_ROOMS: asks for the whole list, in any order */
	bool is_complete;  /* NEED_NEWS, NEED_ROOMS: it was the whole list */
	bool has_kept;	   /* NEED_NEWS, NEED_ROOMS: what came is in the store */
	bool is_cut;	   /* NEED_NEWS: neither list could be followed as far as it should */
	bool is_of_org;	   /* NEED_WEBHOOKS: those of the organization are listed */
	bool has_been_all, has_been_sorted; /* NEED_NEWS: which lists did not end */
	GPtrArray *items;		    /* owned, of the fetcher's struct */
	GHashTable *seen;		    /* ids of items, borrowed from them */
	char *room_id;
	char *last_next;
};

/* What begin() and answer() of a fetcher return, if not -errno. */
enum fetch_step {
	FETCH_DONE, /* it is in the store */
	FETCH_MORE, /* a request is under way */
};

/* How long what it brought is fresh, where polls do not tell. */
enum fetch_age {
	FETCH_NO_AGE,	  /* whoever asks has looked into the store */
	FETCH_LIST_AGE,	  /* list_age_ms */
	FETCH_TEAMS_AGE,  /* teams_age_ms */
	FETCH_MINUTE_AGE, /* a minute */
	FETCH_PERSON_AGE, /* person_age_ms */
};

/* A row of the table of what can be fetched (fetchers/fetchers.h). */
struct fetcher {
	enum need_kind kind;
	const char *
		words; /* for a person: what is read; its space, key or number comes behind it */
	bool is_of_space; /* need.row is that of a space */
	bool is_of_thread;
	bool is_silent; /* that it failed by the network says nothing of the server */
	enum fetch_age age;
	int failed_ms; /* a failure is remembered so long; 0: FAILED_AGE_MS */
	int absent_ms; /* -ENOENT is; 0: as any failure */
	int (*begin)(struct fetch *f);
	int (*answer)(struct fetch *f, struct webex_reply *reply);
	/* Called when somebody waits for a fetch that is under way, for fetchers that make their
	 * requests through others (webex_raise). NULL: f->request is raised. */
	void (*raise)(struct fetch *f);
	/* Called when nobody wants the fetch any more, for fetchers that make their requests
	 * through others and end by fetch_finished. The fetch is freed after it. */
	void (*cancel)(struct fetch *f);
};

/* For the fetchers. */
/* Makes an answer that was read, but cannot be used as a whole, a failure with these words. -EIO. */
int fetch_spoil(struct webex_reply *reply, const char *words);
/* The same for a page with items that cannot be used: what it has is kept, but a listing that
 * lacks the rest must not look like the whole. */
int fetch_spoil_partial(struct webex_reply *reply);
const struct pager_config *pager_get_config(const struct pager *p);
/* The webex_done of each request; `arg` is the fetch. */
void fetch_answered(void *arg, struct webex_reply *reply);
/* Ends a fetch whose fetcher has no answer() with 0 or -errno; `reply` is the server's answer
 * or NULL. Frees the fetch and calls the waiters. */
void fetch_finished(struct fetch *f, int error, const struct webex_reply *reply);
/*
 * Lets the waiters look again (PAGER_LOOK_AGAIN), because a part came. If there were waiters and none is
 * left, nobody needs the rest, and the fetch is cancelled and freed. The last thing that a fetcher does.
 */
void fetch_progress(struct fetch *f);
/* Notes how far the names of `who` are, for pager_names(); total 0: they are no longer asked for. */
void pager_note_names(struct pager *p, const void *who, int64_t room, int done, int total);
/* Tells of the changes, frees them, and returns `r`. */
int pager_published(struct pager *p, int r, GPtrArray *changes);
/* A page lacks something that is known: a suspicion (proof/proof.h). */
struct page_told;
void pager_lacks(struct pager *p, const struct page_told *page);
/* The parts of a pager. */
struct spans;
struct spans *pager_spans(struct pager *p);
struct ahead;
struct ahead *pager_ahead(struct pager *p);
struct evicted *pager_evicted(struct pager *p);
struct poller *pager_poller(struct pager *p);
struct proof;
struct proof *pager_proof(struct pager *p);
/* How a space, or a team, and its memberships are asked for. */
const struct webex_place *pager_place(struct pager *p, int64_t room);
/* The id of the room (owned) and whether its lists are filtered for us. -ENOENT if it is gone. */
int pager_load_room(struct pager *p, int64_t room, char **ret_id, bool *ret_filtered);
/* For page runs: true if the need was changed here since the fetch began; then it begins again,
 * but only a few times. */
bool fetch_restarts(struct fetch *f);
/* True if nobody waits for the fetch `arg`. */
bool fetch_is_unwaited(void *arg);
/* True if the need was changed here since the fetch began, so that what came must not be
 * published. */
bool fetch_is_outdated(const struct fetch *f);
