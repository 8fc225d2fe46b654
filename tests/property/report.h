/* SPDX-License-Identifier: MIT */
/* How a run that found something ends. */
#pragma once

#include <glib.h>
#include <stdint.h>

/* Says which seed, at which step and why, and aborts. */
G_GNUC_NORETURN void report(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* With --trace: what happens, to stderr. */
void trace(const char *format, ...) G_GNUC_PRINTF(1, 2);
