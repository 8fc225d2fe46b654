/* SPDX-License-Identifier: MIT */
/*
 * The floor for scripts/bench: a file system in memory that does as little a request as one can,
 * with the best settings there are (names and attributes valid for an hour, pages and listings
 * kept, readdirplus, no FLUSH), on the same loop of libfuse as sparkfs. What the kernel and libfuse
 * cost, it costs too; what sparkfs takes longer is sparkfs's own.
 *
 *     memfs [options of libfuse] SOURCE MOUNTPOINT
 *
 * shows a copy of SOURCE, taken at the start: names, modes, times, bytes. Nothing can be changed.
 */
#define FUSE_USE_VERSION 314

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <fuse_lowlevel.h>
#include <glib.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As long as sparkfs has the kernel believe it. */
#define TIMEOUT 3600.0

/* Node ids are places in `nodes`; the root has FUSE_ROOT_ID. */
struct node {
	uint64_t parent;
	char *name;
	struct stat st;
	char *bytes;	  /* of a file, or the target of a link */
	GArray *children; /* uint64_t; NULL: no directory */
};

/* Both are complete before the first request and never change after that. */
static GPtrArray *nodes;
static GHashTable *names; /* struct node -> itself, by parent and name */

static struct node *node_of(uint64_t ino)
{
	return ino < nodes->len ? nodes->pdata[ino] : NULL;
}

static guint name_hash(gconstpointer p)
{
	const struct node *n = p;

	return g_str_hash(n->name) ^ (guint)n->parent * 2654435761u;
}

static gboolean name_equal(gconstpointer a, gconstpointer b)
{
	const struct node *x = a, *y = b;

	return x->parent == y->parent && strcmp(x->name, y->name) == 0;
}

/* ---- requests ---- */

static void fill_entry(const struct node *n, struct fuse_entry_param *ret)
{
	*ret = (struct fuse_entry_param){
		.ino = n->st.st_ino,
		.attr = n->st,
		.attr_timeout = TIMEOUT,
		.entry_timeout = TIMEOUT,
	};
}

static void mem_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	/* As in sparkfs: for small requests a pipe costs more than it saves. */
	conn->want &= ~(unsigned)(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE |
				  FUSE_CAP_SPLICE_MOVE);
}

static void mem_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct node key = {.parent = parent, .name = (char *)name};
	struct fuse_entry_param e = {.entry_timeout = TIMEOUT};
	const struct node *n = g_hash_table_lookup(names, &key);

	if (n)
		fill_entry(n, &e);
	fuse_reply_entry(req, &e);
}

static void mem_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	(void)ino;
	(void)nlookup;
	fuse_reply_none(req);
}

static void mem_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	(void)count;
	(void)forgets;
	fuse_reply_none(req);
}

static void mem_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	const struct node *n = node_of(ino);

	(void)fi;
	if (n)
		fuse_reply_attr(req, &n->st, TIMEOUT);
	else
		fuse_reply_err(req, ENOENT);
}

static void mem_readlink(fuse_req_t req, fuse_ino_t ino)
{
	fuse_reply_readlink(req, node_of(ino)->bytes);
}

static void mem_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	fi->keep_cache = 1;
	fi->noflush = 1;
	fuse_reply_open(req, fi);
}

static void mem_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		     struct fuse_file_info *fi)
{
	const struct node *n = node_of(ino);
	off_t end = n->st.st_size;

	(void)fi;
	if (off >= end)
		fuse_reply_buf(req, NULL, 0);
	else
		fuse_reply_buf(req, n->bytes + off, MIN(size, (size_t)(end - off)));
}

static void mem_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	fuse_reply_err(req, 0);
}

static void mem_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	fi->cache_readdir = 1;
	fi->keep_cache = 1;
	fuse_reply_open(req, fi);
}

/* The i-th entry of a listing: ".", "..", then the children. NULL past the end. */
static const struct node *entry_at(const struct node *dir, off_t i, const char **ret_name)
{
	const struct node *n;

	if (i >= 2 && i - 2 >= (off_t)dir->children->len)
		return NULL;
	n = i == 0   ? dir
	    : i == 1 ? node_of(dir->parent)
		     : node_of(g_array_index(dir->children, uint64_t, i - 2));
	*ret_name = i == 0 ? "." : i == 1 ? ".." : n->name;
	return n;
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, bool is_plus)
{
	const struct node *dir = node_of(ino), *n;
	char *buf = g_malloc(size);
	size_t used = 0, need;
	const char *name;

	for (; (n = entry_at(dir, off, &name)); off++) {
		struct fuse_entry_param e;

		fill_entry(n, &e);
		/* The dots are no look-ups. */
		if (off < 2)
			e.ino = 0;
		need = is_plus ? fuse_add_direntry_plus(req, buf + used, size - used, name, &e,
							off + 1)
			       : fuse_add_direntry(req, buf + used, size - used, name, &n->st,
						   off + 1);
		if (need > size - used)
			break;
		used += need;
	}
	fuse_reply_buf(req, buf, used);
	g_free(buf);
}

static void mem_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			struct fuse_file_info *fi)
{
	(void)fi;
	list(req, ino, size, off, false);
}

static void mem_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
			    struct fuse_file_info *fi)
{
	(void)fi;
	list(req, ino, size, off, true);
}

static const struct fuse_lowlevel_ops ops = {
	.init = mem_init,
	.lookup = mem_lookup,
	.forget = mem_forget,
	.forget_multi = mem_forget_multi,
	.getattr = mem_getattr,
	.readlink = mem_readlink,
	.open = mem_open,
	.read = mem_read,
	.release = mem_release,
	.opendir = mem_opendir,
	.readdir = mem_readdir,
	.readdirplus = mem_readdirplus,
	.releasedir = mem_release,
};

/* ---- the copy ---- */

static char *read_file(const char *path, const struct stat *st)
{
	char *bytes = NULL;
	gsize size = 0;

	if (S_ISLNK(st->st_mode))
		return g_file_read_link(path, NULL);
	if (!g_file_get_contents(path, &bytes, &size, NULL) || (off_t)size != st->st_size) {
		fprintf(stderr, "memfs: cannot read %s\n", path);
		exit(1);
	}
	return bytes;
}

static void add_node(FTSENT *found)
{
	struct node *n = g_new0(struct node, 1), *parent;

	n->st = *found->fts_statp;
	n->st.st_ino = nodes->len;
	n->name = g_strdup(found->fts_name);
	n->parent =
		found->fts_level > 0 ? (uint64_t)found->fts_parent->fts_number : FUSE_ROOT_ID;
	found->fts_number = (long)nodes->len;
	g_ptr_array_add(nodes, n);
	if (S_ISDIR(n->st.st_mode))
		n->children = g_array_new(FALSE, FALSE, sizeof(uint64_t));
	else
		n->bytes = read_file(found->fts_accpath, &n->st);
	if (found->fts_level == 0)
		return;
	parent = node_of(n->parent);
	g_array_append_val(parent->children, n->st.st_ino);
	g_hash_table_add(names, n);
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void load(char *source)
{
	char *roots[] = {source, NULL};
	FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
	FTSENT *found;

	nodes = g_ptr_array_new();
	names = g_hash_table_new(name_hash, name_equal);
	g_ptr_array_add(nodes, NULL);
	while (walk && (found = fts_read(walk))) {
		if (found->fts_info == FTS_DP)
			continue;
		if (found->fts_info == FTS_ERR || found->fts_info == FTS_DNR ||
		    found->fts_info == FTS_NS) {
			fprintf(stderr, "memfs: %s: %s\n", found->fts_path,
				strerror(found->fts_errno));
			exit(1);
		}
		add_node(found);
	}
	if (walk)
		fts_close(walk);
	if (nodes->len < 2 || !node_of(FUSE_ROOT_ID)->children) {
		fprintf(stderr, "memfs: %s is no directory\n", source);
		exit(1);
	}
}

static int serve(struct fuse_args *args, const char *mountpoint)
{
	struct fuse_session *session = fuse_session_new(args, &ops, sizeof(ops), NULL);
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	int r = 1;

	/* As many workers as sparkfs has. */
	fuse_loop_cfg_set_max_threads(config, CLAMP(g_get_num_processors() + 1, 3, 10));
	if (session && fuse_set_signal_handlers(session) == 0 &&
	    fuse_session_mount(session, mountpoint) == 0) {
		r = fuse_session_loop_mt(session, config) < 0;
		fuse_session_unmount(session);
	}
	fuse_loop_cfg_destroy(config);
	if (session) {
		fuse_remove_signal_handlers(session);
		fuse_session_destroy(session);
	}
	return r;
}

int main(int argc, char **argv)
{
	struct fuse_args args;
	int r;

	if (argc < 3) {
		fprintf(stderr, "usage: memfs [options of libfuse] SOURCE MOUNTPOINT\n");
		return 2;
	}
	load(argv[argc - 2]);
	args = (struct fuse_args)FUSE_ARGS_INIT(argc - 2, argv);
	r = serve(&args, argv[argc - 1]);
	fuse_opt_free_args(&args);
	return r;
}
