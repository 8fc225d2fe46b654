/* SPDX-License-Identifier: MIT */
/*
 * Answers requests with ESHUTDOWN after libfuse's loop has ended, where the connection could
 * not be aborted because there are no control files. A process that still waits for an answer
 * may hold a lock that the notifier waits for in the kernel.
 * Thread rule: the main thread, once libfuse reads no more.
 */
#pragma once

struct shut;

/* `device` is the session's descriptor, borrowed. NULL if it cannot start. */
struct shut *shut_start(int device);
/* NULL is fine. */
void shut_stop(struct shut *r);
