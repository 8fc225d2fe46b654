/* SPDX-License-Identifier: MIT */
/*
 * Which files and directories are open: at unmount nobody will close them any more, and what
 * was being written must not be lost.
 * Thread rule: any thread. Lock: handles.lock.
 */
#pragma once

#include <stdbool.h>

struct handles;

struct handles *handles_new(void);
/* All must have been taken out. */
void handles_free(struct handles **h);
void handles_add(struct handles *h, void *handle);
/* False: somebody else took it out (unmount). */
bool handles_take(struct handles *h, void *handle);
/* Takes any one out; NULL when there are none. */
void *handles_take_any(struct handles *h);
