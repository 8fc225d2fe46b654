/* SPDX-License-Identifier: MIT */
/*
 * Identifiers of the service (webex-api.md section 4): UUIDs of the versions it uses,
 * and the base64 form `ciscospark://<cluster>/<TYPE>/<rest>` without padding.
 *
 * Pure functions, except that uuid_random() and the v1 clock keep static state: one thread.
 * Text is NUL terminated; strings returned are the caller's, freed with g_free().
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define UUID_TEXT 37

struct uuid {
	uint8_t b[16];
};

/* A decoded public id. `bare` tells that the caller gave a plain UUID. */
struct sim_id {
	char cluster[48];
	char type[32];
	char rest[192];
	bool bare;
};

/* Accepts padding and the URL-safe alphabet, and a bare UUID. -EINVAL for anything else. */
int ids_decode(const char *text, struct sim_id *ret_id);
/* Appends the encoded id to `out`. */
void ids_append(GString *out, const char *cluster, const char *type, const char *rest);
void ids_append_uuid(GString *out, const char *cluster, const char *type,
		     const struct uuid *uuid);
char *ids_encode(const char *cluster, const char *type, const char *rest);

/* Unpadded base64 with the standard alphabet. */
void base64_append(GString *out, const void *data, size_t len);
/* Both alphabets, padding optional; the result is NUL terminated. NULL when malformed. */
char *base64_decode(const char *text, size_t *ret_len);

int uuid_parse(const char *text, struct uuid *ret_uuid);
void uuid_format(const struct uuid *uuid, char out[UUID_TEXT]);
/* Version 1 from a 60-bit count of 100 ns since 1582-10-15. */
struct uuid uuid_v1(uint64_t t100, uint16_t clock_seq);
struct uuid uuid_v3(const char *name);
/* Version 4 bits on whatever generator the caller seeds (a private splitmix64). */
struct uuid uuid_v4(uint64_t *seed);
struct uuid uuid_random(void);
/* The time in a version 1 UUID, in 100 ns units. */
uint64_t uuid_t100(const struct uuid *uuid);
int64_t uuid_ms(const struct uuid *uuid);
uint64_t t100_from_ms(int64_t ms);

guint uuid_hash(gconstpointer uuid);
gboolean uuid_equal(gconstpointer a, gconstpointer b);

uint64_t splitmix64(uint64_t *state);

/* ISO 8601 with exactly three fractional digits and Z. */
void iso_append(GString *out, int64_t ms);
/* Lenient: fraction of any length or none, Z or an offset. */
int iso_parse(const char *text, int64_t *ret_ms);
