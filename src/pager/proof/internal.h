/* SPDX-License-Identifier: MIT */
/*
 * Inside of proof: turns, and the lists that are fetched again (lists.c, members.c, rooms.c).
 * Thread rule: cache thread.
 */
#pragma once

#include "pager/internal.h"
#include "pager/proof/proof.h"

#define PROOF_MINUTE_MS 60000
/* At most so many things, and spaces with lists, are remembered; further ones will be doubted
 * again some time. */
#define PROOF_MAX 8192
/* A question that failed, or a doubt that was refuted, is tried again after this time, and then
 * each time after twice as long, up to PROOF_WAIT_MAX_MS. */
#define PROOF_WAIT_MS 5000
#define PROOF_WAIT_MAX_MS (10 * 60 * 1000)
/* So many of a list's suspects are asked for by id before the list is fetched again. */
#define PROOF_SAMPLES 2
/* A thing that nobody doubted for so long is dropped. */
#define PROOF_FORGET_MS (60 * 60 * 1000)

enum proof_state { DOUBTED, ASKING, LISTING, CLEARED };

/* When something may be tried again. */
struct proof_pace {
	int64_t next_ms; /* mono */
	int64_t wait_ms;
	int tries;
};

/* What of a space a list lacked, many at once: the head of struct relist and struct recount. */
struct proof_list {
	struct proof *proof;
	int64_t room;
	enum proof_state state; /* DOUBTED, ASKING, LISTING (messages alone), CLEARED */
	struct proof_pace pace;
	int sampled; /* how many were asked for by id, and are gone */
};

struct thing {
	struct proof *proof;
	enum proof_kind kind;
	enum webex_room_type type; /* ASKING: of the room that it is or is in */
	int64_t row, room;
	int64_t created_ms; /* of messages */
	int64_t updated_ms; /* of messages; ASKING: as it was known then */
	enum proof_state state;
	struct proof_pace pace;
	int64_t doubted_ms;  /* mono */
	int64_t gone_ms;     /* mono; in LISTING: when its GET was answered */
	uint64_t call;	     /* ASKING */
	uint64_t generation; /* ASKING: proof_generation() when it was asked for */
	bool tried;
	bool was_there;	 /* so its last answer said */
	bool is_offline; /* the last question did not reach the server */
	char *id;	 /* ASKING: by which it is asked for; owned */
	GArray *askers;	 /* of struct asker */
};

struct proof {
	struct pager *pager;
	GHashTable *things;  /* row -> struct thing */
	GHashTable *pages;   /* room -> struct relist, which begins with its proof_list */
	GHashTable *members; /* room -> struct recount, which begins with its proof_list */
	int64_t turns[PROOF_TURNS]; /* mono; when the turns were taken */
	int turn;		    /* index of the oldest */
	int64_t group;		    /* the group that had its turn; see next_due() */
	int kind;		    /* the kind that has its turn; see step() */
	int asking;
	/* mono; when a list of spaces, of teams, that lacked many is fetched again; 0: never */
	int64_t again_ms[PROOF_KINDS];
	uint64_t timer; /* 0: none */
	bool is_stopped, is_pumping;
};

/* ---- proof.c ---- */
int64_t proof_now(const struct proof *proof);
void proof_doubt(struct proof *proof, enum proof_kind kind, int64_t row, int64_t room);
/* Gives the verdict to those who wait for it. */
void proof_tell(struct thing *t, enum proof_verdict verdict);
/* Gives the verdict and forgets the thing. */
void proof_drop(struct thing *t, enum proof_verdict verdict);
/* Gives the verdict and keeps the thing: when it is doubted again its turn comes later. */
void proof_clear(struct thing *t, enum proof_verdict verdict);
/* Asks for what is due. */
void proof_pump(struct proof *proof);

/* True if its GET found it a short time ago, so that a list without it says nothing of it. */
bool proof_was_there(const struct proof *proof, int64_t row);
/* The last request for that row found no network. */
bool proof_is_offline(const struct proof *proof, int64_t row);
/* Drops waiting doubts about things that the page shows to exist. */
void proof_drop_seen(struct proof *proof, enum proof_kind kind, const struct page_told *page);
/* `rows` must be rising. */
bool proof_has_row(const GArray *rows, int64_t row);

/* ---- answers.c ---- */
/* What the answer to its GET says of a thing. An answer about something else says nothing. */
enum proof_verdict proof_read_answer(const struct thing *t, const struct webex_reply *reply);
/* Of a room, a member: counts the changes that are made here. */
uint64_t proof_generation(const struct thing *t);
/* True if nobody changed it since it was asked for, so that the answer is no older than what is
 * known. */
bool proof_is_untouched(const struct thing *t);

/* ---- due.c ---- */
/* False if no turn is left in this minute. */
bool proof_take_turn(struct proof *proof);
/* Sets the next time, after twice as long as before. False: it was tried often enough. */
bool proof_later(const struct proof *proof, struct proof_pace *pace);
/* The doubt was refuted, so the next one has to wait. */
void proof_rest(const struct proof *proof, struct proof_pace *pace);
/* ---- due.c: of a table room -> struct proof_list ---- */
/* Notes what became of the suspect that was asked for by its id. */
void proof_list_sampled(struct proof_list *list, enum proof_verdict verdict);
/* The list that has waited longest of those that are due; drops old ones. NULL: there is none. */
struct proof_list *proof_list_due(const struct proof *proof, GHashTable *table);
/* The time (mono) when the next one is due; INT64_MAX: none is. */
int64_t proof_list_next_ms(GHashTable *table);
bool proof_list_is_quiet(GHashTable *table);

/* ---- rooms.c ---- */
/* Begins lists of spaces and of teams for those that wait for one. */
void proof_rooms_pump(struct proof *proof);
static inline bool proof_is_room(enum proof_kind kind)
{
	return kind == PROOF_ROOM || kind == PROOF_TEAM;
}
/* Doubts the space, or team, of this row. */
void proof_doubt_room(struct proof *proof, int64_t room);
/* When the next list is due, mono; INT64_MAX: none is. */
int64_t proof_rooms_next_ms(const struct proof *proof);

/* ---- webhooks.c ---- */
/* The id of the webhook (owned), NULL if it is gone. */
int proof_load_webhook(const struct thing *t, char **ret_id);
int proof_keep_webhook(const struct thing *t, const struct webex_reply *reply,
		       GPtrArray *changes);
int proof_forget_webhook(const struct thing *t, int64_t now_wall_ms, GPtrArray *changes);
bool proof_is_webhook_live(const struct thing *t);
void proof_unpin_webhook(const struct thing *t);

/* ---- lists.c ---- */
void proof_pages_init(struct proof *proof);
void proof_pages_stop(struct proof *proof);
void proof_pages_free(struct proof *proof);
/* Begins a list that is due. False: there is none, or no turn. */
bool proof_pages_pump(struct proof *proof);

/* ---- members.c: the same ---- */
void proof_members_init(struct proof *proof);
void proof_members_free(struct proof *proof);
bool proof_members_pump(struct proof *proof);
/* Called when a member is gone, who may be me. */
void proof_member_gone(struct proof *proof, int64_t room, int64_t member);
