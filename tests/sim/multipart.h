/* SPDX-License-Identifier: MIT */
/*
 * A streaming parser of multipart/form-data (RFC 7578 and what clients really send:
 * preambles, quoted boundaries, unquoted names, filename*, folded headers).
 *
 * Libmicrohttpd's own post processor refuses an epilogue and unquoted names. Memory is
 * bounded by the size of what is fed at once plus one header block. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct multipart;

struct part {
	const char *name;     /* NULL when there is none */
	const char *filename; /* NULL: not a file */
	const char *type;     /* NULL when not given */
};

struct multipart_ops {
	void (*begin)(void *arg, const struct part *part);
	void (*data)(void *arg, const char *data, size_t len);
};

/* NULL when the content type has no usable boundary. */
struct multipart *multipart_new(const char *content_type, const struct multipart_ops *ops,
				void *arg);
/* 0, or -EINVAL for a malformed body; then it must not be fed again. */
int multipart_feed(struct multipart *mp, const char *data, size_t len);
/* True when the closing delimiter has been seen. */
bool multipart_complete(const struct multipart *mp);
void multipart_free(struct multipart *mp);
