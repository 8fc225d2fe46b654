/* SPDX-License-Identifier: MIT */
/*
 * Inside of proof: turns, and the lists that are asked for again (lists.c, members.c, rooms.c). Thread rule: cache thread.
 */
#pragma once

#include "pager/internal.h"
#include "pager/proof/proof.h"

/* Things, and spaces with lists, that are remembered; what is above is doubted again some time. */
#define PROOF_MAX 8192
/* What failed, or was refuted, is asked for again after this, twice as long each time, up to ... */
#define PROOF_WAIT_MS 5000
#define PROOF_WAIT_MAX_MS (10 * 60 * 1000)
/* Nobody doubted it for so long. */
#define PROOF_FORGET_MS (60 * 60 * 1000)

enum proof_state { DOUBTED, ASKING, LISTING, CLEARED };

/* When something is tried again. */
struct proof_pace {
	int64_t next_ms; /* mono */
	int64_t wait_ms;
	int tries;
};

struct thing {
	struct proof *proof;
	enum proof_kind kind;
	int64_t row, room;
	int64_t created_ms; /* of messages */
	enum proof_state state;
	struct proof_pace pace;
	int64_t doubted_ms; /* mono */
	int64_t gone_ms;    /* mono; LISTING: when its GET was answered */
	uint64_t call;	    /* ASKING */
	bool tried;
	bool is_offline; /* the last question did not come through */
	GArray *askers;	 /* of struct asker */
};

struct proof {
	struct pager *pager;
	GHashTable *things;	    /* row -> struct thing */
	GHashTable *pages;	    /* room -> struct relist */
	GHashTable *members;	    /* room -> struct recount */
	int64_t turns[PROOF_TURNS]; /* mono; when they were taken */
	int turn;		    /* the oldest of them */
	int64_t group;		    /* whose turn it was: see next_due() */
	int kind;		    /* whose turn it is: see step() */
	int asking;
	int64_t rooms_again_ms; /* mono: a list of spaces that lacked many is asked for again; 0 */
	uint64_t timer;		/* 0: none */
	bool is_stopped, is_pumping;
};

/* ---- proof.c ---- */
int64_t proof_now(const struct proof *proof);
/* False: there is none in this minute. */
bool proof_take_turn(struct proof *proof);
/* The next time: twice as long as the last one. False: it was tried often enough. */
bool proof_later(const struct proof *proof, struct proof_pace *pace);
void proof_doubt(struct proof *proof, enum proof_kind kind, int64_t row, int64_t room);
/* Whoever waits for a verdict has it. */
void proof_tell(struct thing *t, enum proof_verdict verdict);
/* Nothing is remembered of it. */
void proof_drop(struct thing *t, enum proof_verdict verdict);
/* It stays, and its turn comes later when it is doubted again. */
void proof_clear(struct thing *t, enum proof_verdict verdict);
/* Asks for what is due. */
void proof_pump(struct proof *proof);

/* It was refuted: the next doubt has to wait. */
void proof_rest(const struct proof *proof, struct proof_pace *pace);
/* What waits for its turn, and is there after all. */
void proof_drop_seen(struct proof *proof, enum proof_kind kind, const struct proof_page *page);
/* rows: rising. */
bool proof_has_row(const GArray *rows, int64_t row);

/* ---- rooms.c ---- */
/* Begins a list of spaces for those that wait for one. */
void proof_rooms_pump(struct proof *proof);

/* ---- lists.c ---- */
void proof_pages_init(struct proof *proof);
void proof_pages_stop(struct proof *proof);
void proof_pages_free(struct proof *proof);
bool proof_pages_are_quiet(const struct proof *proof);
/* Begins one that is due. False: there is none, or no turn. */
bool proof_pages_pump(struct proof *proof);
/* The earliest time (mono) that one will be due; INT64_MAX. */
int64_t proof_pages_next_ms(const struct proof *proof);

/* ---- members.c: the same ---- */
void proof_members_init(struct proof *proof);
void proof_members_free(struct proof *proof);
bool proof_members_are_quiet(const struct proof *proof);
bool proof_members_pump(struct proof *proof);
/* One who is gone is perhaps me. */
void proof_member_gone(struct proof *proof, int64_t room, int64_t member);
int64_t proof_members_next_ms(const struct proof *proof);
