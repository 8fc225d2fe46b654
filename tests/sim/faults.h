/* SPDX-License-Identifier: MIT */
/*
 * Faults that tests order through /_sim/faults (see README.md for the JSON).
 *
 * A request asks once for its plan: the merge of every active fault that matches and
 * whose turn it is. Touched only by the server's thread.
 */
#pragma once

#include <cjson/cJSON.h>
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* WHEN_BODY: of hang only, the request's body is not read. */
enum fault_when { WHEN_NONE, WHEN_BODY, WHEN_BEFORE, WHEN_AFTER };

enum fault_page {
	FPAGE_NONE,
	FPAGE_VALUELESS,
	FPAGE_MAXNULL,
	FPAGE_DROPFILTERS,
	FPAGE_FOREIGNHOST,
	FPAGE_DELETEDANCHOR,
	FPAGE_EMPTYPAGE,
	FPAGE_DUPLICATE,
	FPAGE_LOOP,
	FPAGE_SHORT
};

enum fault_length { FLEN_RIGHT, FLEN_MISSING, FLEN_CHUNKED, FLEN_WRONG, FLEN_EXACT };

/* What one request suffers; all zero for none. */
struct fault_plan {
	int id; /* of the first matching fault, 0 = none */
	int hang_id;
	unsigned status;
	char retry_after[64];
	char message[200];
	bool html, malformed;
	bool applied; /* the status is a lie: it was done */
	bool ignored; /* a PUT that is answered with success and was not done */
	int64_t delay_ms;
	enum fault_when hang, reset;
	int64_t cut_at;	     /* -1 = whole */
	int64_t bytes_per_s; /* 0 = at once */
	enum fault_length length;
	int64_t length_value;
	enum fault_page page;
	char host[128];
};

struct faults;

struct faults *faults_new(void);
/* Returns the id, or -EINVAL with a static explanation. */
int faults_add(struct faults *fs, const cJSON *spec, const char **ret_why);
/* Number removed; id 0 = all. */
int faults_remove(struct faults *fs, int id);
void faults_append(const struct faults *fs, GString *out);
/* `path` is below /v1 and starts with a slash. */
void faults_plan(struct faults *fs, const char *method, const char *path, const char *query,
		 const char *person, struct fault_plan *ret_plan);
