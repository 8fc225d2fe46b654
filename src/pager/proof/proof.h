/* SPDX-License-Identifier: MIT */
/*
 * Proof: what is known is forgotten only when it is proven to be gone (design 2.1). One answer, a
 * 404 or a list that lacks something, is a suspicion; everything that seems gone comes here and
 * is asked for behind the back of whoever noticed it, so that no listing waits for it.
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
 *	What is DOUBTED, and then is in a list, is dropped as well.
 *
 *	Of more than PROOF_MANY that one list lacks, none is asked for; the list is:
 *
 *	 many        PROOF_AGAIN_MS later, its turn            what it lacks as well: forgotten
 *	------> DOUBTED -----------------------> LISTING ---------------------------------------> dropped
 *	         ^  ^  the same interval, pages   |   |
 *	         |  |  of another size            |   |  a page has what it should lack
 *	         |  +---------- it failed --------+   v
 *	         +--------- doubt ---------------- CLEARED
 *
 * A list that has one of them contradicts the first one: what it lacks itself is a new suspicion.
 * Of more than PROOF_MANY spaces the list comes first as well, and what it lacks is asked for.
 *
 * Proof is: the answer 404 to a GET by id (of a space, and a list without it behind that); a second
 * list of the same interval. None is: what a bot is told of the messages of a group space; what
 * is said of something that was made here a moment ago (a pin), unless we tried to delete it.
 * Turns are PROOF_TURNS a minute in the background; who waits (proof_ask) has one at once. They go
 * round: lists of messages, lists of members, single things; of these from space to space.
 * What failed PROOF_TRIES times is asked for again when something makes it doubtful again; what failed
 * for want of a network, as soon as something does.
 *
 * Nothing of this is kept across mounts: the next list brings the doubt again.
 * Thread rule: cache thread.
 */
#pragma once

#include "pager/pager.h"

#define PROOF_MANY 8
#define PROOF_AGAIN_MS 5000
#define PROOF_TURNS 30
#define PROOF_TRIES 8

struct proof;

struct proof *proof_new(struct pager *p);
/* Whoever waits is told PROOF_OPEN; nothing is asked any more. */
void proof_stop(struct proof *proof);
/* After the last answer came. */
void proof_free(struct proof **proof);

/* ---- suspicions ---- */

/* Something in the space was answered 404. */
void proof_doubt_room(struct proof *proof, int64_t room);
/* The server does not have one of its files. */
void proof_doubt_message(struct proof *proof, int64_t room, int64_t message);
/* A whole list of spaces that was begun at began_ms (mono) came; `missing` (rows, rising) as of
 * store_apply_rooms. */
void proof_rooms_listed(struct proof *proof, int64_t began_ms, const GArray *missing);

/* What a page of messages told of (lo, hi]; `missing` as of store_apply_page. */
struct proof_page {
	int64_t room, lo, hi;
	int max; /* the page size that was asked for */
	const GArray *missing;
};
void proof_page_listed(struct proof *proof, const struct proof_page *page);

/* All memberships of a space: as proof_rooms_listed, with the page size. */
void proof_members_listed(struct proof *proof, int64_t room, int64_t began_ms, int max,
			  const GArray *missing);
/* The page size that a list of them is to have now; `max` if that does not matter. */
int proof_members_max(const struct proof *proof, int64_t room, int max);

/* ---- somebody wants to know now ---- */

enum proof_kind { PROOF_ROOM, PROOF_MESSAGE, PROOF_MEMBER };
enum proof_verdict {
	PROOF_GONE,  /* and forgotten */
	PROOF_THERE, /* the server has it */
	PROOF_OPEN,  /* nobody knows; it stays */
};
typedef void (*proof_told)(void *arg, enum proof_verdict verdict);

/*
 * Our own DELETE was answered 404. tried: an earlier try of it may have taken effect, so that a
 * pin says nothing. `fn` is called exactly once, perhaps inside.
 */
void proof_ask(struct pager *p, enum proof_kind kind, int64_t row, bool tried, proof_told fn,
	       void *arg);

/* ---- for tests ---- */
void proof_tick(struct proof *proof);
/* Nothing is doubted. */
bool proof_is_quiet(const struct proof *proof);
