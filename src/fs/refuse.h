/* SPDX-License-Identifier: MIT */
/*
 * Answers, after the loop, where the connection could not be aborted (there are no control files): whoever
 * still asks is told ESHUTDOWN. He may hold a lock that the notifier waits for in the kernel.
 * Thread rule: the main thread, once libfuse reads no more.
 */
#pragma once

struct refuser;

/* `device` of the session, borrowed. NULL: it cannot. */
struct refuser *refuse_start(int device);
/* NULL is fine. */
void refuse_stop(struct refuser *r);
