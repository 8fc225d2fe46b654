/* SPDX-License-Identifier: MIT */
/* Times after 2038 on 32 bits; no time_t leaves this file. */
#define _TIME_BITS 64
#include "ids.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/* 100 ns steps between 1582-10-15 and 1970-01-01, as milliseconds. */
#define UUID_EPOCH_MS 12219292800000LL

static const char alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_append(GString *out, const void *data, size_t len)
{
	const uint8_t *p = data;
	gsize at = out->len;
	char *to;

	/* Written in place: ids are half of every answer. */
	g_string_set_size(out, at + (len * 4 + 2) / 3);
	to = out->str + at;
	for (size_t i = 0; i < len; i += 3) {
		uint32_t v = (uint32_t)p[i] << 16;

		if (i + 1 < len)
			v |= (uint32_t)p[i + 1] << 8;
		if (i + 2 < len)
			v |= p[i + 2];
		*to++ = alphabet[v >> 18];
		*to++ = alphabet[(v >> 12) & 63];
		if (i + 1 < len)
			*to++ = alphabet[(v >> 6) & 63];
		if (i + 2 < len)
			*to++ = alphabet[v & 63];
	}
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	if (c == '/' || c == '_')
		return 63;
	return -1;
}

char *base64_decode(const char *text, size_t *ret_len)
{
	size_t len = strlen(text);
	GString *out;
	uint32_t acc = 0;
	int bits = 0;

	while (len && text[len - 1] == '=')
		len--;
	if (len % 4 == 1)
		return NULL;
	out = g_string_sized_new(len);
	for (size_t i = 0; i < len; i++) {
		int v = base64_value(text[i]);

		if (v < 0) {
			g_string_free(out, TRUE);
			return NULL;
		}
		acc = (acc << 6) | (uint32_t)v;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			g_string_append_c(out, (char)((acc >> bits) & 0xff));
		}
	}
	if (ret_len)
		*ret_len = out->len;
	return g_string_free(out, FALSE);
}

int uuid_parse(const char *text, struct uuid *ret_uuid)
{
	struct uuid u;
	int n = 0;

	if (strlen(text) != 36)
		return -EINVAL;
	for (int i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash != (text[i] == '-'))
			return -EINVAL;
		if (dash)
			continue;
		if (!g_ascii_isxdigit(text[i]))
			return -EINVAL;
		if (n % 2 == 0)
			u.b[n / 2] = (uint8_t)(g_ascii_xdigit_value(text[i]) << 4);
		else
			u.b[n / 2] |= (uint8_t)g_ascii_xdigit_value(text[i]);
		n++;
	}
	*ret_uuid = u;
	return 0;
}

void uuid_format(const struct uuid *uuid, char out[UUID_TEXT])
{
	static const char hex[] = "0123456789abcdef";
	char *p = out;

	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = hex[uuid->b[i] >> 4];
		*p++ = hex[uuid->b[i] & 15];
	}
	*p = 0;
}

struct uuid uuid_v1(uint64_t t100, uint16_t clock_seq)
{
	static const uint8_t node[6] = {0x02, 0x42, 0xac, 0x11, 0x00, 0x03};
	uint32_t low = (uint32_t)t100;
	uint16_t mid = (uint16_t)(t100 >> 32);
	uint16_t high = (uint16_t)(((t100 >> 48) & 0x0fff) | 0x1000);
	struct uuid u;

	clock_seq = (uint16_t)((clock_seq & 0x3fff) | 0x8000);
	for (int i = 0; i < 4; i++)
		u.b[i] = (uint8_t)(low >> (24 - 8 * i));
	u.b[4] = (uint8_t)(mid >> 8);
	u.b[5] = (uint8_t)mid;
	u.b[6] = (uint8_t)(high >> 8);
	u.b[7] = (uint8_t)high;
	u.b[8] = (uint8_t)(clock_seq >> 8);
	u.b[9] = (uint8_t)clock_seq;
	memcpy(u.b + 10, node, 6);
	return u;
}

uint64_t uuid_t100(const struct uuid *uuid)
{
	const uint8_t *b = uuid->b;
	uint64_t low =
		((uint64_t)b[0] << 24) | ((uint64_t)b[1] << 16) | ((uint64_t)b[2] << 8) | b[3];
	uint64_t mid = ((uint64_t)b[4] << 8) | b[5];
	uint64_t high = ((uint64_t)(b[6] & 0x0f) << 8) | b[7];

	return (high << 48) | (mid << 32) | low;
}

int64_t uuid_ms(const struct uuid *uuid)
{
	return (int64_t)(uuid_t100(uuid) / 10000) - UUID_EPOCH_MS;
}

uint64_t t100_from_ms(int64_t ms)
{
	return (uint64_t)(ms + UUID_EPOCH_MS) * 10000;
}

struct uuid uuid_v3(const char *name)
{
	GChecksum *sum = g_checksum_new(G_CHECKSUM_MD5);
	gsize len = 16;
	struct uuid u;

	g_checksum_update(sum, (const guchar *)name, -1);
	g_checksum_get_digest(sum, u.b, &len);
	g_checksum_free(sum);
	u.b[6] = (uint8_t)((u.b[6] & 0x0f) | 0x30);
	u.b[8] = (uint8_t)((u.b[8] & 0x3f) | 0x80);
	return u;
}

uint64_t splitmix64(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

struct uuid uuid_v4(uint64_t *seed)
{
	uint64_t v[2] = {splitmix64(seed), splitmix64(seed)};
	struct uuid u;

	memcpy(u.b, v, 16);
	u.b[6] = (uint8_t)((u.b[6] & 0x0f) | 0x40);
	u.b[8] = (uint8_t)((u.b[8] & 0x3f) | 0x80);
	return u;
}

struct uuid uuid_random(void)
{
	static uint64_t seed;

	if (!seed && getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		seed = (uint64_t)time(NULL);
	return uuid_v4(&seed);
}

guint uuid_hash(gconstpointer uuid)
{
	const struct uuid *u = uuid;
	uint32_t a, b;

	/* Version 1 UUIDs differ in the first word, version 4 everywhere. */
	memcpy(&a, u->b, 4);
	memcpy(&b, u->b + 4, 4);
	return a ^ (b * 31);
}

gboolean uuid_equal(gconstpointer a, gconstpointer b)
{
	return memcmp(a, b, sizeof(struct uuid)) == 0;
}

static bool copy_part(char *out, size_t size, const char *from, size_t len)
{
	if (len == 0 || len >= size)
		return false;
	memcpy(out, from, len);
	out[len] = 0;
	return true;
}

int ids_decode(const char *text, struct sim_id *ret_id)
{
	static const char prefix[] = "ciscospark://";
	struct sim_id id = {.bare = false};
	struct uuid u;
	char *raw, *p, *slash;
	size_t len;
	int rc = -EINVAL;

	if (uuid_parse(text, &u) == 0) {
		id.bare = true;
		uuid_format(&u, id.rest);
		g_strlcpy(id.cluster, "us", sizeof(id.cluster));
		*ret_id = id;
		return 0;
	}
	raw = base64_decode(text, &len);
	if (!raw)
		return -EINVAL;
	if (strlen(raw) != len || !g_str_has_prefix(raw, prefix))
		goto out;
	/* Split at the first two slashes only: a CONTENT id has one more. */
	p = raw + strlen(prefix);
	slash = strchr(p, '/');
	if (!slash || !copy_part(id.cluster, sizeof(id.cluster), p, (size_t)(slash - p)))
		goto out;
	p = slash + 1;
	slash = strchr(p, '/');
	if (!slash || !copy_part(id.type, sizeof(id.type), p, (size_t)(slash - p)))
		goto out;
	if (!copy_part(id.rest, sizeof(id.rest), slash + 1, strlen(slash + 1)))
		goto out;
	*ret_id = id;
	rc = 0;
out:
	g_free(raw);
	return rc;
}

void ids_append(GString *out, const char *cluster, const char *type, const char *rest)
{
	char buf[320];
	int n = snprintf(buf, sizeof(buf), "ciscospark://%s/%s/%s", cluster, type, rest);

	base64_append(out, buf, (size_t)MIN(n, (int)sizeof(buf) - 1));
}

void ids_append_uuid(GString *out, const char *cluster, const char *type,
		     const struct uuid *uuid)
{
	char text[UUID_TEXT], buf[160], *p;

	uuid_format(uuid, text);
	if (strlen(cluster) + strlen(type) > 90) {
		ids_append(out, cluster, type, text);
		return;
	}
	p = stpcpy(buf, "ciscospark://");
	p = stpcpy(p, cluster);
	*p++ = '/';
	p = stpcpy(p, type);
	*p++ = '/';
	p = stpcpy(p, text);
	base64_append(out, buf, (size_t)(p - buf));
}

char *ids_encode(const char *cluster, const char *type, const char *rest)
{
	GString *out = g_string_new(NULL);

	ids_append(out, cluster, type, rest);
	return g_string_free(out, FALSE);
}

static char *digits(char *p, int value, int width)
{
	for (int i = width; i-- > 0; value /= 10)
		p[i] = (char)('0' + value % 10);
	return p + width;
}

void iso_append(GString *out, int64_t ms)
{
	time_t sec = (time_t)(ms / 1000);
	int frac = (int)(ms % 1000);
	struct tm tm;
	char buf[32], *p;

	if (frac < 0) {
		frac += 1000;
		sec--;
	}
	gmtime_r(&sec, &tm);
	p = digits(buf, tm.tm_year + 1900, 4);
	*p++ = '-';
	p = digits(p, tm.tm_mon + 1, 2);
	*p++ = '-';
	p = digits(p, tm.tm_mday, 2);
	*p++ = 'T';
	p = digits(p, tm.tm_hour, 2);
	*p++ = ':';
	p = digits(p, tm.tm_min, 2);
	*p++ = ':';
	p = digits(p, tm.tm_sec, 2);
	*p++ = '.';
	p = digits(p, frac, 3);
	*p++ = 'Z';
	g_string_append_len(out, buf, p - buf);
}

static int parse_zone(const char *p, long *ret_minutes)
{
	int h, m, n = 0;

	if ((*p == 'Z' || *p == 'z') && !p[1]) {
		*ret_minutes = 0;
		return 0;
	}
	if (*p != '+' && *p != '-' && *p != ' ')
		return *p ? -EINVAL : 0;
	/* +01:00, and +0100 as the date formats of Java write it. */
	if (sscanf(p + 1, "%2d:%2d%n", &h, &m, &n) != 2 &&
	    sscanf(p + 1, "%2d%2d%n", &h, &m, &n) != 2)
		return -EINVAL;
	if (p[1 + n])
		return -EINVAL;
	/* An unescaped + in a query arrives as a space. */
	*ret_minutes = (*p == '-' ? -1 : 1) * (h * 60 + m);
	return 0;
}

int iso_parse(const char *text, int64_t *ret_ms)
{
	struct tm tm = {0};
	long zone = 0;
	int64_t frac = 0;
	const char *p = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);

	if (!p) {
		p = strptime(text, "%Y-%m-%d", &tm);
		if (!p || *p)
			return -EINVAL;
	}
	if (*p == '.' || *p == ',') {
		int64_t unit = 100;

		for (p++; g_ascii_isdigit(*p); p++) {
			frac += (*p - '0') * unit;
			unit /= 10;
		}
	}
	if (parse_zone(p, &zone))
		return -EINVAL;
	*ret_ms = ((int64_t)timegm(&tm) - zone * 60) * 1000 + frac;
	return 0;
}
