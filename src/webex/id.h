/* SPDX-License-Identifier: MIT */
/*
 * Webex identifiers (webex-api.md 4): unpadded base64 of
 * "ciscospark://<cluster>/<TYPE>/<rest>". Opaque by contract; we look inside only for a sort
 * key, short hex digits and the 16-byte form of the store. Pure, fuzzed; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest id that is accepted. An object with a longer one is dropped. */
#define WEBEX_ID_MAX 512

enum webex_type {
	WEBEX_TYPE_OTHER,
	WEBEX_TYPE_PEOPLE,
	WEBEX_TYPE_ROOM,
	WEBEX_TYPE_MESSAGE,
	WEBEX_TYPE_MEMBERSHIP,
	WEBEX_TYPE_CONTENT,
	WEBEX_TYPE_TEAM,
	WEBEX_TYPE_TEAM_MEMBERSHIP,
	WEBEX_TYPE_WEBHOOK,
};

struct webex_id {
	char cluster[64];
	enum webex_type type;
	char rest[256];
	bool has_uuid; /* rest begins with a UUID (alone, or before '/' or ':') */
	uint8_t uuid[16];
};

/*
 * 0, or -EINVAL if `text` is not of the form. Accepts URL-safe characters, padding, and a bare
 * UUID (cluster "us", WEBEX_TYPE_OTHER).
 */
int webex_id_decode(const char *text, struct webex_id *ret_id);

/* "ROOM" ...; NULL for WEBEX_TYPE_OTHER. */
const char *webex_type_name(enum webex_type type);

/* The public id of ciscospark://cluster/TYPE/rest; owned (g_free). */
char *webex_id_encode(const char *cluster, const char *type, const char *rest);

/*
 * The usual id, ciscospark://us/TYPE/<uuid>, converted without an allocation: the store reads
 * and writes two of them for each message. `type` has at most 16 letters. webex_id_to_uuid is
 * true only if webex_id_from_uuid makes the very same `text` again.
 */
#define WEBEX_ID_USUAL_SIZE 96
void webex_id_from_uuid(const uint8_t uuid[static 16], const char *type,
			char buf[static WEBEX_ID_USUAL_SIZE]);
bool webex_id_to_uuid(const char *text, const char *type, uint8_t ret_uuid[static 16]);

/* True if `text` can be used in a URL and kept: 1..WEBEX_ID_MAX characters of [A-Za-z0-9_=-]. */
bool webex_id_is_sane(const char *text);

/* True if both name the same object: the same text, or the same UUID and type in any notation. A bare
 * UUID is of any type. */
bool webex_id_is_same(const char *a, const char *b);

/* False if the id says that it names something of another type. Ids of other forms say nothing. */
bool webex_id_may_be(const char *text, enum webex_type type);

/* 32 lower-case hex digits: of the UUID, or of a SHA-256 of `text` where there is none. */
#define WEBEX_ID_HEX_SIZE 33
void webex_id_hex(const char *text, char buf[static WEBEX_ID_HEX_SIZE]);

/*
 * The id of a content: the last segment of the URL's path, whatever its host and query
 * (webex-api.md 7.7). Points into `url`, *ret_len bytes, not terminated; may be empty.
 */
const char *webex_content_id(const char *url, size_t *ret_len);

/*
 * The 60-bit time of a version 1 UUID in 100 ns units since 1582; 0 if it is none. Sort key
 * inside a millisecond.
 */
uint64_t webex_id_uuid_time(const char *text);
uint64_t webex_uuid_time(const uint8_t uuid[static 16]);
/* The same as milliseconds since 1970 (webex-api.md 11); -1 if none or outside what timefmt.h
 * takes. */
int64_t webex_id_time_ms(const char *text);
