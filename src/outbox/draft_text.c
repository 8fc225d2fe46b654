/* SPDX-License-Identifier: MIT */
/* What of a text is sent. */
#include "outbox/draft_internal.h"

#include <string.h>

#include "base/cleanup.h"

size_t draft_trim_text(char *text, size_t len)
{
	size_t to = 0;

	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n')
			while (to > 0 && text[to - 1] == '\r')
				to--;
		text[to++] = text[i];
	}
	text[to] = '\0';
	return to;
}

bool draft_is_text(const struct draft *d)
{
	return d->form == LETTER_TEXT || d->form == LETTER_MARKDOWN;
}

size_t draft_trimmed_len(const struct draft *d)
{
	_cleanup_gfree_ char *text = NULL;
	size_t len = d->text->len;

	if (draft_is_text(d) && memchr(d->text->str, '\r', len)) {
		text = g_memdup2(d->text->str, len + 1);
		return draft_trim_text(text, len);
	}
	while (len > 0 && d->text->str[len - 1] == '\n')
		len--;
	return len;
}
