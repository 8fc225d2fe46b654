/* SPDX-License-Identifier: MIT */
#include "server.h"

#include "fetch.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

char *url_decode(const char *text, size_t len, bool plus)
{
	GString *out = g_string_sized_new(len);

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '%' && i + 2 < len && g_ascii_isxdigit(text[i + 1]) &&
		    g_ascii_isxdigit(text[i + 2])) {
			int c = g_ascii_xdigit_value(text[i + 1]) * 16 +
				g_ascii_xdigit_value(text[i + 2]);

			if (c)
				g_string_append_c(out, (char)c);
			i += 2;
		} else if (plus && text[i] == '+') {
			g_string_append_c(out, ' ');
		} else {
			g_string_append_c(out, text[i]);
		}
	}
	return g_string_free(out, FALSE);
}

void url_encode(GString *out, const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (g_ascii_isalnum(*p) || strchr("-._~:,", *p))
			g_string_append_c(out, (char)*p);
		else
			g_string_append_printf(out, "%%%02X", *p);
	}
}

/* Of a query or a urlencoded body. */
static GPtrArray *parse_pairs(const char *text)
{
	GPtrArray *pairs = g_ptr_array_new();
	char **parts = g_strsplit(text ? text : "", "&", 200);

	for (char **p = parts; *p; p++) {
		size_t n = strcspn(*p, "=");
		struct field *f;
		char *value;

		if (!n)
			continue;
		f = g_new0(struct field, 1);
		f->name = url_decode(*p, n, true);
		value = url_decode((*p)[n] ? *p + n + 1 : "", (*p)[n] ? strlen(*p + n + 1) : 0,
				   true);
		/* Echoed in answers and folded in searches: hostile bytes end here. */
		f->value = g_utf8_make_valid(value, -1);
		g_free(value);
		g_ptr_array_add(pairs, f);
	}
	g_strfreev(parts);
	return pairs;
}

static const char *pair_value(const GPtrArray *pairs, const char *name)
{
	for (guint i = 0; i < pairs->len; i++) {
		const struct field *f = pairs->pdata[i];

		if (!strcmp(f->name, name))
			return *f->value ? f->value : NULL;
	}
	return NULL;
}

/* Behind the host of an absolute target, as clients with an http proxy send it. */
static const char *origin_form(const char *uri)
{
	const char *slash;

	if (g_ascii_strncasecmp(uri, "http://", 7))
		return uri;
	slash = strchr(uri + 7, '/');
	return slash ? slash : "/";
}

void req_parse_uri(struct req *rq)
{
	const char *uri = origin_form(rq->uri);
	const char *mark = strchr(uri, '?');
	char **parts;

	rq->path = mark ? g_strndup(uri, (gsize)(mark - uri)) : g_strdup(uri);
	rq->query = mark ? g_strdup(mark + 1) : NULL;
	rq->params = parse_pairs(rq->query);
	parts = g_strsplit(rq->path, "/", 64);
	for (char **p = parts; *p; p++) {
		if (!**p)
			continue; /* a trailing or doubled slash is tolerated */
		if (rq->n_segments == (int)G_N_ELEMENTS(rq->segments)) {
			rq->n_segments = 0; /* too deep for any route */
			break;
		}
		g_free(rq->segments[rq->n_segments]);
		rq->segments[rq->n_segments++] = url_decode(*p, strlen(*p), false);
	}
	g_strfreev(parts);
}

const char *req_param(const struct req *rq, const char *name)
{
	return pair_value(rq->params, name);
}

const char *req_form(struct req *rq, const char *name)
{
	if (!rq->form_fields)
		rq->form_fields = parse_pairs(rq->body->str);
	return pair_value(rq->form_fields, name);
}

bool req_param_true(const struct req *rq, const char *name)
{
	const char *v = req_param(rq, name);

	return v && !g_ascii_strcasecmp(v, "true");
}

void req_header(struct req *rq, const char *name, const char *value)
{
	struct header h = {g_strdup(name), g_strdup(value)};

	if (!rq->resp.headers)
		rq->resp.headers = g_array_new(FALSE, FALSE, sizeof(h));
	g_array_append_val(rq->resp.headers, h);
}

GString *req_ok(struct req *rq)
{
	rq->resp.status = 200;
	if (!rq->resp.body)
		rq->resp.body = g_string_sized_new(1024);
	g_string_truncate(rq->resp.body, 0);
	return rq->resp.body;
}

void req_no_content(struct req *rq)
{
	req_ok(rq);
	rq->resp.status = 204;
}

void req_error_as(struct req *rq, unsigned status, const char *words, const char *description)
{
	GString *out = req_ok(rq);

	rq->resp.status = status;
	if (status == 204 || status == 304)
		return;
	jw_open(out, NULL, '{');
	jw_str(out, "message", words);
	jw_open(out, "errors", '[');
	jw_open(out, NULL, '{');
	jw_str(out, "description", description);
	jw_close(out, '}');
	jw_close(out, ']');
	jw_str(out, "trackingId", rq->tracking);
	jw_close(out, '}');
}

void req_error(struct req *rq, unsigned status, const char *fmt, ...)
{
	va_list ap;
	char *text, *raw;

	va_start(ap, fmt);
	raw = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	text = g_utf8_make_valid(raw, -1);
	g_free(raw);
	req_error_as(rq, status, text, text);
	g_free(text);
}

void req_forbidden(struct req *rq)
{
	req_error(rq, 403,
		  "The server understood the request, but refused to fulfill it because the "
		  "access token is missing required scopes or the user is missing required "
		  "roles or licenses.");
}

static const char *bad_json = "The request could not be understood by the server due to "
			      "malformed syntax.";

cJSON *req_json(struct req *rq)
{
	if (rq->json)
		return rq->json;
	if (rq->body_too_big) {
		req_error(rq, 400,
			  "Unable to post message to room: \"The request payload is too big\"");
		return NULL;
	}
	if (!g_utf8_validate(rq->body->str, (gssize)rq->body->len, NULL)) {
		req_error(rq, 400, "%s", bad_json);
		return NULL;
	}
	rq->json = cJSON_ParseWithLengthOpts(rq->body->str, rq->body->len + 1, NULL, 1);
	if (!cJSON_IsObject(rq->json)) {
		req_error(rq, 400, "%s", bad_json);
		return NULL;
	}
	return rq->json;
}

int req_id(struct req *rq, const char *text, const char *type, const char *missing,
	   struct sim_id *ret_id, struct uuid *ret_uuid)
{
	if (ids_decode(text, ret_id)) {
		req_error(rq, 400, "Expect base64 ID or UUID.");
		return -1;
	}
	if ((!ret_id->bare && strcmp(ret_id->type, type)) ||
	    (ret_uuid && uuid_parse(ret_id->rest, ret_uuid))) {
		req_error(rq, 404, "%s", missing);
		return -1;
	}
	return 0;
}

static void fields_free(GPtrArray *fields)
{
	if (!fields)
		return;
	for (guint i = 0; i < fields->len; i++) {
		struct field *f = fields->pdata[i];

		g_free(f->name);
		g_free(f->value);
		g_free(f);
	}
	g_ptr_array_free(fields, TRUE);
}

void req_free(struct req *rq)
{
	multipart_free(rq->form);
	upload_free(rq->upload);
	fields_free(rq->params);
	fields_free(rq->fields);
	fields_free(rq->form_fields);
	for (int i = 0; i < (int)G_N_ELEMENTS(rq->segments); i++)
		g_free(rq->segments[i]);
	for (guint i = 0; rq->resp.headers && i < rq->resp.headers->len; i++) {
		struct header *h = &g_array_index(rq->resp.headers, struct header, i);

		g_free(h->name);
		g_free(h->value);
	}
	if (rq->resp.headers)
		g_array_free(rq->resp.headers, TRUE);
	if (rq->resp.body)
		g_string_free(rq->resp.body, TRUE);
	if (rq->resp.fd >= 0)
		close(rq->resp.fd);
	if (rq->body)
		g_string_free(rq->body, TRUE);
	cJSON_Delete(rq->json);
	fetch_free(rq->fetch);
	reqlog_unref(rq->log);
	g_free(rq->uri);
	g_free(rq->path);
	g_free(rq->query);
	g_free(rq->origin);
	g_free(rq);
}
