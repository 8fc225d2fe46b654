/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the store share: a store in a folder of its own, objects made in a line,
 * and listings as one text. Every helper fails the test that calls it.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glib.h>

#include "store/store.h"

#define T0 INT64_C(1741080031507) /* 2025-03-04T09:20:31.507Z */
#define T0_NAME "2025-03-04T09-20-31.507Z"

struct kit {
	char *folder, *path, *reserve;
	const struct clock *clock; /* from the next kit_open on; NULL: the machine's */
	struct store *s;
	GPtrArray *changes;
};

/* Makes a folder and an open store in it. */
void kit_setup(struct kit *k);
void kit_setup_memory(struct kit *k);
void kit_teardown(struct kit *k);
/* The same for cmocka, the kit in *state. */
int kit_test_setup(void **state);
int kit_test_setup_memory(void **state);
int kit_test_teardown(void **state);
void kit_close(struct kit *k);
void kit_open(struct kit *k);
void kit_reopen(struct kit *k);
/* From now on the store's clock stands at `ms`. Reopens the store the first time. */
void kit_set_clock(struct kit *k, int64_t ms);
/* Runs SQL on the file of a closed store. */
void kit_sql(const char *path, const char *sql);
/* The first number that the SQL yields; the store may be open. */
int64_t kit_number(const char *path, const char *sql);

/* An id of this type with a version 1 UUID of this time and tick (100 ns). Owned. */
char *kit_id(const char *type, int64_t ms, unsigned tick, unsigned node);
char *kit_person_id(unsigned n);

struct webex_room *kit_room(unsigned n, const char *title, enum webex_room_type type);
struct webex_message *kit_message(unsigned n, int64_t ms, const char *email, const char *text);
struct webex_membership *kit_membership(unsigned n, const char *email);
/* For webex_message.files. */
char **kit_strings(const char *first, ...) G_GNUC_NULL_TERMINATED;
GPtrArray *kit_list(void *first, ...) G_GNUC_NULL_TERMINATED;

/* Adds a room; returns its row. */
int64_t kit_add_room(struct kit *k, unsigned n, const char *title);
int64_t kit_add_direct(struct kit *k, unsigned n, const char *title);
/* Keeps `m`, which it takes; returns its row. */
int64_t kit_put(struct kit *k, int64_t room, struct webex_message *m);
/* Takes the messages. Known messages that the page lacks are removed, as if proven to be gone. */
void kit_page(struct kit *k, int64_t room, GPtrArray *messages, int64_t lo, int64_t hi,
	      enum store_page mode);

/* Makes the node unless it is there; returns its row. */
int64_t kit_node(struct kit *k, int kind, const char *key);

/* The size of the room's transcript; -ENODATA: it is unknown. */
int kit_log_size(struct store_conn *c, int64_t room, int64_t *ret_size);

/* Names in the order of the listing, one a line. Owned. */
char *kit_rooms(struct kit *k, enum webex_room_type type);
char *kit_stems(struct kit *k, int64_t room);
char *kit_members(struct kit *k, int64_t room);
/* "type old>name" a line, and forgets them. Owned. */
char *kit_changes(struct kit *k);

#define assert_text(actual, expected)                                                          \
	do {                                                                                   \
		char *text_ = (actual);                                                        \
		assert_string_equal(text_, expected);                                          \
		g_free(text_);                                                                 \
	} while (0)
