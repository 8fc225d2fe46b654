/* SPDX-License-Identifier: MIT */
/*
 * post.json with "files": ["/a/local/path"]: text and file in one message. The file is read here and now, so
 * that what is sent is what was there when it was posted, and its errors are those of the close.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/names.h"
#include "tree/internal.h"
#include "webex/media_type.h"

/* The path may lead into a file system that hangs, or into this one, whose requests others of the workers
 * have to answer: they are not all to stand here. */
#define AT_ONCE 2

static int open_local(const char *path, int *ret_fd)
{
	struct stat st;
	/* A pipe without a writer must not hold it up. */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	}
	*ret_fd = fd;
	return 0;
}

static int read_local(struct tree_ctx *ctx, const struct tree_write *w, const char *path,
		      struct outbox_letter *l)
{
	g_autofree char *base = g_path_get_basename(path);
	g_autofree char *name = name_from_title(base, NAME_MAX_BYTES);
	_cleanup_close_ int fd = -1;
	g_autofree char *text = NULL;
	struct draft *draft = NULL;
	size_t len;
	int r = open_local(path, &fd);

	if (r == 0)
		r = tree_spool_draft(ctx, w, name, &draft);
	if (r)
		return r;
	r = draft_fill_fd(draft, fd);
	if (r == 0)
		r = draft_take(draft, &text, &len, &l->fd, &l->size);
	draft_unref(&draft);
	if (r)
		return r;
	l->filename = g_steal_pointer(&name);
	l->content_type = webex_media_type(l->filename, l->fd);
	return 0;
}

static int attach(struct tree_ctx *ctx, const struct tree_write *w,
		  const struct webex_local *local, struct outbox_letter *l)
{
	struct tree *t = ctx->tree;
	int r = -EBUSY;

	if (!w->is_mounters)
		return -EACCES;
	if (atomic_fetch_add(&t->local_reads, 1) < AT_ONCE)
		r = read_local(ctx, w, local->path, l);
	atomic_fetch_sub(&t->local_reads, 1);
	return r;
}

int tree_attach_local(struct tree_ctx *ctx, const struct tree_write *w, struct outbox_letter *l,
		      char **ret_reason)
{
	struct webex_local local = {0};
	int r = webex_post_local(l->body, l->body_len, l->room_id, l->email, l->parent_id,
				 &local, ret_reason);

	if (r <= 0)
		return r;
	r = attach(ctx, w, &local, l);
	if (r) {
		*ret_reason = g_strdup_printf("the file %s: %s", local.path,
					      w->is_mounters ? g_strerror(-r)
							     : "only who mounted can send it");
	} else {
		l->form = OUTBOX_FILE;
		g_clear_pointer(&l->body, g_free);
		l->body_len = 0;
		l->text = g_steal_pointer(&local.text);
		l->markdown = g_steal_pointer(&local.markdown);
		if (local.parent_id) {
			g_free(l->parent_id);
			l->parent_id = g_steal_pointer(&local.parent_id);
		}
	}
	webex_local_clear(&local);
	return r;
}
