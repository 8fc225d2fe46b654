/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tree/internal.h"
#include "tree/write.h"

void tree_copy_clear(struct tree_copy *c)
{
	if (c->draft && !c->row)
		close(c->fd);
	draft_unref(&c->draft);
	*c = (struct tree_copy){0};
}

struct content_of {
	struct contents *contents;
	int64_t row;
};

static ssize_t read_content(void *arg, void *buf, size_t len, int64_t offset)
{
	const struct content_of *of = arg;

	return contents_read(of->contents, of->row, buf, len, offset);
}

void tree_copy_run(struct tree *t, struct tree_copy *c)
{
	struct content_of of = {.contents = t->config.contents, .row = c->row};

	/* The copy counts as a reader of its own, because the open that it is made for may be
	 * interrupted meanwhile. */
	if (c->row) {
		contents_open(of.contents, c->row);
		c->error = draft_fill(c->draft, read_content, &of);
		contents_close(of.contents, c->row);
	} else {
		c->error = draft_fill_fd(c->draft, c->fd);
	}
	if (c->error == 0)
		draft_set_clean(c->draft);
	c->is_done = true;
}

static bool is_same_file(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

int tree_begin_with(struct tree_ctx *ctx, const struct tree_write *w, const char *name, int fd,
		    struct draft **ret_draft)
{
	struct tree_copy *c = &ctx->copy;
	int64_t row = fd < 0 ? w->row : 0;
	int r;

	if (c->is_done && c->error != -EAGAIN && c->ino == w->ino && c->row == row &&
	    (row || is_same_file(c->fd, fd))) {
		r = c->error;
		if (r == 0)
			*ret_draft = draft_ref(c->draft);
		tree_copy_clear(c);
		return r;
	}
	/* This is the first call, or another file has taken the place of the copied one, or its bytes were
	 * dropped before they were copied (-EAGAIN) and have come again. */
	tree_copy_clear(c);
	if (!row)
		fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	r = !row && fd < 0 ? -errno : tree_spool_draft(ctx, &w->to, name, &c->draft);
	if (r) {
		if (!row && fd >= 0)
			close(fd);
		return r;
	}
	c->ino = w->ino;
	c->row = row;
	c->fd = fd;
	return TREE_COPY;
}
