/* SPDX-License-Identifier: MIT */
/*
 * Proof: what is known is forgotten only when it is proven to be gone (design 2.1). One answer,
 * a 404 or a list that lacks something, is only a suspicion. Everything that seems gone comes
 * here and is asked for in the background, so that no listing waits for it.
 *
 *	 doubt                  its turn                404
 *	------> DOUBTED ------------------> ASKING -----------> forgotten (message, membership)
 *	         ^  ^   GET by its own id    |  |
 *	         |  +--- any other error ----+  |               404 of a space
 *	         |       (later and later)   |  +-----------> LISTING ---------------> forgotten
 *	         |                           |                | |  ^   a whole list, begun
 *	         | doubt; its turn comes     | 200: kept      | |  |   behind the GET, lacks it
 *	         | later and later           v                | +--+ no list came: later and later
 *	         +------------------------ CLEARED <----------+
 *	                                     |                  a list has it
 *	                                     +--> dropped: nobody doubted it for long
 *
 *	A DOUBTED thing that a list then has is dropped, too.
 *
 *	If one list lacks more than PROOF_MANY, they are not asked for one by one: the list is
 *	fetched again.
 *
 *	 many        PROOF_AGAIN_MS later, its turn            what it lacks as well: forgotten
 *	------> DOUBTED -----------------------> LISTING ---------------------------------------> dropped
 *	        ^ |  ^  the same interval, pages  |   |
 *	        | |  |  of another size           |   |  a page has what it should lack
 *	        | |  +--------- it failed --------+   v
 *	        | |  +--------- doubt ------------- CLEARED
 *	        | v                                   ^
 *	       ASKING --------------------------------+
 *	        before that, PROOF_SAMPLES of them by id; one is there
 *
 * If the second list has one of them, it contradicts the first one, and what it lacks itself is
 * a new suspicion. If a sample is there twice, some of what the lists lack is gone and some is not: then
 * each that the second list lacks, too, is asked for. For more than PROOF_MANY spaces the list comes first, too, and each space
 * that it lacks is then asked for.
 *
 * Two things are proof. One is the answer to a GET by id: 404 (of a space together with a later
 * list that lacks it), or that the thing is in another space, or 400 where no object of the kind
 * can have the id. The other is a second list of the same interval, if GETs of some of what it
 * lacks agree with it. Two things are no proof: what a bot is told of the messages of a group
 * space, and what is said of something that was made here a moment ago (a pin), unless we tried to
 * delete it.
 * There are PROOF_TURNS turns a minute in the background; proof_ask gets one at once. Turns go
 * round: lists of messages, lists of members, single things, and of these from space to space.
 * After PROOF_TRIES failures a thing is asked for again only when it is doubted again; a thing
 * whose question did not reach the server, as soon as something does.
 *
 * A message is doubted as well if a list contradicts what never changes of it (time, author), lacks
 * one of its files, or has an older text (store/doubts.h). It is asked for by its id, and no list
 * is fetched again, since the lists have it.
 *
 * What is said here of spaces is said of teams, too, which have a list of their own.
 *
 * Nothing of this is kept across mounts, since the next list brings the doubt again.
 * Thread rule: cache thread.
 */
#pragma once

#include "pager/pager.h"

#define PROOF_MANY 8
#define PROOF_AGAIN_MS 5000
#define PROOF_TURNS 30
#define PROOF_TRIES 8

struct proof;

/* PROOF_ROOM: a space. PROOF_MEMBER: of a space or a team. */
enum proof_kind { PROOF_ROOM, PROOF_MESSAGE, PROOF_MEMBER, PROOF_TEAM, PROOF_WEBHOOK };
#define PROOF_KINDS (PROOF_WEBHOOK + 1)

struct proof *proof_new(struct pager *p);
/* Gives PROOF_OPEN to those who wait. Nothing is asked any more. */
void proof_stop(struct proof *proof);
/* Called after the last answer came. */
void proof_free(struct proof **proof);

/* ---- suspicions ---- */

/* Handles a 404 of a call for a room, a space or a team. Perhaps the room is gone or we left it (webex-api.md
 * 7.6): then -EBUSY, and proof is sought. If it was made here a moment ago, perhaps not every
 * machine of the service knows it yet: -EAGAIN. */
int proof_room_vanished(struct proof *proof, int64_t room);
/* The server does not have one of its files. */
void proof_doubt_message(struct proof *proof, int64_t room, int64_t message);

/* A whole list of spaces (PROOF_ROOM) or of teams came that was begun at began_ms (mono); `missing` (rows,
 * rising) as store_apply_rooms gives it. */
void proof_rooms_listed(struct proof *proof, enum proof_kind kind, int64_t began_ms,
			const GArray *missing);

struct page_told;
void proof_page_listed(struct proof *proof, const struct page_told *page);

/* A list of all memberships of a space or team came; as proof_rooms_listed, with the page size. */
void proof_members_listed(struct proof *proof, int64_t room, int64_t began_ms, int max,
			  const GArray *missing);
/* A whole list of webhooks came; `missing` as above. */
void proof_webhooks_listed(struct proof *proof, const GArray *missing);
/* The page size that the next list of members must have; `max` if any will do. */
int proof_members_max(const struct proof *proof, int64_t room, int max);

/* ---- urgent questions ---- */

enum proof_verdict {
	PROOF_GONE,  /* it is gone, and was forgotten */
	PROOF_THERE, /* the server has it */
	PROOF_OPEN,  /* unknown; it stays */
};
typedef void (*proof_told)(void *arg, enum proof_verdict verdict);

/*
 * Asks at once, because our own DELETE was answered 404. tried: an earlier try of it may have
 * taken effect, so that a pin does not count. `fn` is called exactly once, perhaps inside this
 * call.
 */
void proof_ask(struct pager *p, enum proof_kind kind, int64_t row, bool tried, proof_told fn,
	       void *arg);

/* ---- for tests ---- */
void proof_tick(struct proof *proof);
/* True if nothing is doubted. */
bool proof_is_quiet(const struct proof *proof);
