/* SPDX-License-Identifier: MIT */
/*
 * The helper's requests. Where the act says that a name is not there yet, or still, the kernel may
 * remember that for no time at all: everybody else gets the truth from the tree.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "fs/mirror_internal.h"
#include "fs/op.h"

/* What of the expected act a request is about. */
enum part {
	PART_NONE, /* not the helper's, or of something else */
	PART_ROOM, /* the space on the way */
	PART_NAME,
	PART_NEWNAME,
};

struct expected {
	enum mirror_what what;
	uint64_t ino, room;
	bool is_done;
};

static struct mirror *mirror_of(fuse_req_t req)
{
	struct mirror *m = fs_of(req)->mirror;

	return m && fuse_req_ctx(req)->pid == atomic_load(&m->pid) ? m : NULL;
}

static enum part part_of(const struct mirror_act *a, enum mirror_what what, uint64_t dir,
			 const char *name)
{
	if (dir == a->dir && strcmp(name, a->name) == 0)
		return PART_NAME;
	if (what == MIRROR_RENAME && dir == a->dir && strcmp(name, a->newname) == 0)
		return PART_NEWNAME;
	if (a->room && dir == a->top && strcmp(name, a->room_name) == 0)
		return PART_ROOM;
	return PART_NONE;
}

/* mark: with this request it is done. */
static enum part find(fuse_req_t req, uint64_t dir, const char *name, bool mark,
		      struct expected *ret)
{
	struct mirror *m = mirror_of(req);
	enum part part = PART_NONE;

	if (!m)
		return PART_NONE;
	pthread_mutex_lock(&m->lock);
	if (m->expected)
		part = part_of(m->expected, m->expected_what, dir, name);
	if (part != PART_NONE) {
		*ret = (struct expected){.what = m->expected_what,
					 .ino = m->expected->ino,
					 .room = m->expected->room,
					 .is_done = m->is_done};
		m->is_done |= mark;
	}
	pthread_mutex_unlock(&m->lock);
	return part;
}

/* Is it for the expected file itself? */
static bool find_ino(fuse_req_t req, uint64_t ino, struct expected *ret)
{
	struct mirror *m = mirror_of(req);
	bool is_it;

	if (!m)
		return false;
	pthread_mutex_lock(&m->lock);
	is_it = m->expected && m->expected->ino == ino;
	if (is_it)
		*ret = (struct expected){.what = m->expected_what, .ino = ino};
	pthread_mutex_unlock(&m->lock);
	return is_it;
}

/* ---- entries ---- */

/* As the store has it. */
static int make_entry(struct fs *fs, uint64_t ino, struct fuse_entry_param *ret)
{
	struct tree_ctx ctx = {.tree = fs->config.tree};
	struct tree_entry e;
	int r = store_read_begin(fs->config.store, &ctx.conn);

	if (r)
		return r;
	r = tree_make_entry(&ctx, ino, &e);
	store_read_end(ctx.conn);
	if (r)
		return r < 0 ? r : -EAGAIN;
	*ret = (struct fuse_entry_param){.ino = e.ino,
					 .entry_timeout = e.entry_timeout,
					 .attr_timeout = e.attr.attr_timeout,
					 .attr = e.attr.st};
	return 0;
}

/* Of something that is gone, while it is being removed. */
static void fill_gone(const struct fs *fs, const struct expected *x, struct stat *ret)
{
	*ret = (struct stat){
		.st_ino = x->ino,
		.st_mode = x->what == MIRROR_RMDIR ? S_IFDIR | 0755 : S_IFREG | 0644,
		.st_nlink = 1,
		.st_uid = fs->config.uid,
		.st_gid = fs->config.gid,
	};
}

static bool is_removal(enum mirror_what what)
{
	return what == MIRROR_UNLINK || what == MIRROR_RMDIR;
}

static void reply_entry(fuse_req_t req, uint64_t ino, bool is_lasting)
{
	struct fuse_entry_param e;
	int r = make_entry(fs_of(req), ino, &e);

	if (r) {
		fuse_reply_err(req, -r);
		return;
	}
	if (!is_lasting)
		e.entry_timeout = 0;
	fuse_reply_entry(req, &e);
}

static void reply_none(fuse_req_t req)
{
	struct fuse_entry_param none = {0};

	fuse_reply_entry(req, &none);
}

bool mirror_answer_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param gone = {0};
	struct expected x = {0};
	enum part part = find(req, parent, name, false, &x);
	bool is_new = x.what == MIRROR_CREATE || x.what == MIRROR_MKDIR;

	if (part == PART_NONE)
		return false;
	if (part == PART_ROOM) {
		reply_entry(req, x.room, true);
	} else if (part == PART_NEWNAME || (is_new && !x.is_done) ||
		   (is_removal(x.what) && x.is_done)) {
		reply_none(req);
	} else if (is_removal(x.what)) {
		gone.ino = x.ino;
		fill_gone(fs_of(req), &x, &gone.attr);
		fuse_reply_entry(req, &gone);
	} else {
		reply_entry(req, x.ino, is_new);
	}
	return true;
}

bool mirror_answer_getattr(fuse_req_t req, fuse_ino_t ino)
{
	struct fuse_entry_param e;
	struct expected x = {0};
	int r = 0;

	if (!find_ino(req, ino, &x) || (x.what != MIRROR_WRITE && !is_removal(x.what)))
		return false;
	if (x.what == MIRROR_WRITE)
		r = make_entry(fs_of(req), ino, &e);
	else
		fill_gone(fs_of(req), &x, &e.attr);
	if (r) {
		fuse_reply_err(req, -r);
		return true;
	}
	/* Its author may be somebody else, and the kernel would not even ask us. */
	e.attr.st_mode |= S_IWUSR;
	fuse_reply_attr(req, &e.attr, 0);
	return true;
}

/* ---- files that take what is written to them, and keep nothing ---- */

static struct fuse_file_info open_sink(fuse_req_t req, const struct fuse_file_info *fi)
{
	struct fuse_file_info out = *fi;

	out.fh = (uintptr_t)&fs_of(req)->mirror->sink;
	out.direct_io = 1;
	out.noflush = 1;
	return out;
}

bool mirror_answer_open(fuse_req_t req, fuse_ino_t ino, const struct fuse_file_info *fi)
{
	struct fuse_file_info out;
	struct expected x = {0};

	if (!find_ino(req, ino, &x) || x.what != MIRROR_WRITE ||
	    (fi->flags & O_ACCMODE) != O_WRONLY)
		return false;
	out = open_sink(req, fi);
	fuse_reply_open(req, &out);
	return true;
}

bool mirror_answer_create(fuse_req_t req, fuse_ino_t parent, const char *name,
			  const struct fuse_file_info *fi)
{
	struct fuse_file_info out;
	struct fuse_entry_param e;
	struct expected x = {0};
	int r;

	if (find(req, parent, name, true, &x) != PART_NAME || x.what != MIRROR_CREATE)
		return false;
	r = make_entry(fs_of(req), x.ino, &e);
	if (r) {
		fuse_reply_err(req, -r);
		return true;
	}
	out = open_sink(req, fi);
	fuse_reply_create(req, &e, &out);
	return true;
}

/* ---- the others ---- */

bool mirror_answer_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct expected x = {0};

	if (find(req, parent, name, true, &x) != PART_NAME || x.what != MIRROR_MKDIR)
		return false;
	reply_entry(req, x.ino, true);
	return true;
}

bool mirror_answer_remove(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct expected x = {0};

	if (find(req, parent, name, true, &x) != PART_NAME || !is_removal(x.what))
		return false;
	fuse_reply_err(req, 0);
	return true;
}

bool mirror_answer_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
			  fuse_ino_t newparent, const char *newname)
{
	struct expected x = {0};

	if (find(req, newparent, newname, false, &x) != PART_NEWNAME ||
	    find(req, parent, name, true, &x) != PART_NAME)
		return false;
	fuse_reply_err(req, 0);
	return true;
}
