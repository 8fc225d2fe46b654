/* SPDX-License-Identifier: MIT */
/* What every fuzz target has in common. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The entry: must return 0 and abort on a broken promise. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input as a string, cut at its first NUL; freed by the caller. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		abort();
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

static inline void fuzz_check(int holds)
{
	if (!holds)
		abort();
}
