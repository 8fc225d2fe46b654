/* SPDX-License-Identifier: MIT */
/* GET and HEAD /contents/{id}: bytes, names, scan states, single ranges. */
#include "handlers.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static struct content *content_arg(struct req *rq)
{
	struct sim_id d;
	struct uuid u;
	struct message *msg;
	char *slash;
	unsigned long index = 0;

	if (ids_decode(rq->arg, &d)) {
		req_error(rq, 400, "Expect base64 ID or UUID.");
		return NULL;
	}
	slash = strchr(d.rest, '/');
	if (slash) {
		*slash = 0;
		index = strtoul(slash + 1, NULL, 10);
	}
	if (!slash || strcmp(d.type, "CONTENT") || uuid_parse(d.rest, &u))
		goto missing;
	msg = g_hash_table_lookup(rq->sim->messages_by_uuid, &u);
	if (!msg || strcmp(msg->room->cluster, d.cluster) || !message_visible(rq, msg) ||
	    !msg->files || index >= msg->files->len)
		goto missing;
	return msg->files->pdata[index];
missing:
	req_error(rq, 404, "Could not find the content with provided ID.");
	return NULL;
}

/* 0 when the bytes may be had. */
static int check_scan(struct req *rq, struct content *c)
{
	const char *allow = req_param(rq, "allow");
	char seconds[32];
	int64_t left;

	if (c->scan == SCAN_BUSY && c->scan_until && wall_ms() >= c->scan_until)
		c->scan = SCAN_CLEAN;
	switch (c->scan) {
	case SCAN_BUSY:
		left = c->scan_until ? (c->scan_until - wall_ms() + 999) / 1000 : 1;
		g_snprintf(seconds, sizeof(seconds), "%d", (int)MAX(left, 1));
		req_error(rq, 423, "The file is being scanned for malware.");
		req_header(rq, "Retry-After", seconds);
		return -1;
	case SCAN_INFECTED:
		req_error(rq, 410, "The file was found to be infected with malware.");
		return -1;
	case SCAN_UNSCANNABLE:
		if (allow && strstr(allow, "unscannable"))
			return 0;
		req_error(rq, 428, "The file cannot be scanned for malware.");
		return -1;
	case SCAN_CLEAN:
	default:
		return 0;
	}
}

/* Bytes that cannot stand in a header at all become _. */
static char *header_safe(const char *name)
{
	char *safe = g_strdup(name);

	for (char *p = safe; *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '_';
	}
	return safe;
}

static char *quoted(const char *name, bool ascii)
{
	GString *out = g_string_new(NULL);

	for (const char *p = name; *p; p++) {
		if (*p == '"' || *p == '\\')
			g_string_append_c(out, '\\');
		if (ascii && (*p & 0x80)) {
			/* One underscore a character, not a byte. */
			if ((*p & 0xc0) != 0x80)
				g_string_append_c(out, '_');
		} else {
			g_string_append_c(out, *p);
		}
	}
	return g_string_free(out, FALSE);
}

static char *percent(const char *name)
{
	GString *out = g_string_new(NULL);

	url_encode(out, name);
	return g_string_free(out, FALSE);
}

static void add_disposition(struct req *rq, const char *name)
{
	const char *mode = rq->sim->sw.disposition;
	char *safe, *shown, *value;
	bool plain;

	if (!name || !strcmp(mode, "missing"))
		return;
	safe = header_safe(name);
	plain = g_str_is_ascii(name) && !strcmp(safe, name);
	if (!strcmp(mode, "percent")) {
		shown = percent(name);
		value = g_strdup_printf("attachment; filename=\"%s\"", shown);
	} else if (plain || !strcmp(mode, "raw")) {
		shown = quoted(safe, false);
		value = g_strdup_printf("attachment; filename=\"%s\"", shown);
	} else {
		char *star = percent(name);

		shown = quoted(safe, true);
		value = g_strdup_printf("attachment; filename=\"%s\"; filename*=UTF-8''%s",
					shown, star);
		g_free(star);
	}
	req_header(rq, "Content-Disposition", value);
	g_free(safe);
	g_free(shown);
	g_free(value);
}

/* 1: a single satisfiable range, 0: none to honour, -1: not satisfiable. */
static int parse_range(const char *text, uint64_t size, uint64_t *ret_off, uint64_t *ret_len)
{
	char *end;
	uint64_t first, last;

	if (!text || strncmp(text, "bytes=", 6) || strchr(text, ','))
		return 0;
	text += 6;
	if (*text == '-') {
		uint64_t n = g_ascii_strtoull(text + 1, &end, 10);

		if (*end || end == text + 1)
			return 0;
		if (!n || !size)
			return -1;
		n = MIN(n, size);
		*ret_off = size - n;
		*ret_len = n;
		return 1;
	}
	first = g_ascii_strtoull(text, &end, 10);
	if (end == text || *end != '-')
		return 0;
	text = end + 1;
	last = size ? size - 1 : 0;
	if (*text) {
		uint64_t v = g_ascii_strtoull(text, &end, 10);

		if (*end || v < first)
			return 0;
		last = MIN(last, v);
	}
	if (first >= size)
		return -1;
	*ret_off = first;
	*ret_len = last - first + 1;
	return 1;
}

static void set_bytes(struct req *rq, const struct content *c, uint64_t off, uint64_t len)
{
	struct resp *rs = &rq->resp;

	req_ok(rq);
	rs->type = g_intern_string(c->type);
	if (c->blob.fd >= 0) {
		rs->has_file = true;
		/* Own descriptor: the message may be deleted while this is being sent. */
		rs->fd = fcntl(c->blob.fd, F_DUPFD_CLOEXEC, 0);
		rs->offset = off;
		rs->length = len;
	} else {
		g_string_append_len(rs->body, c->blob.mem + off, (gssize)len);
	}
}

void contents_get(struct req *rq)
{
	struct content *c = content_arg(rq);
	const char *range = NULL;
	uint64_t off = 0, len;
	char text[96];
	int kind;

	if (!c || check_scan(rq, c))
		return;
	if (rq->sim->sw.range)
		range = MHD_lookup_connection_value(rq->conn, MHD_HEADER_KIND, "Range");
	len = c->blob.size;
	kind = parse_range(range, c->blob.size, &off, &len);
	if (kind < 0) {
		req_error(rq, 416, "The requested range cannot be satisfied.");
		g_snprintf(text, sizeof(text), "bytes */%" G_GUINT64_FORMAT, c->blob.size);
		req_header(rq, "Content-Range", text);
		return;
	}
	set_bytes(rq, c, off, len);
	add_disposition(rq, c->name);
	if (rq->sim->sw.range)
		req_header(rq, "Accept-Ranges", "bytes");
	if (kind > 0) {
		rq->resp.status = 206;
		g_snprintf(text, sizeof(text),
			   "bytes %" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT
			   "/%" G_GUINT64_FORMAT,
			   off, off + len - 1, c->blob.size);
		req_header(rq, "Content-Range", text);
	}
}
