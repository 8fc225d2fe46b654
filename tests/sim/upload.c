/* SPDX-License-Identifier: MIT */
#include "server.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Larger uploads go to an unlinked file, so that a few of them do not fill memory. */
#define SPILL_AT (1024 * 1024)
#define FIELD_MAX (256 * 1024)

static int spill_file(void)
{
	const char *dir = getenv("TMPDIR");
	char *path;
	int fd = open(dir ? dir : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	path = g_strdup_printf("%s/webexsim-XXXXXX", dir ? dir : "/tmp");
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	g_free(path);
	return fd;
}

static bool write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n <= 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

void upload_append(struct req *rq, const char *data, size_t len)
{
	struct upload *up = rq->upload;

	if (rq->upload_too_big || up->size + len > UPLOAD_MAX) {
		rq->upload_too_big = true;
		return;
	}
	up->size += len;
	if (up->fd < 0 && up->size > SPILL_AT) {
		up->fd = spill_file();
		if (up->fd >= 0 && write_all(up->fd, (char *)up->mem->data, up->mem->len))
			g_byte_array_set_size(up->mem, 0);
		else
			rq->form_bad = true;
	}
	if (rq->form_bad)
		return;
	if (up->fd < 0)
		g_byte_array_append(up->mem, (const guint8 *)data, (guint)len);
	else if (!write_all(up->fd, data, len))
		rq->form_bad = true;
}

static void field_begin(struct req *rq, const char *name)
{
	struct field *f;

	f = g_new0(struct field, 1);
	f->name = g_strdup(name);
	f->value = g_strdup("");
	g_ptr_array_add(rq->fields, f);
	g_string_truncate(rq->body, 0);
}

/* The bytes of a field gather in rq->body, which a form does not use otherwise. */
static void field_data(struct req *rq, const char *data, size_t len)
{
	struct field *f = rq->fields->pdata[rq->fields->len - 1];

	if (rq->body->len + len > FIELD_MAX) {
		rq->body_too_big = true;
		return;
	}
	g_string_append_len(rq->body, data, (gssize)len);
	if (memchr(data, 0, len))
		rq->form_bad = true;
	g_free(f->value);
	f->value = g_strndup(rq->body->str, rq->body->len);
}

static void file_begin(struct req *rq, const struct part *part)
{
	rq->n_files++;
	if (rq->n_files > 1)
		return;
	rq->upload = g_new0(struct upload, 1);
	rq->upload->filename = g_strdup(part->filename);
	rq->upload->type = g_strdup(part->type);
	rq->upload->fd = -1;
	rq->upload->mem = g_byte_array_new();
}

/*
 * Bytes that a client has in memory come without a file name (the JavaScript SDK, Java's byte
 * array parts); they are told from a URL by their own type.
 */
static bool is_file(const struct part *part)
{
	if (part->filename)
		return true;
	return !strcmp(part->name, "files") && part->type &&
	       g_ascii_strncasecmp(part->type, "text/plain", 10);
}

static void on_part(void *arg, const struct part *part)
{
	struct req *rq = arg;

	rq->part = PART_IGNORED;
	if (!part->name) {
		rq->form_bad = true;
	} else if (is_file(part)) {
		/* Of several files only the count matters: more than one is refused. */
		file_begin(rq, part);
		if (rq->n_files == 1)
			rq->part = PART_FILE;
	} else {
		/* A `files` part with nothing but text is a URL, like in the JSON form. */
		field_begin(rq, part->name);
		rq->part = PART_FIELD;
	}
}

static void on_part_data(void *arg, const char *data, size_t len)
{
	struct req *rq = arg;

	if (rq->part == PART_FILE)
		upload_append(rq, data, len);
	else if (rq->part == PART_FIELD)
		field_data(rq, data, len);
}

bool upload_begin(struct req *rq, const char *content_type)
{
	static const struct multipart_ops ops = {on_part, on_part_data};

	rq->multipart = true;
	rq->fields = g_ptr_array_new();
	rq->form = multipart_new(content_type, &ops, rq);
	return rq->form != NULL;
}

enum MHD_Result upload_data(struct req *rq, const char *data, size_t len)
{
	/* After an error the rest is read and thrown away, so that the answer arrives. */
	if (!rq->form_bad && multipart_feed(rq->form, data, len))
		rq->form_bad = true;
	return MHD_YES;
}

const char *upload_field(const struct req *rq, const char *name)
{
	for (guint i = 0; rq->fields && i < rq->fields->len; i++) {
		const struct field *f = rq->fields->pdata[i];

		if (!strcmp(f->name, name))
			return f->value;
	}
	return NULL;
}

struct blob upload_take(struct upload *up)
{
	struct blob blob = {.fd = up->fd, .size = up->size};

	up->fd = -1;
	if (blob.fd < 0) {
		blob.mem = (char *)g_byte_array_free(up->mem, FALSE);
		up->mem = NULL;
	}
	return blob;
}

void upload_free(struct upload *up)
{
	if (!up)
		return;
	if (up->fd >= 0)
		close(up->fd);
	if (up->mem)
		g_byte_array_free(up->mem, TRUE);
	g_free(up->filename);
	g_free(up->type);
	g_free(up);
}
