/* SPDX-License-Identifier: MIT */
/*
 * JSON out: appended straight to a GString, with commas placed by looking at the last
 * byte, because a page of 1000 messages through a tree of nodes costs too much.
 * JSON in: helpers over cJSON where null counts as absent.
 *
 * Pure functions, no shared state.
 */
#pragma once

#include <cjson/cJSON.h>
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* A value without key: comma if needed, then the quoted and escaped text. */
void jw_text(GString *out, const char *text);
/* Comma if needed and the key with its colon; key NULL for array elements. */
void jw_key(GString *out, const char *key);
/* Nothing is written for a NULL value: absent fields are left out. */
void jw_str(GString *out, const char *key, const char *value);
void jw_bool(GString *out, const char *key, bool value);
void jw_int(GString *out, const char *key, int64_t value);
void jw_time(GString *out, const char *key, int64_t ms);
/* `raw` is JSON already. */
void jw_raw(GString *out, const char *key, const char *raw);
/* Array of strings; nothing when NULL or empty. */
void jw_strv(GString *out, const char *key, const GPtrArray *values);
void jw_open(GString *out, const char *key, char bracket);
void jw_close(GString *out, char bracket);

/* NULL when absent, null or of another type. */
const cJSON *jr_get(const cJSON *obj, const char *key);
const char *jr_str(const cJSON *obj, const char *key);
/* -1 absent, otherwise 0 or 1; the strings "true" and "false" count. */
int jr_bool(const cJSON *obj, const char *key);
double jr_num(const cJSON *obj, const char *key, double otherwise);
