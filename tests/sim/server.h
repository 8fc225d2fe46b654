/* SPDX-License-Identifier: MIT */
/*
 * One HTTP request from first header to last byte sent, and the server around it.
 *
 * The server is one event loop thread of libmicrohttpd; every handler runs there and owns
 * all of struct sim while it runs. What has to wait (latency, hang, fetch of a URL) is
 * suspended and resumed by another thread (park.h), which never touches struct sim.
 * A struct req lives from the request line until libmicrohttpd reports completion.
 */
#pragma once

#include "data.h"
#include "faults.h"
#include "json_util.h"
#include "multipart.h"
#include "park.h"
#include "reqlog.h"

#include <microhttpd.h>

#define UPLOAD_MAX (100ULL * 1024 * 1024)
#define BODY_MAX (4U * 1024 * 1024)

enum method { M_GET, M_HEAD, M_POST, M_PUT, M_DELETE, M_OTHER };

/* One part of a multipart body that is not a file. */
struct field {
	char *name, *value;
};

struct upload {
	char *filename, *type;
	GByteArray *mem;
	int fd; /* -1 while in memory */
	uint64_t size;
};

enum req_stage {
	STAGE_BODY,   /* reading the request body */
	STAGE_DELAY,  /* latency and delay still to come */
	STAGE_HANG,   /* the hang fault still to come */
	STAGE_ROUTE,  /* not applied yet */
	STAGE_FETCH,  /* waiting for the fetch of a file URL */
	STAGE_FINISH, /* applied, answer not queued */
	STAGE_QUEUED
};

struct header {
	char *name, *value;
};

struct resp {
	unsigned status;
	const char *type; /* NULL: JSON */
	GString *body;
	GArray *headers; /* struct header */
	/* A stored file as body instead of `body`; the fd is a duplicate of the blob's. */
	bool has_file;
	int fd;
	uint64_t offset, length;
};

struct req {
	struct sim *sim;
	struct MHD_Connection *conn;
	enum method method;
	const char *method_name; /* interned */
	char *uri;		 /* as received */
	char *path;		 /* as received, without query */
	char *query;		 /* as received, NULL when none */
	char *origin;		 /* http://HOST of this request, for URLs in the answer */
	GPtrArray *params;	 /* struct field, decoded */
	char *segments[6];
	int n_segments;
	const char *arg; /* the segment that the route calls * */
	char tracking[64];
	bool control;

	struct person *caller;
	const struct token *token; /* with caller */
	GString *body;
	bool body_too_big;
	cJSON *json;
	struct multipart *form;
	bool multipart, form_bad;
	enum { PART_IGNORED, PART_FIELD, PART_FILE } part;
	GPtrArray *fields;	/* struct field */
	GPtrArray *form_fields; /* struct field: of a urlencoded body, once it was asked for */
	struct upload *upload;
	int n_files;
	bool upload_too_big;
	uint64_t bytes_in;

	enum req_stage stage;
	struct fault_plan plan;
	struct park_ticket ticket;
	struct log_entry *log;
	struct fetch *fetch;
	struct resp resp;
};

int server_start(struct sim *sim, struct MHD_Daemon **ret_daemon);
void server_stop(struct sim *sim, struct MHD_Daemon *daemon);

/* request.c: what handlers use. */
const char *req_param(const struct req *rq, const char *name); /* NULL when absent or empty */
bool req_param_true(const struct req *rq, const char *name);
/* A field of a urlencoded body. NULL when absent or empty. */
const char *req_form(struct req *rq, const char *name);
void req_parse_uri(struct req *rq);
/* Parsed JSON object of the body; answers 400 and returns NULL when it is none. */
cJSON *req_json(struct req *rq);
void req_header(struct req *rq, const char *name, const char *value);
void req_error(struct req *rq, unsigned status, const char *fmt, ...) G_GNUC_PRINTF(3, 4);
/* With a description of its own. */
void req_error_as(struct req *rq, unsigned status, const char *words, const char *description);
void req_forbidden(struct req *rq);
/* Starts a JSON answer with status 200 and returns its body. */
GString *req_ok(struct req *rq);
void req_no_content(struct req *rq);
/* Decodes an id of `type`; answers 400 (malformed) or 404 with `missing` and returns < 0. */
int req_id(struct req *rq, const char *text, const char *type, const char *missing,
	   struct sim_id *ret_id, struct uuid *ret_uuid);
char *url_decode(const char *text, size_t len, bool plus);
void url_encode(GString *out, const char *text);
void req_free(struct req *rq);

/* upload.c */
enum MHD_Result upload_data(struct req *rq, const char *data, size_t len);
bool upload_begin(struct req *rq, const char *content_type);
const char *upload_field(const struct req *rq, const char *name);
/* Hands the stored bytes over. */
struct blob upload_take(struct upload *up);
void upload_append(struct req *rq, const char *data, size_t len);
void upload_free(struct upload *up);

/* page.c: slices of lists and their Link headers. */
struct page {
	guint start, max;
	bool empty; /* the empty page fault */
};

typedef void (*page_emit_fn)(struct req *rq, GString *out, const void *item);

/* Answers 400 and returns < 0 for a bad max or cursor. */
int page_max(struct req *rq, int def, int cap, guint *ret_max);
int page_begin(struct req *rq, int def, int cap, struct page *ret_page);
void page_emit(struct req *rq, const struct page *page, const GPtrArray *items,
	       page_emit_fn emit, const char *extra_json);
/* `name`=`value` continues the list; drops old cursors of the request. */
void page_link(struct req *rq, guint max, const char *name, const char *value);

/* router.c */
void router_dispatch(struct req *rq);
/* -1: answered. Fills rq->caller. */
int router_authenticate(struct req *rq);

/* respond.c: from rq->resp and the fault plan to a queued answer. */
enum MHD_Result respond_queue(struct req *rq);
