/* SPDX-License-Identifier: MIT */
#include "main/capture.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"

#define CAPTURE_MAX 4096

void capture_begin(struct capture *c, bool is_wanted)
{
	*c = (struct capture){.saved = -1, .fd = -1};
	if (!is_wanted)
		return;
	fflush(stderr);
	c->fd = memfd_create("stderr", MFD_CLOEXEC);
	c->saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (c->fd < 0 || c->saved < 0 || dup2(c->fd, STDERR_FILENO) < 0) {
		close(c->fd);
		close(c->saved);
		c->saved = c->fd = -1;
	}
}

/* Drops "fuse: " and "fusermount3: ", which mean nothing to a person who typed sparkfs. */
static const char *without_speaker(const char *line)
{
	static const char *const speakers[] = {"fuse: ", "fusermount3: ", "fusermount: "};

	for (size_t i = 0; i < G_N_ELEMENTS(speakers); i++) {
		if (g_str_has_prefix(line, speakers[i]))
			return line + strlen(speakers[i]);
	}
	return line;
}

void capture_end(struct capture *c, char **ret_line)
{
	char buf[CAPTURE_MAX + 1];
	ssize_t n;
	char *line;

	if (c->saved < 0)
		return;
	fflush(stderr);
	dup2(c->saved, STDERR_FILENO);
	close(c->saved);
	n = pread(c->fd, buf, CAPTURE_MAX, 0);
	close(c->fd);
	if (n <= 0)
		return;
	buf[n] = '\0';
	line = strrchr(g_strchomp(buf), '\n');
	*ret_line = g_utf8_make_valid(without_speaker(line ? line + 1 : buf), -1);
}
