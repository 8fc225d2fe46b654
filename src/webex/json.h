/* SPDX-License-Identifier: MIT */
/*
 * All that the layer uses of cJSON: parsing and looking up. cJSON does not check UTF-8, ends
 * strings at NUL, refuses lone surrogates and prints with tabs; here every string is valid
 * UTF-8 without NUL, and printing is our own (2 spaces, fixed form of numbers, no locale). Only
 * this layer includes cJSON; `login` reads its files by this header. Pure; any thread. Only json_parse can run out of memory (then it
 * returns NULL).
 */
#pragma once

#include <cjson/cJSON.h>
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_TEXT_MAX ((size_t)64 << 20)
/* Values of all kinds; a page of 1000 messages has some 20000. */
#define JSON_VALUES_MAX 1000000

/* The document, freed by cJSON_Delete; NULL if it is no JSON, nested too deep (cJSON: 1000) or
 * above JSON_TEXT_MAX or JSON_VALUES_MAX. */
cJSON *json_parse(const char *json, size_t len);

/* Where in a text that json_parse() refuses the fault is, both from 1, in characters. */
void json_find_fault(const char *json, size_t len, size_t *ret_line, size_t *ret_column);

static inline void json_cleanup(cJSON **p)
{
	cJSON_Delete(*p);
}

#define _cleanup_json_ __attribute__((cleanup(json_cleanup)))

/* The same of a text with secrets, which leaves none of it in the memory that it used. */
cJSON *json_parse_secret(const char *json, size_t len);
/* Overwrites all strings, then frees the document. NULL is allowed. */
void json_wipe(cJSON *doc);

static inline void json_wipe_cleanup(cJSON **p)
{
	json_wipe(*p);
}

#define _cleanup_json_secret_ __attribute__((cleanup(json_wipe_cleanup)))

/* False for NULL. cJSON's own function returns that, too, but the compiler cannot see it. */
static inline bool json_is_string(const cJSON *value)
{
	return value && cJSON_IsString(value);
}

static inline bool json_is_array(const cJSON *value)
{
	return value && cJSON_IsArray(value);
}

static inline bool json_is_object(const cJSON *value)
{
	return value && cJSON_IsObject(value);
}

/* The first member of that name; NULL if there is none, it is null, or `object` is no object.
 */
const cJSON *json_get(const cJSON *object, const char *key);

/* A string member, borrowed; NULL if it is absent, empty or no string. */
const char *json_string(const cJSON *object, const char *key);

/* True for true and "true"; *ret_ok (may be NULL) says whether it was a Boolean in either form.
 */
bool json_is_true(const cJSON *value, bool *ret_ok);

/* `value` without any white space. Owned (g_free). */
char *json_compact(const cJSON *value);

/* Appends `value`, printed with 2 spaces a level as if it stood `depth` levels deep; below
 * JSON_INDENT_MAX levels on one line, so that the text is at most some 30 times its source. */
#define JSON_INDENT_MAX 12
void json_append_pretty(GString *out, const cJSON *value, int depth);

/* Appends a string literal with its quotes. */
void json_append_string(GString *out, const char *text);

/* Appends `"key":"value"` with a comma before it unless `out` ends with '{'; nothing if value
 * is NULL. For request bodies. */
void json_append_member(GString *out, const char *key, const char *value);
