/* SPDX-License-Identifier: MIT */
/*
 * The rows of month directories: store nodes of (NODE_MONTH, key), where the key names the
 * space and the month (base/timefmt.h). NEED_MONTHS makes those that a space lacks. Pure; any
 * thread.
 */
#pragma once

#include <stdint.h>

#include "base/timefmt.h"

/* "<row of the room>/<YYYY-MM>" and a NUL. */
#define MONTHS_KEY_SIZE (20 + 1 + TIME_MONTH_SIZE)
void months_key(int64_t room, int month, char buf[static MONTHS_KEY_SIZE]);
/* The beginning of all keys of the room. */
void months_prefix(int64_t room, char buf[static MONTHS_KEY_SIZE]);
/* -EINVAL if it is no such key. */
int months_parse_key(const char *key, int64_t *ret_room, int *ret_month);
