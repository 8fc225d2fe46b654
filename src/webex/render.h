/* SPDX-License-Identifier: MIT */
/*
 * Messages as the bytes of their files (design 2.2; webex-api.md 6). Pure and deterministic,
 * because it decides st_size (that of a transcript also depends on the time zone of the
 * process). Any thread.
 */
#pragma once

#include <glib.h>

#include "webex/model.h"

/*
 * The version of the forms whose sizes the store keeps, .txt and the lines of a transcript. A
 * change that alters a byte of what either makes of any message raises it by one: then the
 * sizes of the older form are unknown to the store, and are found anew before anybody is told
 * (store/sizes.h).
 */
#define WEBEX_TEXT_FORM 1

/*
 * .txt: text; else markdown as webex_render_md gives it; else html without its tags (block ends
 * become newlines, entities decoded); else one line naming the files or card ("[file: <last
 * path segment of URL>]", several lines for several; "[card]"; "[empty message]"). A newline is
 * added if it lacks one.
 */
void webex_render_txt(const struct webex_message *m, GString *out);
/* The size of webex_render_txt's text in bytes. */
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
 * HTML to plain text, as used above. Appends to `out` without a newline at the end. The input
 * is hostile: it never recurses, takes linear time, and gives at most three times the input.
 */
void webex_html_to_text(const char *html, GString *out);

/*
 * One message as lines of a transcript: "<local time> <author>: <first line>\n", further lines
 * indented by two spaces. A reply has "↳ " before its first line. Control characters other than
 * newline and tab, and characters that reorder text, become U+FFFD, because people show
 * transcripts on a terminal.
 */
void webex_render_transcript(const struct webex_message *m, GString *out);
/* The size of that in bytes, the same in any time zone; cheap for usual messages. */
size_t webex_render_transcript_size(const struct webex_message *m);
