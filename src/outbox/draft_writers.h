/* SPDX-License-Identifier: MIT */
/*
 * Which of the open files of one draft wrote what nobody has taken yet. Several may be open on one
 * file that is being written; whoever closes it must not have sent what another one is still
 * writing.
 *
 *                draft_writer_wrote                 draft_writer_give_up: others wrote, too, and
 *     clean ---------------------------> dirty ---------------------------------------------> clean
 *       ^                                 |        will have it sent
 *       +---------------------------------+
 *         draft_writers_end_round: all of it was taken, or cut off
 *
 * What came through a mapping tells of no writer: the kernel writes it through any open file. It may
 * be of each that is open, and is for the last of them.
 * Rounds make the end of all dirt one step: a writer is dirty if it wrote in this round.
 * Lock: none of its own. The draft's mutex guards both structures.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* One an open file. All zero before it joins and after it left: then it counts for nothing. */
struct draft_writer {
	bool is_open;
	uint64_t round; /* in which it last wrote; 0: never */
};

/* One a draft; all zero at first. */
struct draft_writers {
	uint64_t ended; /* rounds; this one has the next number */
	unsigned n_open, n_dirty;
	bool is_mapped; /* something came through a mapping in this round */
	bool has_left;	/* somebody wrote in this round and closed: the others have that sent */
};

void draft_writers_join(struct draft_writers *all, struct draft_writer *w);
/* True if nobody is left who could have the rest sent: `w` wrote and no other did, or it was the
 * last one. */
bool draft_writers_leave(struct draft_writers *all, struct draft_writer *w);
/* `w` NULL: nobody of those that are open. */
void draft_writer_wrote(struct draft_writers *all, struct draft_writer *w, bool is_mapped);
void draft_writers_end_round(struct draft_writers *all);
/* What it wrote, or may have written, was not taken. */
bool draft_writer_is_dirty(const struct draft_writers *all, const struct draft_writer *w);
/* Some other one's, or maybe, was not taken. */
bool draft_writer_has_company(const struct draft_writers *all, const struct draft_writer *w);
void draft_writer_give_up(struct draft_writers *all, struct draft_writer *w);
