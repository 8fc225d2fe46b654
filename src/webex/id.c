/* SPDX-License-Identifier: MIT */
#include "webex/id.h"

#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/timefmt.h"

#define UUID_CHARS 36
/* 100 ns units between 1582-10-15 and 1970-01-01, in milliseconds (webex-api.md 11). */
#define GREGORIAN_MS INT64_C(12219292800000)

static const char scheme[] = "ciscospark://";

static const struct {
	const char *name;
	enum webex_type type;
} types[] = {
	{"PEOPLE", WEBEX_TYPE_PEOPLE},
	{"ROOM", WEBEX_TYPE_ROOM},
	{"MESSAGE", WEBEX_TYPE_MESSAGE},
	{"MEMBERSHIP", WEBEX_TYPE_MEMBERSHIP},
	{"CONTENT", WEBEX_TYPE_CONTENT},
	{"TEAM", WEBEX_TYPE_TEAM},
	{"TEAM_MEMBERSHIP", WEBEX_TYPE_TEAM_MEMBERSHIP},
	{"WEBHOOK", WEBEX_TYPE_WEBHOOK},
};

const char *webex_type_name(enum webex_type type)
{
	for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
		if (types[i].type == type)
			return types[i].name;
	}
	return NULL;
}

static enum webex_type type_from_name(const char *name, size_t len)
{
	for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
		if (strlen(types[i].name) == len && memcmp(types[i].name, name, len) == 0)
			return types[i].type;
	}
	return WEBEX_TYPE_OTHER;
}

static bool uuid_parse(const char *text, uint8_t ret_uuid[static 16])
{
	uint8_t uuid[16];
	size_t n = 0;

	for (size_t i = 0; i < UUID_CHARS; i++) {
		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (text[i] != '-')
				return false;
			continue;
		}
		int high = g_ascii_xdigit_value(text[i]);
		int low = high < 0 ? -1 : g_ascii_xdigit_value(text[i + 1]);
		if (low < 0)
			return false;
		uuid[n++] = (uint8_t)(high << 4 | low);
		i++;
	}
	memcpy(ret_uuid, uuid, sizeof(uuid));
	return true;
}

bool webex_id_is_sane(const char *text)
{
	size_t len = 0;

	if (!text)
		return false;
	for (; text[len]; len++) {
		char c = text[len];
		if (len == WEBEX_ID_MAX)
			return false;
		if (!g_ascii_isalnum(c) && c != '_' && c != '-' && c != '=' && c != ':')
			return false;
	}
	return len > 0;
}

/* Decodes base64 of either alphabet, padded or not, into `out`. Bytes, or -1. */
static ssize_t base64_decode(const char *text, char out[static WEBEX_ID_MAX + 4])
{
	size_t len = strlen(text);
	gsize out_len;

	if (len > WEBEX_ID_MAX)
		return -1;
	for (int i = 0; i < 2 && len > 0 && text[len - 1] == '='; i++)
		len--;
	if (len == 0 || len % 4 == 1)
		return -1;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		if (c == '-')
			c = '+';
		else if (c == '_')
			c = '/';
		if (!g_ascii_isalnum(c) && c != '+' && c != '/')
			return -1;
		out[i] = c;
	}
	while (len % 4 != 0)
		out[len++] = '=';
	out[len] = '\0';
	g_base64_decode_inplace(out, &out_len);
	return (ssize_t)out_len;
}

static bool is_printable(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (s[i] <= ' ' || s[i] > '~')
			return false;
	}
	return true;
}

static bool decode_uuid_only(const char *text, struct webex_id *ret_id)
{
	uint8_t uuid[16];

	if (strlen(text) != UUID_CHARS || !uuid_parse(text, uuid))
		return false;
	memset(ret_id, 0, sizeof(*ret_id));
	g_strlcpy(ret_id->cluster, "us", sizeof(ret_id->cluster));
	g_strlcpy(ret_id->rest, text, sizeof(ret_id->rest));
	ret_id->has_uuid = true;
	memcpy(ret_id->uuid, uuid, sizeof(uuid));
	return true;
}

int webex_id_decode(const char *text, struct webex_id *ret_id)
{
	char uri[WEBEX_ID_MAX + 4];
	struct webex_id id = {0};
	size_t cluster_len, rest_len;

	if (decode_uuid_only(text, ret_id))
		return 0;
	ssize_t len = base64_decode(text, uri);
	if (len < 0 || !is_printable(uri, (size_t)len))
		return -EINVAL;
	uri[len] = '\0';
	if (!g_str_has_prefix(uri, scheme))
		return -EINVAL;
	/* From the left: the rest of a CONTENT id has a slash of its own (webex-api.md 4.2). */
	const char *cluster = uri + strlen(scheme);
	const char *type = strchr(cluster, '/');
	const char *rest = type ? strchr(type + 1, '/') : NULL;
	if (!rest)
		return -EINVAL;
	cluster_len = (size_t)(type - cluster);
	rest_len = strlen(++rest);
	if (cluster_len == 0 || cluster_len >= sizeof(id.cluster) || rest_len == 0 ||
	    rest_len >= sizeof(id.rest))
		return -EINVAL;
	memcpy(id.cluster, cluster, cluster_len);
	memcpy(id.rest, rest, rest_len);
	id.type = type_from_name(type + 1, (size_t)(rest - 1 - (type + 1)));
	if (rest_len >= UUID_CHARS && strchr("/:", rest[UUID_CHARS]) &&
	    uuid_parse(rest, id.uuid))
		id.has_uuid = true;
	*ret_id = id;
	return 0;
}

char *webex_id_encode(const char *cluster, const char *type, const char *rest)
{
	_cleanup_gfree_ char *uri = g_strconcat(scheme, cluster, "/", type, "/", rest, NULL);
	char *text = g_base64_encode((const guchar *)uri, strlen(uri));
	size_t len = strlen(text);

	while (len > 0 && text[len - 1] == '=')
		text[--len] = '\0';
	return text;
}

/* ---- the usual form ---- */

static const char hex_digits[] = "0123456789abcdef";
static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* "ciscospark://us/TYPE/"; its length. */
static size_t put_prefix(const char *type, char buf[static WEBEX_ID_USUAL_SIZE])
{
	static const char start[] = "ciscospark://us/";
	size_t len = sizeof(start) - 1, type_len = strnlen(type, 16);

	memcpy(buf, start, len);
	memcpy(buf + len, type, type_len);
	len += type_len;
	buf[len++] = '/';
	return len;
}

static void put_uuid(const uint8_t uuid[static 16], char *at)
{
	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*at++ = '-';
		*at++ = hex_digits[uuid[i] >> 4];
		*at++ = hex_digits[uuid[i] & 15];
	}
}

void webex_id_from_uuid(const uint8_t uuid[static 16], const char *type,
			char buf[static WEBEX_ID_USUAL_SIZE])
{
	char uri[WEBEX_ID_USUAL_SIZE];
	size_t len = put_prefix(type, uri), n = 0;

	put_uuid(uuid, uri + len);
	len += UUID_CHARS;
	memset(uri + len, 0, 3);
	for (size_t i = 0; i < len; i += 3, n += 4) {
		unsigned bits = (unsigned)(uint8_t)uri[i] << 16 |
				(unsigned)(uint8_t)uri[i + 1] << 8 | (uint8_t)uri[i + 2];

		buf[n] = base64[bits >> 18];
		buf[n + 1] = base64[bits >> 12 & 63];
		buf[n + 2] = base64[bits >> 6 & 63];
		buf[n + 3] = base64[bits & 63];
	}
	buf[(len * 4 + 2) / 3] = '\0';
}

/* The value of a letter of base64 and of a lower-case hex digit; 255: it is none. */
struct letter {
	uint8_t base64, hex;
};

static struct letter letters[256];
static pthread_once_t letters_made = PTHREAD_ONCE_INIT;

static void make_letters(void)
{
	memset(letters, 255, sizeof(letters));
	for (int i = 0; i < 64; i++)
		letters[(uint8_t)base64[i]].base64 = (uint8_t)i;
	for (int i = 0; i < 16; i++)
		letters[(uint8_t)hex_digits[i]].hex = (uint8_t)i;
}

/* Decodes exactly `len` bytes in their canonical form; `out` has room for two more. */
static bool base64_exact(const char *text, uint8_t *out, size_t len)
{
	const uint8_t *in = (const uint8_t *)text;
	size_t chars = (len * 4 + 2) / 3, rest = chars % 4;
	uint8_t v[4] = {0}, wrong = 0;

	if (strnlen(text, chars + 1) != chars)
		return false;
	for (size_t n = chars / 4; n > 0; n--, in += 4, out += 3) {
		uint8_t a = letters[in[0]].base64, b = letters[in[1]].base64;
		uint8_t c = letters[in[2]].base64, d = letters[in[3]].base64;

		wrong |= a | b | c | d;
		out[0] = (uint8_t)(a << 2 | b >> 4);
		out[1] = (uint8_t)(b << 4 | c >> 2);
		out[2] = (uint8_t)(c << 6 | d);
	}
	for (size_t k = 0; k < rest; k++)
		wrong |= v[k] = letters[in[k]].base64;
	out[0] = (uint8_t)(v[0] << 2 | v[1] >> 4);
	out[1] = (uint8_t)(v[1] << 4 | v[2] >> 2);
	/* In the canonical form the unused bits are zero. */
	return wrong < 64 && (rest == 0 || (rest == 2 ? !(v[1] & 15) : !(v[2] & 3)));
}

static bool lower_uuid_parse(const uint8_t *text, uint8_t ret_uuid[static 16])
{
	static const uint8_t places[16] = {0,  2,  4,  6,  9,  11, 14, 16,
					   19, 21, 24, 26, 28, 30, 32, 34};
	uint8_t wrong = 0;

	for (size_t i = 0; i < 16; i++) {
		uint8_t high = letters[text[places[i]]].hex;
		uint8_t low = letters[text[places[i] + 1]].hex;

		wrong |= high | low;
		ret_uuid[i] = (uint8_t)(high << 4 | low);
	}
	return wrong < 16 && text[8] == '-' && text[13] == '-' && text[18] == '-' &&
	       text[23] == '-';
}

bool webex_id_to_uuid(const char *text, const char *type, uint8_t ret_uuid[static 16])
{
	char prefix[WEBEX_ID_USUAL_SIZE];
	uint8_t uri[WEBEX_ID_USUAL_SIZE];
	size_t len = put_prefix(type, prefix);

	pthread_once(&letters_made, make_letters);
	return base64_exact(text, uri, len + UUID_CHARS) && !memcmp(uri, prefix, len) &&
	       lower_uuid_parse(uri + len, ret_uuid);
}

/* True if an id with a UUID is nothing but that, and so does not say what it names. */
static bool is_bare(const char *text)
{
	return strlen(text) == UUID_CHARS;
}

bool webex_id_is_same(const char *a, const char *b)
{
	struct webex_id left, right;

	if (strcmp(a, b) == 0)
		return true;
	if (webex_id_decode(a, &left) < 0 || webex_id_decode(b, &right) < 0)
		return false;
	return left.has_uuid && right.has_uuid &&
	       (left.type == right.type || is_bare(a) || is_bare(b)) &&
	       memcmp(left.uuid, right.uuid, sizeof(left.uuid)) == 0 &&
	       strcmp(left.rest + UUID_CHARS, right.rest + UUID_CHARS) == 0;
}

bool webex_id_may_be(const char *text, enum webex_type type)
{
	uint8_t uuid[16];
	struct webex_id id;

	/* The usual one first: a page has thousands of them. */
	if (webex_id_to_uuid(text, webex_type_name(type), uuid) ||
	    webex_id_decode(text, &id) < 0)
		return true;
	return id.type == WEBEX_TYPE_OTHER || id.type == type;
}

void webex_id_hex(const char *text, char buf[static WEBEX_ID_HEX_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	struct webex_id id;

	if (webex_id_decode(text, &id) == 0 && id.has_uuid) {
		for (size_t i = 0; i < sizeof(id.uuid); i++) {
			buf[2 * i] = digits[id.uuid[i] >> 4];
			buf[2 * i + 1] = digits[id.uuid[i] & 15];
		}
		buf[WEBEX_ID_HEX_SIZE - 1] = '\0';
		return;
	}
	_cleanup_gfree_ char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
	g_strlcpy(buf, sum, WEBEX_ID_HEX_SIZE);
}

const char *webex_content_id(const char *url, size_t *ret_len)
{
	size_t len = strcspn(url, "?#");
	const char *slash = memrchr(url, '/', len);
	const char *id = slash ? slash + 1 : url;

	*ret_len = len - (size_t)(id - url);
	return id;
}

uint64_t webex_uuid_time(const uint8_t uuid[static 16])
{
	const uint8_t *u = uuid;

	if (u[6] >> 4 != 1 || u[8] >> 6 != 2)
		return 0;
	return (uint64_t)(u[6] & 15) << 56 | (uint64_t)u[7] << 48 | (uint64_t)u[4] << 40 |
	       (uint64_t)u[5] << 32 | (uint64_t)u[0] << 24 | (uint64_t)u[1] << 16 |
	       (uint64_t)u[2] << 8 | u[3];
}

uint64_t webex_id_uuid_time(const char *text)
{
	struct webex_id id;

	return webex_id_decode(text, &id) == 0 && id.has_uuid ? webex_uuid_time(id.uuid) : 0;
}

int64_t webex_id_time_ms(const char *text)
{
	uint64_t units = webex_id_uuid_time(text);

	if (units == 0)
		return -1;
	int64_t ms = (int64_t)(units / 10000) - GREGORIAN_MS;
	return ms >= TIME_MIN_MS && ms <= TIME_MAX_MS ? ms : -1;
}
