/* SPDX-License-Identifier: MIT */
/*
 * A letter: what is to be sent, and where to.
 * Thread rule: whoever has it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct letter_local;

enum outbox_form {
	OUTBOX_TEXT,
	OUTBOX_MARKDOWN,
	OUTBOX_JSON,
	OUTBOX_FILE,
	OUTBOX_EDIT_TEXT,
	OUTBOX_EDIT_MARKDOWN
};

/* What is to be sent. The letter owns its strings. */
struct outbox_letter {
	enum outbox_form form;
	int64_t room;  /* store rowid; 0 if unknown (a person never written to) */
	char *room_id; /* exactly one of room_id, email */
	char *email;
	char *parent_id;
	char *message_id;  /* edits */
	char *base;	   /* edits: the file's text when it was opened; NULL: unknown */
	bool is_unchanged; /* edits: it equals the text known here; whether the server has that
			    * text is asked */
	char *place;	   /* for people: "Harbour project" or the address */
	char *body;	   /* text forms, JSON; NUL-terminated. JSON: as it was written, the
			     destination is filled in when it is sent */
	size_t body_len;
	/* JSON that names a local file: the file, which is read (local_file.h) before the
	 * letter is sent. Owned; NULL: it names none. */
	struct letter_local *local;
	int fd; /* file: owned, else -1 */
	int64_t size;
	char *filename;
	char *content_type;    /* file; NULL: found out before the letter is written */
	char *text, *markdown; /* file: the text that is sent with it; at most one of them */
	int64_t content_rowid; /* file: the store_content row to be made (0: a new one) */
	int64_t mtime_ms;
	pid_t pid;
	char *comm;
	int64_t replaces; /* number of the unsent letter that this one was made of
			   * (outbox_take); 0: none */
	bool is_rewrite;  /* that letter gets these bytes, durably, and stays unsent */
};
struct outbox_letter *outbox_letter_new(enum outbox_form form); /* fd = -1 */
void outbox_letter_free(struct outbox_letter *l);
