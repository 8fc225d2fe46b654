/* SPDX-License-Identifier: MIT */
/*
 * Markdown to html and text as the service does it (webex-api.md 6.1 to 6.3), by cmark.
 *
 * Reads struct sim for mentions; server thread only.
 */
#pragma once

#include "data.h"

struct rendered {
	char *markdown; /* mentions rewritten */
	char *html, *text;
	GPtrArray *mentioned; /* struct person, NULL when none */
	bool mention_all;
};

/* All strings of the result are the caller's. */
void markdown_render(struct sim *sim, const char *source, struct rendered *ret_rendered);
/* Tags removed, block breaks and newlines become spaces, entities decoded. */
char *html_to_text(const char *html);
