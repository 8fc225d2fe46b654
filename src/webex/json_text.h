/* SPDX-License-Identifier: MIT */
/*
 * JSON as it is written: where it is wrong, and where the items of a list stand in it. Nothing is parsed into
 * values, so that what is passed on keeps each number, escape and unknown field as the server, or a person,
 * wrote it. Pure, fuzzed; any thread.
 */
#pragma once

#include <glib.h>
#include <stddef.h>

/* Deeper is refused. */
#define JSON_NESTED_MAX 500

struct json_fault {
	int line, column; /* from 1; the column counts characters */
	const char *why;  /* static words: "a comma or a bracket is missing" */
};

/* 0 if `text` is one JSON value in UTF-8 (RFC 8259), with white space around it. -EINVAL: *ret_fault says where
 * it is wrong. */
int json_text_check(const char *text, size_t len, struct json_fault *ret_fault);

/* A part of a text. */
struct json_span {
	size_t at, len;
};

/* An item of a list, and the text of its member "id" with its quotes; id.len 0: it has none. */
struct json_item {
	struct json_span all, id;
};

/*
 * Finds the list in an answer: the array "items" of the object, or its only array if none is called so.
 * *ret_items: owned array of struct json_item. *ret_list: from behind '[' to before ']'. 0; -EBADMSG: it is no
 * JSON; -ENOENT: there is no list in it.
 */
int json_text_list(const char *text, size_t len, struct json_span *ret_list,
		   GArray **ret_items);
