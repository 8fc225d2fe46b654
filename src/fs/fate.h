/* SPDX-License-Identifier: MIT */
/*
 * The fate of a change whose caller was interrupted. The caller got EINTR and does not know
 * what became of the change, which goes on; many programs then repeat the call (fsync). The
 * open file keeps the fate of the change, and the next close or fsync that has nothing of its
 * own to send returns it, once.
 *
 * Thread rule: any thread. Counted; no lock.
 */
#pragma once

#include <stdatomic.h>

struct fate;

struct fate *fate_new(void);
/* Sets *f to NULL. NULL is fine. */
void fate_unref(struct fate **f);
/* Notes that the change has ended with 0 or -errno. */
void fate_set(struct fate *f, int error);
/* Lets the open file keep it, in place of an older one. */
void fate_leave(struct fate *f, _Atomic(struct fate *) *place);
/* Takes it from the open file. 0: the change was done, or there is none. -EIO: it failed, or
 * its fate is unknown yet; unsent/ has it. */
int fate_take(_Atomic(struct fate *) *place);
