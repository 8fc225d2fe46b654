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

static void add_field(struct req *rq, const char *key, const char *data, size_t len,
		      uint64_t off)
{
	struct field *f = NULL;
	char *grown;
	size_t have;

	if (off && rq->fields->len)
		f = rq->fields->pdata[rq->fields->len - 1];
	if (!f || strcmp(f->name, key)) {
		if (rq->fields->len >= 64) {
			rq->form_bad = true;
			return;
		}
		f = g_new0(struct field, 1);
		f->name = g_strdup(key);
		f->value = g_strdup("");
		g_ptr_array_add(rq->fields, f);
	}
	have = strlen(f->value);
	if (have + len > FIELD_MAX) {
		rq->body_too_big = true;
		return;
	}
	grown = g_malloc(have + len + 1);
	memcpy(grown, f->value, have);
	memcpy(grown + have, data, len);
	grown[have + len] = 0;
	if (memchr(data, 0, len))
		rq->form_bad = true;
	g_free(f->value);
	f->value = grown;
}

/* Form data writes quotes and line ends in names as %22, %0D, %0A, and nothing else so. */
static char *unescape_name(const char *name)
{
	GString *out = g_string_new(NULL);

	for (; *name; name++) {
		if (g_str_has_prefix(name, "%22"))
			g_string_append_c(out, '"');
		else if (!g_ascii_strncasecmp(name, "%0D", 3))
			g_string_append_c(out, '\r');
		else if (!g_ascii_strncasecmp(name, "%0A", 3))
			g_string_append_c(out, '\n');
		else {
			g_string_append_c(out, *name);
			continue;
		}
		name += 2;
	}
	return g_string_free(out, FALSE);
}

static enum MHD_Result on_part(void *cls, enum MHD_ValueKind kind, const char *key,
			       const char *filename, const char *type, const char *encoding,
			       const char *data, uint64_t off, size_t size)
{
	struct req *rq = cls;

	(void)kind;
	(void)encoding;
	if (!key) {
		rq->form_bad = true;
		return MHD_YES;
	}
	/* A `files` part without a file name is a URL, like in the JSON form. */
	if (!filename) {
		add_field(rq, key, data, size, off);
		return MHD_YES;
	}
	if (off == 0) {
		rq->n_files++;
		if (rq->n_files > 1)
			return MHD_YES;
		rq->upload = g_new0(struct upload, 1);
		rq->upload->filename = unescape_name(filename);
		rq->upload->type = g_strdup(type);
		rq->upload->fd = -1;
		rq->upload->mem = g_byte_array_new();
	}
	if (rq->n_files == 1)
		upload_append(rq, data, size);
	return MHD_YES;
}

bool upload_begin(struct req *rq, const char *content_type)
{
	rq->multipart = true;
	rq->fields = g_ptr_array_new();
	if (!strstr(content_type, "boundary="))
		return false;
	rq->pp = MHD_create_post_processor(rq->conn, 32 * 1024, on_part, rq);
	return rq->pp != NULL;
}

enum MHD_Result upload_data(struct req *rq, const char *data, size_t len)
{
	/* After an error the rest is read and thrown away, so that the answer arrives. */
	if (rq->pp && !rq->form_bad && MHD_post_process(rq->pp, data, len) != MHD_YES)
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
