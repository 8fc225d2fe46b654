/* SPDX-License-Identifier: MIT */
/*
 * Notes which open files of a draft wrote bytes that are not taken yet. Several open files may
 * write one file; the close of one must not send what another is still writing.
 *
 *                draft_writer_wrote                 draft_writer_give_up: others wrote, too, and
 *     clean ---------------------------> dirty ---------------------------------------------> clean
 *       ^                                 |        will have it sent
 *       +---------------------------------+
 *         draft_writers_end_round: all of it was taken, or cut off
 *
 * The kernel writes the bytes of a mapping through any of the open files. So they may come from
 * each open file, and the last close sends them. A writer is dirty if it wrote in the present
 * round, so ending the round makes all of them clean at once.
 * Lock: none of its own. The draft's mutex guards both structures.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* One for each open file. All zero before it joins and after it left; then it does not count. */
struct draft_writer {
	bool is_open;
	uint64_t round; /* the round in which it wrote last; 0: never */
};

/* One for each draft; all zero at first. */
struct draft_writers {
	uint64_t ended; /* number of rounds that ended; the present one has the next number */
	unsigned n_open, n_dirty;
	bool is_mapped; /* bytes of a mapping were written in this round */
	bool has_left;	/* an open file wrote in this round and closed; the close of the others
			 * sends its bytes */
};

void draft_writers_join(struct draft_writers *all, struct draft_writer *w);
/* True if no open file is left whose close could send the rest: `w` wrote and no other did, or
 * it was the last one. */
bool draft_writers_leave(struct draft_writers *all, struct draft_writer *w);
/* `w` NULL: none of the open files wrote it. */
void draft_writer_wrote(struct draft_writers *all, struct draft_writer *w, bool is_mapped);
void draft_writers_end_round(struct draft_writers *all);
/* True if bytes that it wrote, or may have written, were not taken. */
bool draft_writer_is_dirty(const struct draft_writers *all, const struct draft_writer *w);
/* True if bytes that another one wrote, or may have written, were not taken. */
bool draft_writer_has_company(const struct draft_writers *all, const struct draft_writer *w);
void draft_writer_give_up(struct draft_writers *all, struct draft_writer *w);
