/* SPDX-License-Identifier: MIT */
#include "multipart.h"

#include "server.h"

#include <errno.h>
#include <string.h>

#define HEADERS_MAX (16 * 1024)
#define PARTS_MAX 100

enum state { IN_PREAMBLE, IN_DATA, AFTER_DELIMITER, IN_HEADERS, AT_END };

struct multipart {
	struct multipart_ops ops;
	void *arg;
	char *delimiter; /* CRLF -- boundary */
	size_t delimiter_len;
	GByteArray *buf;
	enum state state;
	int parts;
};

static void consume(struct multipart *mp, size_t n)
{
	g_byte_array_remove_range(mp->buf, 0, (guint)n);
}

/* The value of a header parameter at `p`: quoted or a token; the caller's. */
static char *param_value(const char *p, const char **ret_end)
{
	GString *out = g_string_new(NULL);

	if (*p == '"') {
		for (p++; *p && *p != '"'; p++) {
			/* Only what needs it is escaped: C:\dir must survive. */
			if (*p == '\\' && (p[1] == '"' || p[1] == '\\'))
				p++;
			g_string_append_c(out, *p);
		}
		if (*p)
			p++;
	} else {
		while (*p && *p != ';' && *p != ' ' && *p != '\t')
			g_string_append_c(out, *p++);
	}
	*ret_end = p;
	return g_string_free(out, FALSE);
}

/* Looks up `name` among the parameters behind the first semicolon of a header value. */
static char *header_param(const char *value, const char *name)
{
	const char *p = strchr(value, ';');

	while (p && *p == ';') {
		size_t len;
		char *found;
		bool match;

		p++;
		p += strspn(p, " \t");
		len = strcspn(p, "=; \t");
		match = len == strlen(name) && !g_ascii_strncasecmp(p, name, len);
		p += len;
		p += strspn(p, " \t");
		if (*p == '=') {
			p++;
			p += strspn(p, " \t");
			found = param_value(p, &p);
			if (match)
				return found;
			g_free(found);
		}
		p = strchr(p, ';');
	}
	return NULL;
}

/* RFC 5987: charset'language'percent-encoded. Only UTF-8 is understood. */
static char *extended_value(char *raw)
{
	char *p = raw ? strchr(raw, '\'') : NULL;
	char *ret = NULL;

	p = p ? strchr(p + 1, '\'') : NULL;
	if (p && !g_ascii_strncasecmp(raw, "utf-8'", 6))
		ret = url_decode(p + 1, strlen(p + 1), false);
	g_free(raw);
	return ret;
}

/* Form data writes quotes and line ends in names as %22, %0D, %0A, and nothing else so. */
static char *unescape_name(char *raw)
{
	GString *out;

	if (!raw)
		return NULL;
	out = g_string_new(NULL);
	for (const char *p = raw; *p; p++) {
		if (g_str_has_prefix(p, "%22"))
			g_string_append_c(out, '"');
		else if (!g_ascii_strncasecmp(p, "%0D", 3))
			g_string_append_c(out, '\r');
		else if (!g_ascii_strncasecmp(p, "%0A", 3))
			g_string_append_c(out, '\n');
		else {
			g_string_append_c(out, *p);
			continue;
		}
		p += 2;
	}
	g_free(raw);
	return g_string_free(out, FALSE);
}

/* Headers of a part as lines, continuation lines joined. */
static void begin_part(struct multipart *mp, char *text)
{
	char *name = NULL, *filename = NULL, *type = NULL;
	struct part part;
	char **lines;

	for (char *p = text; (p = strstr(p, "\r\n")); p += 2) {
		if (p[2] == ' ' || p[2] == '\t')
			p[0] = p[1] = ' ';
	}
	lines = g_strsplit(text, "\r\n", 0);
	for (char **l = lines; *l; l++) {
		if (!g_ascii_strncasecmp(*l, "Content-Disposition:", 20) && !name) {
			name = unescape_name(header_param(*l, "name"));
			filename = extended_value(header_param(*l, "filename*"));
			if (!filename)
				filename = unescape_name(header_param(*l, "filename"));
		} else if (!g_ascii_strncasecmp(*l, "Content-Type:", 13) && !type) {
			type = g_strstrip(g_strdup(*l + 13));
		}
	}
	g_strfreev(lines);
	part = (struct part){.name = name, .filename = filename, .type = type};
	mp->ops.begin(mp->arg, &part);
	g_free(name);
	g_free(filename);
	g_free(type);
}

/* Each step returns 1 to go on, 0 to wait for more bytes, or -EINVAL. */
static int step_headers(struct multipart *mp)
{
	const guint8 *data = mp->buf->data;
	guint8 *end;
	char *text;
	size_t n;

	/* A part without any header: the empty line comes at once. */
	if (mp->buf->len >= 2 && !memcmp(data, "\r\n", 2)) {
		end = mp->buf->data;
		n = 2;
	} else {
		end = memmem(data, mp->buf->len, "\r\n\r\n", 4);
		n = 4;
	}
	if (!end)
		return mp->buf->len > HEADERS_MAX ? -EINVAL : 0;
	if (++mp->parts > PARTS_MAX || end - data > HEADERS_MAX ||
	    memchr(data, 0, (size_t)(end - data)))
		return -EINVAL;
	text = g_strndup((const char *)data, (gsize)(end - data));
	begin_part(mp, text);
	g_free(text);
	consume(mp, (size_t)(end - data) + n);
	mp->state = IN_DATA;
	return 1;
}

static int step_data(struct multipart *mp)
{
	const guint8 *data = mp->buf->data;
	size_t len = mp->buf->len;
	guint8 *hit = memmem(data, len, mp->delimiter, mp->delimiter_len);
	size_t n;

	if (hit)
		n = (size_t)(hit - data);
	else
		n = len >= mp->delimiter_len ? len - mp->delimiter_len + 1 : 0;
	if (n && mp->state == IN_DATA)
		mp->ops.data(mp->arg, (const char *)data, n);
	if (!hit) {
		consume(mp, n);
		return 0;
	}
	consume(mp, n + mp->delimiter_len);
	mp->state = AFTER_DELIMITER;
	return 1;
}

static int step_after(struct multipart *mp)
{
	const guint8 *data = mp->buf->data;
	size_t pad = 0;

	if (mp->buf->len >= 2 && !memcmp(data, "--", 2)) {
		mp->state = AT_END;
		return 1;
	}
	while (pad < mp->buf->len && (data[pad] == ' ' || data[pad] == '\t'))
		pad++;
	if (mp->buf->len < pad + 2)
		return pad > HEADERS_MAX ? -EINVAL : 0;
	if (memcmp(data + pad, "\r\n", 2))
		return -EINVAL;
	consume(mp, pad + 2);
	mp->state = IN_HEADERS;
	return 1;
}

int multipart_feed(struct multipart *mp, const char *data, size_t len)
{
	int rc = 1;

	if (mp->state == AT_END)
		return 0; /* the epilogue */
	g_byte_array_append(mp->buf, (const guint8 *)data, (guint)len);
	while (rc > 0) {
		switch (mp->state) {
		case IN_PREAMBLE:
		case IN_DATA:
			rc = step_data(mp);
			break;
		case AFTER_DELIMITER:
			rc = step_after(mp);
			break;
		case IN_HEADERS:
			rc = step_headers(mp);
			break;
		case AT_END:
		default:
			return 0;
		}
	}
	return rc;
}

bool multipart_complete(const struct multipart *mp)
{
	return mp->state == AT_END;
}

struct multipart *multipart_new(const char *content_type, const struct multipart_ops *ops,
				void *arg)
{
	char *boundary = header_param(content_type, "boundary");
	struct multipart *mp;

	if (!boundary || !*boundary || strlen(boundary) > 200) {
		g_free(boundary);
		return NULL;
	}
	mp = g_new0(struct multipart, 1);
	mp->ops = *ops;
	mp->arg = arg;
	mp->delimiter = g_strconcat("\r\n--", boundary, NULL);
	mp->delimiter_len = strlen(mp->delimiter);
	mp->buf = g_byte_array_new();
	/* The first delimiter may stand at the very beginning. */
	g_byte_array_append(mp->buf, (const guint8 *)"\r\n", 2);
	g_free(boundary);
	return mp;
}

void multipart_free(struct multipart *mp)
{
	if (!mp)
		return;
	g_byte_array_free(mp->buf, TRUE);
	g_free(mp->delimiter);
	g_free(mp);
}
