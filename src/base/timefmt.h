/* SPDX-License-Identifier: MIT */
/*
 * Time stamps as text. All times are milliseconds since 1970-01-01T00:00:00Z.
 * Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Times that are used as the server gives them, 2000-01-01 to 2200-01-01. */
#define TIME_MIN_MS INT64_C(946684800000)
#define TIME_MAX_MS INT64_C(7258118400000)

/* "2025-03-04T09:20:31.507Z": 24 characters and a NUL. */
#define TIME_ISO_SIZE 25
void time_format_iso(int64_t ms, char buf[static TIME_ISO_SIZE]);

/* "2025-03-04T09-20-31.507Z", as in message names (design 2.1). */
void time_format_name(int64_t ms, char buf[static TIME_ISO_SIZE]);

/* "2025-03-04 10:20 +0100" in the time zone of the process: 22 characters and a NUL. */
#define TIME_LOCAL_SIZE 23
void time_format_local(int64_t ms, char buf[static TIME_LOCAL_SIZE]);
/* True if both show the same date there. */
bool time_is_same_day(int64_t a_ms, int64_t b_ms);

/*
 * Parses ISO 8601 in UTC or with a numeric offset, with 0 to 9 digits of fraction
 * (digits past the third are cut off). 0, or -EINVAL for anything else and for times
 * outside TIME_MIN_MS..TIME_MAX_MS.
 */
int time_parse_iso(const char *text, int64_t *ret_ms);

/* The same for any time from the year 0 to 9999, also one that is outside of these. */
int time_parse_iso_any(const char *text, int64_t *ret_ms);

/* Parses the form of time_format_name; exact, -EINVAL for anything else. */
int time_parse_name(const char *text, int64_t *ret_ms);

/*
 * Months of UTC as numbers without gaps: year * 12 + month - 1. Times outside
 * TIME_MIN_MS..TIME_MAX_MS count as the nearest of them.
 */
int time_month(int64_t ms);
/* Its first millisecond. */
int64_t time_month_begin(int month);

/* "2025-03": 7 characters and a NUL. */
#define TIME_MONTH_SIZE 8
void time_format_month(int month, char buf[static TIME_MONTH_SIZE]);
/* The exact form, within TIME_MIN_MS..TIME_MAX_MS; -EINVAL for anything else. */
int time_parse_month(const char *text, int *ret_month);
