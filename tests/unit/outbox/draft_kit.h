/* SPDX-License-Identifier: MIT */
/* What the tests of drafts share: a spool of their own, in which every draft that is gone has left
 * nothing. Every helper fails the test that calls it. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "outbox/draft.h"

#define draft_test(fn) cmocka_unit_test_setup_teardown(fn, draft_set_up, draft_tear_down)
int draft_set_up(void **state);
int draft_tear_down(void **state);

/* The spool. */
extern char *draft_dir;

struct draft *new_draft(enum letter_form form);
void put(struct draft *d, const char *bytes, int64_t offset);
/* `len` times the byte c. Owned. */
char *fill(size_t len, char c);
