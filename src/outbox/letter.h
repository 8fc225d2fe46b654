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
struct webex_message;

/* What the bytes of a letter are, or those of a draft that becomes one. */
enum letter_form {
	LETTER_TEXT,
	LETTER_MARKDOWN,
	LETTER_JSON,
	LETTER_FILE,
	LETTER_SUBMIT, /* the answer to the card of to.message_id, JSON as it was written */
};
/* True for bytes that are JSON, which is kept as it was written. */
bool letter_form_is_json(enum letter_form form);

/* Where a letter goes. Owns its strings. */
struct destination {
	int64_t room;  /* store rowid; 0 if unknown (a person never written to) */
	char *room_id; /* exactly one of room_id, email; none if it was lost */
	char *email;
	char *parent_id;  /* the root of the thread; NULL: none, or raw JSON names it */
	char *message_id; /* the message that is edited, or whose card is answered */
	char *place;	  /* for people: "Harbour project" or the address */
	/* For people: the name of the thread's directory, for what is written there. NULL: the space itself;
	 * raw JSON that was written there may name a thread all the same. */
	char *thread;
};
struct destination destination_copy(const struct destination *d);
/* Gives the strings to the caller; `d` is empty afterwards. */
struct destination steal_destination(struct destination *d);
void destination_clear(struct destination *d);
/* False if it was lost: then a letter can only be moved somewhere. */
bool destination_is_known(const struct destination *d);
/* True if both are the same space or person, whatever the thread (thread.h). */
bool destination_is_same(const struct destination *a, const struct destination *b);
/* What to call it in a message for people: as a path below spaces/ or direct/. Owned. */
char *destination_name(const struct destination *d);

/* What is to be sent. The letter owns its strings. */
struct outbox_letter {
	enum letter_form form;
	bool is_edit; /* of to.message_id, by a text or Markdown */
	struct destination to;
	char *base;	   /* edits: the file's text when it was opened; NULL: unknown */
	bool is_unchanged; /* edits: it equals the text known here; whether the server has that
			    * text is asked */
	char *body;	   /* text forms, JSON; NUL-terminated. JSON: as it was written, the
			     destination is filled in when it is sent */
	size_t body_len;
	/* The answer to a card: the inputs that are sent, JSON made of the body; without them it can
	 * only be kept. Not on disk, since it takes the card to make them. Owned. */
	char *inputs;
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
	pid_t session; /* of that process, base/session.h */
	char *comm;
	int64_t replaces; /* number of the unsent letter that this one was made of
			   * (outbox_take); 0: none */
	bool is_rewrite;  /* that letter gets these bytes, durably, and stays unsent */
	/* Cache thread, with the `arg` of outbox_send: it has arrived, and the store shows it since a
	 * moment ago; `done` comes when the letter is off the disk. NULL: nobody wants to know. */
	void (*arrived)(void *arg);
};
struct outbox_letter *outbox_letter_new(enum letter_form form); /* fd = -1 */
void outbox_letter_free(struct outbox_letter *l);
/* The text of the message as a file of this form shows it. Owned. */
char *letter_form_render(enum letter_form form, const struct webex_message *m);
