/* SPDX-License-Identifier: MIT */
/*
 * The set of open files and directories. At unmount nobody closes them any more, and what is
 * being written must not be lost.
 * Thread rule: any thread. Lock: handles.lock.
 */
#pragma once

#include <stdbool.h>

struct handles;

struct handles *handles_new(void);
/* The set must be empty. */
void handles_free(struct handles **h);
void handles_add(struct handles *h, void *handle);
/* Takes a handle out. False: it was taken out before (at unmount). */
bool handles_take(struct handles *h, void *handle);
/* Takes any one out; NULL when there are none. */
void *handles_take_any(struct handles *h);
