/* SPDX-License-Identifier: MIT */
/* Times after 2038 on 32 bits; no time_t leaves this file. */
#define _TIME_BITS 64
#include "base/timefmt.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

/* Years 1970 to 9999: what four digits can show. */
#define SHOWN_MAX_MS INT64_C(253402300799999)

static void put_digits(char *at, int value, int digits)
{
	while (digits-- > 0) {
		at[digits] = (char)('0' + value % 10);
		value /= 10;
	}
}

static int64_t clamp_shown(int64_t ms)
{
	if (ms < 0)
		return 0;
	return ms > SHOWN_MAX_MS ? SHOWN_MAX_MS : ms;
}

static void put_date(char *at, const struct tm *tm)
{
	put_digits(at, tm->tm_year + 1900, 4);
	at[4] = '-';
	put_digits(at + 5, tm->tm_mon + 1, 2);
	at[7] = '-';
	put_digits(at + 8, tm->tm_mday, 2);
}

static void format_utc(int64_t ms, char colon, char *buf)
{
	struct tm tm;
	time_t seconds;

	ms = clamp_shown(ms);
	seconds = (time_t)(ms / 1000);
	gmtime_r(&seconds, &tm);

	put_date(buf, &tm);
	buf[10] = 'T';
	put_digits(buf + 11, tm.tm_hour, 2);
	buf[13] = colon;
	put_digits(buf + 14, tm.tm_min, 2);
	buf[16] = colon;
	put_digits(buf + 17, tm.tm_sec, 2);
	buf[19] = '.';
	put_digits(buf + 20, (int)(ms % 1000), 3);
	buf[23] = 'Z';
	buf[24] = '\0';
}

void time_format_iso(int64_t ms, char buf[static TIME_ISO_SIZE])
{
	format_utc(ms, ':', buf);
}

void time_format_name(int64_t ms, char buf[static TIME_ISO_SIZE])
{
	format_utc(ms, '-', buf);
}

void time_format_local(int64_t ms, char buf[static TIME_LOCAL_SIZE])
{
	struct tm tm;
	time_t seconds;
	int minutes;

	seconds = (time_t)(clamp_shown(ms) / 1000);
	localtime_r(&seconds, &tm);
	minutes = (int)(tm.tm_gmtoff / 60);

	put_date(buf, &tm);
	buf[10] = ' ';
	put_digits(buf + 11, tm.tm_hour, 2);
	buf[13] = ':';
	put_digits(buf + 14, tm.tm_min, 2);
	buf[16] = ' ';
	buf[17] = minutes < 0 ? '-' : '+';
	if (minutes < 0)
		minutes = -minutes;
	put_digits(buf + 18, minutes / 60, 2);
	put_digits(buf + 20, minutes % 60, 2);
	buf[22] = '\0';
}

/* No day is as long as two usual ones, whatever the zone does to its clocks. */
#define TWO_DAYS_MS (INT64_C(48) * 60 * 60 * 1000)

bool time_is_same_day(int64_t a_ms, int64_t b_ms)
{
	time_t a = (time_t)(clamp_shown(a_ms) / 1000), b = (time_t)(clamp_shown(b_ms) / 1000);
	struct tm a_tm, b_tm;

	if (a - b > TWO_DAYS_MS / 1000 || b - a > TWO_DAYS_MS / 1000)
		return false;
	localtime_r(&a, &a_tm);
	localtime_r(&b, &b_tm);
	return a_tm.tm_year == b_tm.tm_year && a_tm.tm_yday == b_tm.tm_yday;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Exactly `digits` digits at *at, in low..high; moves *at past them. */
static bool take_number(const char **at, int digits, int low, int high, int *ret)
{
	int value = 0;

	for (int i = 0; i < digits; i++) {
		if (!is_digit((*at)[i]))
			return false;
		value = value * 10 + ((*at)[i] - '0');
	}
	if (value < low || value > high)
		return false;
	*at += digits;
	*ret = value;
	return true;
}

static bool take_char(const char **at, char c)
{
	if (**at != c)
		return false;
	(*at)++;
	return true;
}

static int days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

/* "2025-03-04T09:20:31" with `colon` between the parts of the time. */
static bool take_date_time(const char **at, char colon, int64_t *ret_s)
{
	struct tm tm = {0};
	int year, month, day;

	if (!take_number(at, 4, 0, 9999, &year) || !take_char(at, '-') ||
	    !take_number(at, 2, 1, 12, &month) || !take_char(at, '-') ||
	    !take_number(at, 2, 1, days_in_month(year, month), &day) || !take_char(at, 'T') ||
	    !take_number(at, 2, 0, 23, &tm.tm_hour) || !take_char(at, colon) ||
	    !take_number(at, 2, 0, 59, &tm.tm_min) || !take_char(at, colon) ||
	    !take_number(at, 2, 0, 59, &tm.tm_sec))
		return false;
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	tm.tm_mday = day;
	*ret_s = (int64_t)timegm(&tm);
	return true;
}

/* Nothing, or '.' and 1 to 9 digits, of which three count. */
static bool take_fraction(const char **at, int *ret_ms)
{
	int ms = 0, digits = 0;

	if (take_char(at, '.')) {
		for (; digits <= 9 && is_digit(**at); digits++, (*at)++) {
			if (digits < 3)
				ms = ms * 10 + (**at - '0');
		}
		if (digits == 0 || digits > 9)
			return false;
		for (; digits < 3; digits++)
			ms *= 10;
	}
	*ret_ms = ms;
	return true;
}

/* "Z", or "+01:00", "+0100", "+01": seconds east of UTC. */
static bool take_zone(const char **at, int *ret_s)
{
	int hours, minutes = 0;
	bool west;

	if (take_char(at, 'Z')) {
		*ret_s = 0;
		return true;
	}
	west = **at == '-';
	if (!take_char(at, '+') && !take_char(at, '-'))
		return false;
	if (!take_number(at, 2, 0, 23, &hours))
		return false;
	if (**at != '\0') {
		take_char(at, ':');
		if (!take_number(at, 2, 0, 59, &minutes))
			return false;
	}
	*ret_s = (hours * 60 + minutes) * (west ? -60 : 60);
	return true;
}

static int check_range(int64_t ms, int64_t *ret_ms)
{
	if (ms < TIME_MIN_MS || ms > TIME_MAX_MS)
		return -EINVAL;
	*ret_ms = ms;
	return 0;
}

int time_parse_iso_any(const char *text, int64_t *ret_ms)
{
	int64_t seconds;
	int ms, zone;

	if (!take_date_time(&text, ':', &seconds) || !take_fraction(&text, &ms) ||
	    !take_zone(&text, &zone) || *text != '\0')
		return -EINVAL;
	*ret_ms = (seconds - zone) * 1000 + ms;
	return 0;
}

int time_parse_iso(const char *text, int64_t *ret_ms)
{
	int64_t ms = 0;
	int r = time_parse_iso_any(text, &ms);

	return r ? r : check_range(ms, ret_ms);
}

int time_parse_name(const char *text, int64_t *ret_ms)
{
	int64_t seconds;
	int ms;

	if (!take_date_time(&text, '-', &seconds) || !take_char(&text, '.') ||
	    !take_number(&text, 3, 0, 999, &ms) || !take_char(&text, 'Z') || *text != '\0')
		return -EINVAL;
	return check_range(seconds * 1000 + ms, ret_ms);
}

int time_month(int64_t ms)
{
	struct tm tm;
	time_t seconds;

	ms = ms < TIME_MIN_MS ? TIME_MIN_MS : ms > TIME_MAX_MS ? TIME_MAX_MS : ms;
	seconds = (time_t)(ms / 1000);
	gmtime_r(&seconds, &tm);
	return (tm.tm_year + 1900) * 12 + tm.tm_mon;
}

int64_t time_month_begin(int month)
{
	struct tm tm = {.tm_year = month / 12 - 1900, .tm_mon = month % 12, .tm_mday = 1};

	return (int64_t)timegm(&tm) * 1000;
}

void time_format_month(int month, char buf[static TIME_MONTH_SIZE])
{
	put_digits(buf, month / 12, 4);
	buf[4] = '-';
	put_digits(buf + 5, month % 12 + 1, 2);
	buf[7] = '\0';
}

int time_parse_month(const char *text, int *ret_month)
{
	int year, month;

	if (!take_number(&text, 4, 0, 9999, &year) || !take_char(&text, '-') ||
	    !take_number(&text, 2, 1, 12, &month) || *text != '\0')
		return -EINVAL;
	month += year * 12 - 1;
	if (month < time_month(TIME_MIN_MS) || month > time_month(TIME_MAX_MS))
		return -EINVAL;
	*ret_month = month;
	return 0;
}
