/* SPDX-License-Identifier: MIT */
/* Thread rule: any thread but the queue's own. */
#pragma once

#include "base/work.h"

/* Runs fn(arg) on the queue's thread and waits for its end. */
void work_call(struct work_queue *q, work_fn fn, void *arg);
