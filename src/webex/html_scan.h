/* SPDX-License-Identifier: MIT */
/*
 * HTML as a stream of characters and tags. The input is hostile: this never recurses, and takes
 * linear time. Internal to webex. Pure; any thread.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define HTML_TAG_NAME_MAX 15

struct html_tag {
	char name[HTML_TAG_NAME_MAX + 1]; /* in small letters; a longer one is cut */
	bool is_close;
	const char *at, *end; /* from its '<' to behind its '>' */
};

/* `rest`: the HTML behind the character or tag. */
struct html_sink {
	/* is_coded: it was written as an entity. Bytes that are no UTF-8 come as U+FFFD. */
	void (*text)(void *arg, gunichar c, bool is_coded, const char *rest);
	void (*tag)(void *arg, const struct html_tag *tag);
};

/* Comments, and what is in <script> and <style>, are left out. */
void html_scan(const char *html, const struct html_sink *sink, void *arg);

/* The value of an attribute, with its entities decoded; NULL if there is none. Owned (g_free). */
char *html_attribute(const struct html_tag *tag, const char *name);
/* The same as it is written. *ret_len bytes, borrowed from the tag. */
const char *html_attribute_raw(const char *tag, const char *end, const char *name,
			       size_t *ret_len);
