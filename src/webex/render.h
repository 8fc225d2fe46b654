/* SPDX-License-Identifier: MIT */
/*
 * Messages as the bytes of their files (design 2.2; webex-api.md 6). Pure and deterministic:
 * st_size hangs on it (a transcript's also on the time zone of the process). Any thread.
 */
#pragma once

#include <glib.h>

#include "webex/model.h"

/*
 * .txt: text; else markdown as webex_render_md gives it; else html without its tags (block ends
 * become newlines, entities decoded); else one line naming the files or card ("[file: <last
 * path segment of URL>]", several lines for several; "[card]"; "[empty message]"). A newline is
 * added if it lacks one.
 */
void webex_render_txt(const struct webex_message *m, GString *out);
/* How many bytes that is. */
size_t webex_render_txt_size(const struct webex_message *m);
/*
 * .md: markdown with <spark-mention ...> written back as <@personId:ID|Name> / <@all>; without
 * markdown as .txt.
 */
void webex_render_md(const struct webex_message *m, GString *out);
/* .html: html; else the text escaped in <p>..</p>, line breaks as <br/>. A newline at the end.
 */
void webex_render_html(const struct webex_message *m, GString *out);

/*
 * Html to plain text; the heart of the above. Appends to `out`, no newline at the end. Hostile
 * input: never recurses, linear time, at most three times the input.
 */
void webex_html_to_text(const char *html, GString *out);

/*
 * One message as lines of a transcript: "<local time> <author>: <first line>\n", further lines
 * indented by two spaces. A reply has "↳ " before its first line. Control characters but
 * newline and tab, and what reorders text, are shown as U+FFFD (a terminal reads this).
 */
void webex_render_transcript(const struct webex_message *m, GString *out);
/* How many bytes that is, in any time zone; cheap for usual messages. */
size_t webex_render_transcript_size(const struct webex_message *m);
