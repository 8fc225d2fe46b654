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
 * The version of the forms whose sizes the store keeps, .txt and the lines of a transcript without
 * the place of a reply's root. A change that alters a byte of what either makes of any message
 * raises it by one: then the sizes of the older form are unknown to the store, and are found anew
 * before anybody is told (store/sizes.h).
 */
#define WEBEX_TEXT_FORM 3

/*
 * .txt: the text; where that is only the words of the Markdown (else of the html) put into fewer
 * lines, the Markdown with mentions as names (else the html as text); else one line for each file
 * ("[file: <name>]", "[a file]" while its name is not known) or "[empty message]". The words of its
 * cards come behind it (card.h). A newline is added if it lacks one. In .txt, .md and transcripts "\r\n" is a line end, and the
 * characters of char_is_unsafe() (base/chars.h) become U+FFFD, but for newline and tab, because
 * people show them on a terminal.
 */
void webex_render_txt(const struct webex_message *m, GString *out);
/* .md: the source of the Markdown; else the html as Markdown; else as .txt. The words of its cards come
 * behind it. */
void webex_render_md(const struct webex_message *m, GString *out);
/* Markdown with <spark-mention ...> written back as <@personId:ID|Name> / <@all>, else exact. */
void webex_markdown_source(const char *markdown, GString *out);
/* True if the form that can be edited, .md of a message with Markdown, else .txt, shows each
 * character of the message. Else an edit would change what nobody touched. */
bool webex_render_is_exact(const struct webex_message *m);
/* .html: html as the server has it; else what .txt says, escaped in <p>..</p>, line breaks as <br/>, with
 * references for what a terminal would obey. A newline at the end. */
void webex_render_html(const struct webex_message *m, GString *out);

/*
 * HTML to plain text and to Markdown, as used above: with the marks of lists and quotes, in
 * Markdown also those of emphasis, code, links and mentions, and escapes where the text would be
 * taken for such. Appends to `out` without a newline at the end. False: characters had to be
 * replaced. The input is hostile: this never recurses, takes linear time, and gives at most 16 times
 * the input.
 */
bool webex_html_to_text(const char *html, GString *out);
bool webex_html_to_markdown(const char *html, GString *out);

/* What is known of the root that a message replies to. */
struct webex_root {
	const char *
		author; /* as in the names of its files, author_len bytes; NULL: the root is unknown */
	size_t author_len;
	int64_t created_ms; /* of an unknown root what its id tells (webex_id_time_ms); -1: nothing */
};

/*
 * One message as lines of a transcript: "<local time> <author>: <first line>\n", further lines
 * indented by two spaces, the files behind the text. A reply says before its first line to whom it
 * belongs: "↳ (alice 08:45) ", on another day "↳ (alice 2026-11-21 08:45) ". Of an unknown root the
 * name is left out, and "(unknown-<8 hex>)" stands for one of which the id tells no time.
 * `author`: as in the names of the message's files (name_stem_author). `root`: NULL if the message is
 * no reply.
 */
void webex_render_transcript(const struct webex_message *m, const char *author,
			     size_t author_len, const struct webex_root *root, GString *out);
/* How many bytes of that are the place of the root. They depend on the time zone of the process, in
 * which two times are of one day or not. */
size_t webex_render_root_size(int64_t created_ms, const struct webex_root *root);

struct webex_sizes {
	size_t txt;	   /* bytes of .txt */
	size_t transcript; /* bytes of its lines there, the same in any time zone; without
			    * webex_render_root_size() */
	bool is_exact;	   /* webex_render_is_exact() */
};
/* Cheap for usual messages. */
void webex_render_sizes(const struct webex_message *m, size_t author_len,
			struct webex_sizes *ret_sizes);
