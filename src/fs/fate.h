/* SPDX-License-Identifier: MIT */
/*
 * What becomes of a change whose caller was interrupted. He was told EINTR and nothing of the change,
 * which goes on; many programs then repeat the call (fsync). The open file keeps the fate of the
 * change, and the next close or fsync that has nothing of its own to send tells it, once.
 *
 * Thread rule: any thread. Counted; no lock.
 */
#pragma once

#include <stdatomic.h>

struct fate;

struct fate *fate_new(void);
/* Sets *f to NULL. NULL is fine. */
void fate_unref(struct fate **f);
/* The change has ended: 0 or -errno. */
void fate_set(struct fate *f, int error);
/* The open file keeps it, in place of an older one. */
void fate_leave(struct fate *f, _Atomic(struct fate *) *place);
/* Takes it from there. 0: it was done, or there is none. -EIO: it failed, or nobody knows yet;
 * unsent/ has it. */
int fate_take(_Atomic(struct fate *) *place);
