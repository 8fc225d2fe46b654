/* SPDX-License-Identifier: MIT */
/*
 * Text or Markdown, written from what html.c meets in an HTML. Nothing is written before it is
 * needed: line ends, quotes' and items' marks and what opens an emphasis wait for the next character,
 * so that nothing empty comes out. Internal to webex. Pure; any thread.
 *
 * Deeper nesting than WRITER_DEPTH is flattened. A line begins with at most 4 bytes for each level,
 * so at most 16 bytes come out for each that goes in.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define WRITER_DEPTH 6
#define WRITER_MARKS 8

struct writer_block {
	bool is_quote;	 /* else a list */
	bool is_ordered; /* a list */
	bool has_item;	 /* an item has begun */
	bool is_new;	 /* its mark is not written yet */
	int number;	 /* of the present item; before the first one its number less one */
	int indent;	 /* bytes of its mark */
};

enum writer_mark { MARK_STRONG, MARK_EMPHASIS, MARK_DELETED, MARK_CODE, MARK_LINK };

struct writer_open {
	enum writer_mark mark;
	bool is_written;
	int ticks;   /* code: backticks around it */
	char *href;  /* link; owned */
	gsize begin; /* link: where its text begins in the output */
};

struct writer {
	GString *out;
	size_t start; /* where our part of `out` begins */
	bool is_markdown;
	bool is_exact; /* no character had to be replaced */

	int ends;	 /* line ends before the next character */
	bool is_hard;	 /* the first of them is a line break of its author */
	bool gap;	 /* white space was seen since the last character */
	bool has_cell;	 /* the next character begins another cell of a row */
	bool on_line;	 /* a character was written on this line */
	int digits;	 /* how many digits the line has, while it has nothing else; else -1 */
	int heading;	 /* level of the heading that begins; 0: none */
	int pre;	 /* open <pre> elements: white space counts */
	int fence;	 /* backticks around the present <pre>; 0: none is written */
	bool is_fenced;	 /* its first line is written */
	bool is_mention; /* characters go into a mention as its name */
	bool is_muted;	 /* characters are left out: the name of a mention of all */
	char language[24];
	const char
		*code_close; /* the next "</code" or the end, in the input; NULL: not sought */

	struct writer_block blocks[WRITER_DEPTH];
	int depth;
	struct writer_open open[WRITER_MARKS];
	int opens;
	/* The mark that was closed last, and where the output ended then: <b>a</b><b>b</b> is one. */
	enum writer_mark closed;
	gsize closed_end; /* 0: none */
};

/* A character of the text, with white space as it comes. `rest`: the HTML behind it. */
void writer_put(struct writer *w, gunichar c, const char *rest);
/* White space, of which one blank is left. */
void writer_gap(struct writer *w);
/* Ends the paragraph or line: at least `ends` line ends follow. Text has one at most. */
void writer_break(struct writer *w, int ends);
/* A line break of the author. */
void writer_line_break(struct writer *w);

void writer_open_block(struct writer *w, bool is_quote, bool is_ordered, int first);
void writer_close_block(struct writer *w, bool is_quote);
void writer_item(struct writer *w);
void writer_rule(struct writer *w);

/* ---- Markdown alone ---- */

void writer_open_mark(struct writer *w, enum writer_mark mark, int ticks, char *href);
void writer_close_mark(struct writer *w, enum writer_mark mark);
void writer_close_marks(struct writer *w);
void writer_begin_pre(struct writer *w, int ticks);
void writer_end_pre(struct writer *w);
/* Writes what needs no escape: a mention. */
void writer_raw(struct writer *w, const char *text);
