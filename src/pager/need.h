/* SPDX-License-Identifier: MIT */
/*
 * A need: what an operation lacks and one fetch can bring. Pure; any thread.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum need_kind {
	NEED_NONE,
	NEED_ROOMS, /* the complete list of spaces */
	NEED_ROOM,  /* one space's details; row */
	NEED_HEAD,  /* the newest `recent` messages of a space; row */
	/* The newest messages of a space, page by page, down to lo_ms (hi_ms 0), which makes the head
	 * known; lo_ms INT64_MAX: one page. For operations that need the present of a space but not
	 * as much as NEED_HEAD brings. */
	NEED_TO_HEAD,
	NEED_MEMBERS, /* all memberships of a space or team; row */
	NEED_PERSON,  /* details by address, or "me"; key. -ENOENT: nobody has it */
	NEED_DIRECT,  /* the 1:1 space with an address; key. 0 also if there is none yet */
	NEED_CONTENT, /* the bytes [from_byte, to_byte) of an attachment, in attach/attach.h; row */
	NEED_SPAN, /* every message of a space with lo_ms < created <= hi_ms; row */
	NEED_NEWS, /* which spaces have news: one poll (pager/present/poll.h) */
	/* The node rows of a space's months; row. The one need without a request: what they are made
	 * of is in the store, but only the cache thread writes there, and who lacks them waits for
	 * that, joins others and gets errors as with any fetch. */
	NEED_MONTHS,
	NEED_BODY,   /* the evicted body of a message; row is that of the message */
	NEED_BODIES, /* all evicted bodies of a space with lo_ms < created <= hi_ms; row */
	NEED_PROBE,  /* whether the server is reachable, in a short time */
	NEED_NAMES,  /* the names of all attachments of a space's messages with after < cookie <
		     * until; both 0: of its newest messages; row */
	NEED_SWEEP, /* a page of old messages, verified (pager/past/sweep.h); row, lo_ms, hi_ms */
	/* Every known message of a space with lo_ms < created <= hi_ms, verified
	 * (pager/past/sweep.h); row. For months that were verified long ago. */
	NEED_VERIFY,
	NEED_ROOTS, /* the unknown roots of the threads of a space's messages with after < cookie < until;
		     * both 0: of its newest messages; row */
	NEED_ROOT,	   /* the root of a thread; row is that of the thread */
	NEED_THREAD,	   /* all replies of a thread; row is that of the thread */
	NEED_THREAD_NAMES, /* as NEED_NAMES, of the messages of a thread; row is that of the thread */
	NEED_THREAD_BODIES, /* the same once more, since bodies were dropped */
	/* The row of the thread of a message that nobody replied to; row is that of the message. As
	 * NEED_MONTHS it makes no request. */
	NEED_THREAD_ROW,
	/* Every message of a space that mentions us, with lo_ms < created <= hi_ms (store/mentions.h); row. */
	NEED_MENTIONS,
	/* The newest page of those up to hi_ms, verified; row. For what was verified long ago. */
	NEED_MENTIONS_AGAIN,
	NEED_TEAMS,    /* the complete list of teams */
	NEED_WEBHOOKS, /* the complete list of webhooks */
};

/* lo_ms of a NEED_TO_HEAD by a program that saves everything: all pages in one go, down to the beginning
 * of the space, where these are not very many; else one. */
#define NEED_WHOLE (INT64_MAX - 1)

#define NEED_KEY_MAX 256

/* The kind says which of the union's parts there is; all others have none, and zeros. */
struct need {
	enum need_kind kind;
	int64_t row; /* of a space where the kind does not say otherwise */
	union {
		struct {
			int64_t lo_ms, hi_ms;
		}; /* NEED_TO_HEAD, NEED_SPAN, NEED_BODIES, NEED_SWEEP, NEED_VERIFY, NEED_MENTIONS,
		    * NEED_MENTIONS_AGAIN */
		struct {
			int64_t from_byte, to_byte;
		}; /* NEED_CONTENT */
		struct {
			int64_t after, until;
		};			/* NEED_NAMES, NEED_ROOTS: cookies */
		char key[NEED_KEY_MAX]; /* NEED_PERSON, NEED_DIRECT; addresses in lower case */
	};
};

/* True if needs of this kind have a key. */
bool need_has_key(enum need_kind kind);
bool need_equal(const struct need *a, const struct need *b);
/* Needs as keys of a table. */
guint need_hash(gconstpointer need);
gboolean need_equal_g(gconstpointer a, gconstpointer b);
/* True if a need of this kind cannot be filled from the store alone. */
bool need_asks_server(enum need_kind kind);
