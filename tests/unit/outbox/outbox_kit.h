/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the outbox share: an outbox in a folder of its own, over a store in memory
 * with one group space and one 1:1 space, and the API of fake_api.h. Every helper fails the
 * test that calls it.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glib.h>

#include "outbox/draft.h"
#include "outbox/outbox.h"
#include "fake_api.h"

#define KIT_EMAIL "bob@example.com"

struct kit {
	char *dir, *spool;
	struct store *store;
	struct work_queue *queue;
	struct outbox *o;
	bool is_bot;
	const char *const *left; /* of struct outbox_config */
	int changes;		 /* queue's thread; how many were told */
	int64_t room, direct;	 /* rows */
	char *room_id, *direct_id, *me, *other;
};

void kit_setup(struct kit *k);
/* The same, over a folder that may have been used before; adopts its name. */
void kit_setup_in(struct kit *k, char *dir);
char *kit_new_dir(void);
void kit_remove_tree(const char *path);
void kit_teardown(struct kit *k);
/* A test whose state is a kit of its own. */
#define kit_test(fn) cmocka_unit_test_setup_teardown(fn, kit_set_up_test, kit_tear_down_test)
int kit_set_up_test(void **state);
int kit_tear_down_test(void **state);
/* Opens the outbox of the same folder. */
void kit_open_outbox(struct kit *k);
void kit_reopen_outbox(struct kit *k);

/* How a letter ended. */
struct outcome {
	int calls, error;
	int64_t room, message;
};
void kit_done(void *arg, int error, int64_t room, int64_t message);
/* Waits for the end and checks that it came once, with this error. */
void kit_expect_end(struct outcome *end, int error);
bool kit_has_ended(const struct outcome *end);
/* Returns when the queue has run all that was posted. */
void kit_drain(struct kit *k);

/* Items that are posted to the queue after this wait until kit_unblock. */
void kit_block(struct kit *k);
void kit_unblock(void);

/* Makes a letter of the process `pid` to the group space. */
struct outbox_letter *kit_text(const struct kit *k, pid_t pid, const char *text);
struct outbox_letter *kit_letter(const struct kit *k, enum letter_form form, const char *body);
/* An edit; the caller says of which message. */
struct outbox_letter *kit_edit(const struct kit *k, enum letter_form form, const char *body);
/* `draft`: the draft that its bytes are written to; the caller unrefs it. */
struct outbox_letter *kit_file(const struct kit *k, const char *name, const char *bytes,
			       struct draft **ret_draft);
uint64_t kit_send(struct kit *k, struct outbox_letter *l, struct outcome *end);
/* Sends the letter without an answer, so that the server may have it. */
void kit_send_into_doubt(struct kit *k, struct outbox_letter *l, struct outcome *end);
/* Checks that it was delivered as the message with this id. */
void kit_expect_delivered(struct kit *k, struct outcome *end, const char *id);

/* A message of mine in the group space. Ids differ. Owned. */
struct webex_message *kit_message(const struct kit *k, const char *text, int64_t created_ms);
int64_t kit_now(void);
/* Keeps a copy in the store; returns its row. */
int64_t kit_store_message(struct kit *k, const struct webex_message *m);
struct webex_message *kit_copy(const struct webex_message *m);

/* Files in the folder, sorted, one a line. Owned. */
char *kit_files(const struct kit *k, const char *folder);
/* The only letter in unsent/. */
struct outbox_item *kit_only_item(struct kit *k);
/* Checks its body and its .why.json. */
void kit_expect_item(struct kit *k, const struct outbox_item *item, const char *body,
		     const char *state, const char *why);
/* Checks that it ended by a reset connection and is the only letter in unsent/. */
void kit_expect_kept(struct kit *k, struct outcome *end, const char *body, const char *state,
		     const char *why);
