/* SPDX-License-Identifier: MIT */
/*
 * The modes of the files, where the kernel does not check them (config.checks_modes): then nobody
 * but the owner of all files gets in, so that the owner's bits decide. Directories and files that
 * can be read are so by their kind (tree/internal.h), and what a kind can be written for, its open
 * knows and says (tree/write.h). What is left is here.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "fs/op.h"
#include "fs/caller.h"

/* In the flags of an open that execve(2) makes; the kernel's own. */
#define OPENED_TO_RUN 0x20

/* `mask` is of R_OK, W_OK and X_OK. Root, which a parameter of the kernel's module can let in, is
 * let through as by the kernel. */
static bool permits(const struct op *op, mode_t mode, int mask)
{
	if (op->uid == 0)
		return !(mask & X_OK) || S_ISDIR(mode) || mode & 0111;
	return !(mask & ~(int)(mode >> 6 & 7));
}

/* ---- access(2), chdir(2) ---- */

static int access_run(struct op *op)
{
	int r = op_begin(op);

	if (r)
		return r;
	r = tree_getattr(&op->ctx, op->ino, &op->attr);
	op_end(op);
	/* It only asks, so its error is no refusal that a person is told of. */
	op->ctx.is_said = true;
	if (r)
		return r;
	return permits(op, op->attr.st.st_mode, op->flags) ? 0 : -EACCES;
}

void fs_access(fuse_req_t req, fuse_ino_t ino, int mask)
{
	struct op *op = op_new(req, "access", access_run, ino, NULL);

	if (!op)
		return;
	op->flags = mask & (R_OK | W_OK | X_OK);
	op->deadline_ms = op->started_ms + op->fs->config.lookup_timeout_ms;
	op_start(op);
}

/* ---- what is the mounter's alone ---- */

int op_check_private(struct op *op, uint64_t ino)
{
	if (!tree_is_private(op->fs->config.tree, ino) || op->uid == op->fs->config.uid ||
	    op->uid == geteuid())
		return 0;
	return tree_refuse(&op->ctx, -EACCES,
			   "%s: only who made the mount may use it, not root either",
			   op->name ? op->name : tree_what(ino));
}

/* ---- changes in directories ---- */

static int check_dir(struct op *op, uint64_t dir)
{
	struct tree_attr attr;
	int r = tree_getattr(&op->ctx, dir, &attr);

	if (r || permits(op, attr.st.st_mode, W_OK))
		return r;
	return tree_refuse(&op->ctx, -EACCES,
			   "%s: nothing can be made, renamed or removed where the account can "
			   "only read (isReadOnly in space.json)",
			   op->name);
}

int op_check_dirs(struct op *op)
{
	int r = op_check_private(op, op->ino);

	if (r == 0 && op->newdir)
		r = op_check_private(op, op->newdir);
	if (r || !op->fs->config.checks_modes)
		return r;
	r = check_dir(op, op->ino);
	return r == 0 && op->newdir ? check_dir(op, op->newdir) : r;
}

/* ---- opening, cutting ---- */

static int wanted(int flags)
{
	int mode = flags & O_ACCMODE;

	if (flags & OPENED_TO_RUN)
		return X_OK;
	return (mode == O_WRONLY ? 0 : R_OK) |
	       (mode == O_RDONLY && !(flags & O_TRUNC) ? 0 : W_OK);
}

int op_check_open(struct op *op)
{
	struct tree *tree = op->fs->config.tree;
	struct pending *p;
	struct tree_attr attr;
	int r = op_check_private(op, op->ino);

	if (r)
		return r;
	p = op->fs->config.checks_modes ? tree_pending(tree, op->ino) : NULL;
	if (!p)
		return 0;
	tree_pending_unref(tree, &p);
	r = tree_getattr(&op->ctx, op->ino, &attr);
	if (r || permits(op, attr.st.st_mode, wanted(op->fi.flags)))
		return r;
	return tree_refuse(&op->ctx, -EACCES,
			   "the mode that this file was given (chmod) forbids that");
}

/* The words are those that an open for writing is refused with. */
static int refuse_cut(struct op *op)
{
	struct tree_write w;
	int r = op_check_open(op);

	if (r)
		return r;
	r = tree_open_write(&op->ctx, op->ino, false, &w);
	if (r)
		return r;
	tree_write_close(op->fs->config.tree, &w);
	return tree_refuse(&op->ctx, -EACCES, "truncate %s: it can only be read",
			   tree_what(op->ino));
}

int op_check_cut(struct op *op)
{
	struct tree_attr attr;
	int r;

	if (!op->fs->config.checks_modes || op->fi.fh)
		return 0;
	op->fi.flags = O_WRONLY;
	r = op_begin(op);
	if (r)
		return r;
	r = tree_getattr(&op->ctx, op->ino, &attr);
	if (r == 0 && !permits(op, attr.st.st_mode, W_OK))
		r = refuse_cut(op);
	op_end(op);
	return r;
}

/* ---- chown(2) ---- */

static bool is_in_group(const struct op *op, gid_t gid)
{
	gid_t *groups = NULL;
	bool is_in = fuse_req_ctx(op->req)->gid == gid;
	int n = is_in ? 0 : caller_groups(op->pid, &groups);

	for (int i = 0; i < n && !is_in; i++)
		is_in = groups[i] == gid;
	g_free(groups);
	return is_in;
}

int op_check_owner(struct op *op)
{
	const struct fs_config *c = &op->fs->config;
	const struct stat *st = &op->attr.st;

	if (!c->checks_modes || op->uid == 0)
		return 0;
	if ((!(op->flags & FUSE_SET_ATTR_UID) || st->st_uid == c->uid) &&
	    (!(op->flags & FUSE_SET_ATTR_GID) || st->st_gid == c->gid ||
	     is_in_group(op, st->st_gid)))
		return 0;
	/* cp -p and others try it and go on without; so nothing is said of it. */
	op->ctx.is_said = true;
	return -EPERM;
}
