/* SPDX-License-Identifier: MIT */
/* Which characters of others a terminal must not see. Pure; any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What stands in the place of such a character. */
#define CHAR_REPLACEMENT 0xFFFD

/*
 * True for characters that make a terminal act or that reorder the text around them: C0 (newline
 * and tab, too), DEL, C1, and the bidirectional embeddings, overrides and isolates. The marks
 * U+200E, U+200F and U+061C reorder nothing but themselves, and Hebrew and Arabic texts need them:
 * only file names go without (names.h).
 */
bool char_is_unsafe(uint32_t c);

/* `text` (any bytes) as one line of valid UTF-8, with '?' for each such character, so that it can
 * neither forge a line nor speak to a terminal. Owned (g_free). */
char *chars_line(const char *text);
