/* SPDX-License-Identifier: MIT */
/*
 * How the mount is, told to the service manager (service.h): that it is mounted, that the server is out of
 * reach, that a login is needed, that it ends.
 * Thread rule: the main thread, but that what follows is told on the cache thread.
 */
#pragma once

#include "main/sparkfs.h"

/* When there is a pager, and nothing is mounted yet. */
void status_watch(struct sparkfs *s);
/* The mount answers. */
void status_ready(struct sparkfs *s);
/* From now on nothing else is told. */
void status_stopping(struct sparkfs *s);
