/* SPDX-License-Identifier: MIT */
/* For tests of spans: the server of one space, and askers for parts of its time. */
#pragma once

#include "pager/past/page_run.h"
#include "pager/internal.h"
#include "pager/past/spans.h"
#include "page_server.h"

#define DAY INT64_C(86400000)

extern struct page_server server;

int setup_server(void **state);
int teardown_server(void **state);
#define SPANS_TEST(name)                                                                       \
	cmocka_unit_test_setup_teardown(test_##name, setup_server, teardown_server)

/* The need of (T0 + lo, T0 + hi]; lo -1: from the beginning of time. */
struct need span_of(struct world *w, int64_t lo, int64_t hi);
void waiter(struct world *w, struct asker *a, int64_t lo, int64_t hi);
void interrupt(struct world *w, struct asker *a);
/* Lets a walker come to this part. */
void step(struct world *w, int64_t lo, int64_t hi);
/* Under way. */
int runs(struct world *w);
/* Checks that the asker was told once. */
void assert_told(const struct asker *a, int error);
void refuse(guint i, int error, int status);
