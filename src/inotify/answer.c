/* SPDX-License-Identifier: MIT */
/*
 * Answers the helper's requests. If the act needs a name to be missing yet, or to be there
 * still, the kernel must not remember that answer, since all other processes get the truth from
 * the tree.
 *
 * By the time that the helper follows a path, the path may lead to something else. So a request
 * that would change something is compared with the expected act by operation, node and name, is
 * answered once, and is refused if it differs. The layers below never get one from the helper.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>

#include "base/log.h"
#include "inotify/internal.h"
#include "fs/op.h"

/* The part of the expected act that a request is about. */
enum part {
	PART_NONE, /* not a request of the helper, or about something else */
	PART_ROOM, /* the space that contains the file */
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
	struct mirror *m = fs_of(req)->above;
	pid_t pid = fuse_req_ctx(req)->pid;

	/* pid 0 is a process without a number here. */
	return m && pid && pid == atomic_load(&m->pid) ? m : NULL;
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

static enum part find(fuse_req_t req, uint64_t dir, const char *name, struct expected *ret)
{
	struct mirror *m = mirror_of(req);
	enum part part = PART_NONE;

	if (!m)
		return PART_NONE;
	pthread_mutex_lock(&m->lock);
	if (m->expected)
		part = part_of(m->expected, m->expected_what, dir, name);
	if (part != PART_NONE)
		*ret = (struct expected){.what = m->expected_what,
					 .ino = m->expected->ino,
					 .room = m->expected->room,
					 .is_done = m->is_done};
	pthread_mutex_unlock(&m->lock);
	return part;
}

/* True if the request is about the expected file itself. */
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

/* A request that would change something. A request about a file has its `ino` and no `dir`. */
struct change {
	enum mirror_what what;
	uint64_t ino, dir, newdir;
	const char *name, *newname;
};

static bool is_expected(const struct mirror_act *a, const struct change *c)
{
	if (!c->dir)
		return a->ino == c->ino;
	if (a->dir != c->dir || strcmp(a->name, c->name) != 0)
		return false;
	return c->what != MIRROR_RENAME ||
	       (a->dir == c->newdir && strcmp(a->newname, c->newname) == 0);
}

enum verdict {
	VERDICT_OTHERS,	 /* not a request of the helper */
	VERDICT_REFUSED, /* it was answered by -EPERM */
	VERDICT_TAKEN,	 /* it is the expected act, for the first time: the caller answers it */
};

static enum verdict judge(fuse_req_t req, const struct change *c, uint64_t *ret_ino)
{
	struct mirror *m = mirror_of(req);
	bool is_it;

	if (!m)
		return VERDICT_OTHERS;
	pthread_mutex_lock(&m->lock);
	is_it = m->expected && !m->is_done && m->expected_what == c->what &&
		is_expected(m->expected, c);
	if (is_it) {
		m->is_done = true;
		*ret_ino = m->expected->ino;
	}
	pthread_mutex_unlock(&m->lock);
	if (is_it)
		return VERDICT_TAKEN;
	log_debug("fuse", "mirror: refused %d of %s, ino=%" G_GUINT64_FORMAT, (int)c->what,
		  c->name ? c->name : "a file", c->dir ? c->dir : c->ino);
	fuse_reply_err(req, EPERM);
	return VERDICT_REFUSED;
}

/* Refuses a change that is never an act. */
static bool refuses(fuse_req_t req)
{
	if (!mirror_of(req))
		return false;
	fuse_reply_err(req, EPERM);
	return true;
}

/* ---- entries ---- */

/* Makes the entry of a node from the store. */
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
	*ret = fs_entry_param(&e);
	return 0;
}

/* Makes the attributes of something that is gone, while it is being removed. */
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

static bool answer_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param gone = {0};
	struct expected x = {0};
	enum part part = find(req, parent, name, &x);
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

static bool answer_getattr(fuse_req_t req, fuse_ino_t ino)
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
	/* The author may be somebody else; without this bit the kernel would refuse the open by
	 * itself. */
	e.attr.st_mode |= S_IWUSR;
	fuse_reply_attr(req, &e.attr, 0);
	return true;
}

/* ---- files that take what is written to them, and keep nothing ---- */

static struct fuse_file_info open_sink(fuse_req_t req, const struct fuse_file_info *fi)
{
	struct fuse_file_info out = *fi;

	out.fh = (uintptr_t) & ((struct mirror *)fs_of(req)->above)->sink;
	out.direct_io = 1;
	out.noflush = 1;
	return out;
}

static bool answer_open(fuse_req_t req, fuse_ino_t ino, const struct fuse_file_info *fi)
{
	const struct change c = {.what = MIRROR_WRITE, .ino = ino};
	struct fuse_file_info out;
	enum verdict verdict;
	uint64_t there;

	if ((fi->flags & O_ACCMODE) == O_RDONLY && !(fi->flags & O_TRUNC))
		return false;
	if ((fi->flags & O_ACCMODE) != O_WRONLY || fi->flags & O_TRUNC)
		return refuses(req);
	verdict = judge(req, &c, &there);
	if (verdict == VERDICT_TAKEN) {
		out = open_sink(req, fi);
		fuse_reply_open(req, &out);
	}
	return verdict != VERDICT_OTHERS;
}

static bool answer_create(fuse_req_t req, fuse_ino_t parent, const char *name,
			  const struct fuse_file_info *fi)
{
	const struct change c = {.what = MIRROR_CREATE, .dir = parent, .name = name};
	struct fuse_file_info out;
	struct fuse_entry_param e;
	uint64_t ino;
	enum verdict verdict = judge(req, &c, &ino);
	int r;

	if (verdict != VERDICT_TAKEN)
		return verdict != VERDICT_OTHERS;
	r = make_entry(fs_of(req), ino, &e);
	if (r) {
		fuse_reply_err(req, -r);
		return true;
	}
	out = open_sink(req, fi);
	fuse_reply_create(req, &e, &out);
	return true;
}

/* ---- the others ---- */

static bool answer_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	const struct change c = {.what = MIRROR_MKDIR, .dir = parent, .name = name};
	uint64_t ino;
	enum verdict verdict = judge(req, &c, &ino);

	if (verdict == VERDICT_TAKEN)
		reply_entry(req, ino, true);
	return verdict != VERDICT_OTHERS;
}

static bool answer_remove(fuse_req_t req, fuse_ino_t parent, const char *name, bool is_dir)
{
	const struct change c = {
		.what = is_dir ? MIRROR_RMDIR : MIRROR_UNLINK, .dir = parent, .name = name};
	uint64_t ino;
	enum verdict verdict = judge(req, &c, &ino);

	if (verdict == VERDICT_TAKEN)
		fuse_reply_err(req, 0);
	return verdict != VERDICT_OTHERS;
}

static bool answer_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
			  fuse_ino_t newparent, const char *newname, unsigned flags)
{
	const struct change c = {.what = MIRROR_RENAME,
				 .dir = parent,
				 .name = name,
				 .newdir = newparent,
				 .newname = newname};
	enum verdict verdict;
	uint64_t ino;

	if (flags != RENAME_NOREPLACE)
		return refuses(req);
	verdict = judge(req, &c, &ino);
	if (verdict == VERDICT_TAKEN)
		fuse_reply_err(req, 0);
	return verdict != VERDICT_OTHERS;
}

/* The helper sets the present times again: the kernel tells watchers that attributes changed,
 * but none does. */
static bool answer_setattr(fuse_req_t req, fuse_ino_t ino, int to_set)
{
	const int times = FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_CTIME;
	const struct change c = {.what = MIRROR_TOUCH, .ino = ino};
	struct fuse_entry_param e;
	enum verdict verdict;
	uint64_t there;
	int r;

	if (to_set & ~times)
		return refuses(req);
	verdict = judge(req, &c, &there);
	if (verdict != VERDICT_TAKEN)
		return verdict != VERDICT_OTHERS;
	r = make_entry(fs_of(req), there, &e);
	if (r)
		fuse_reply_err(req, -r);
	else
		fuse_reply_attr(req, &e.attr, 0);
	return true;
}

/* ---- the wrapped table: each request comes here first ---- */

/* Written only before the mount. */
static struct fuse_lowlevel_ops below, wrapped;

static bool is_sink(fuse_req_t req, const struct fuse_file_info *fi)
{
	const struct mirror *m = fs_of(req)->above;

	return m && fi->fh == (uintptr_t)&m->sink;
}

static void note_caller(fuse_req_t req)
{
	struct mirror *m = fs_of(req)->above;

	if (m && m->watchers)
		watchers_note(m->watchers, fuse_req_ctx(req)->pid);
}

static void on_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	note_caller(req);
	if (!answer_lookup(req, parent, name))
		below.lookup(req, parent, name);
}

static void on_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	note_caller(req);
	if (!answer_getattr(req, ino))
		below.getattr(req, ino, fi);
}

static void on_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		       struct fuse_file_info *fi)
{
	if (!answer_setattr(req, ino, to_set))
		below.setattr(req, ino, attr, to_set, fi);
}

static void on_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	if (!answer_mkdir(req, parent, name))
		below.mkdir(req, parent, name, mode);
}

static void on_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	if (!answer_remove(req, parent, name, false))
		below.unlink(req, parent, name);
}

static void on_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	if (!answer_remove(req, parent, name, true))
		below.rmdir(req, parent, name);
}

static void on_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
		      const char *newname, unsigned flags)
{
	if (!answer_rename(req, parent, name, newparent, newname, flags))
		below.rename(req, parent, name, newparent, newname, flags);
}

static void on_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	note_caller(req);
	if (!answer_open(req, ino, fi))
		below.open(req, ino, fi);
}

static void on_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	note_caller(req);
	below.opendir(req, ino, fi);
}

static void on_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		      struct fuse_file_info *fi)
{
	if (!answer_create(req, parent, name, fi))
		below.create(req, parent, name, mode, fi);
}

static void on_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
		     struct fuse_file_info *fi)
{
	if (is_sink(req, fi))
		fuse_reply_write(req, size);
	else if (!refuses(req))
		below.write(req, ino, buf, size, off, fi);
}

static void on_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	if (is_sink(req, fi))
		fuse_reply_err(req, 0);
	else
		below.flush(req, ino, fi);
}

static void on_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	if (is_sink(req, fi))
		fuse_reply_err(req, 0);
	else
		below.fsync(req, ino, datasync, fi);
}

static void on_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	if (is_sink(req, fi))
		fuse_reply_err(req, 0);
	else
		below.release(req, ino, fi);
}

static void on_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi,
		    struct fuse_pollhandle *ph)
{
	if (!is_sink(req, fi)) {
		below.poll(req, ino, fi, ph);
		return;
	}
	if (ph)
		fuse_pollhandle_destroy(ph);
	fuse_reply_err(req, EPERM);
}

const struct fuse_lowlevel_ops *mirror_wrap(const struct fuse_lowlevel_ops *ops)
{
	below = *ops;
	wrapped = *ops;
	wrapped.lookup = on_lookup;
	wrapped.getattr = on_getattr;
	wrapped.setattr = on_setattr;
	wrapped.mkdir = on_mkdir;
	wrapped.unlink = on_unlink;
	wrapped.rmdir = on_rmdir;
	wrapped.rename = on_rename;
	wrapped.open = on_open;
	wrapped.opendir = on_opendir;
	wrapped.create = on_create;
	wrapped.write = on_write;
	wrapped.flush = on_flush;
	wrapped.fsync = on_fsync;
	wrapped.release = on_release;
	wrapped.poll = on_poll;
	return &wrapped;
}
