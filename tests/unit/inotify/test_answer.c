/* SPDX-License-Identifier: MIT */
/*
 * What the helper of -o inotify gets for its requests. libfuse and the store are played by the test. The act is expected in
 * directory DIR; the same path may lead into OTHER_DIR.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/log.h"
#include "inotify/internal.h"
#include "op_kit.h"

#define DIR 70
#define OTHER_DIR 71
#define INO 80
#define OTHER_INO 81
#define HELPER 4711

/* ---- the neighbours ---- */

int store_read_begin(struct store *s, struct store_conn **ret_conn)
{
	(void)s;
	*ret_conn = NULL;
	return 0;
}

void store_read_end(struct store_conn *conn)
{
	(void)conn;
}

int tree_make_entry(struct tree_ctx *ctx, uint64_t ino, struct tree_entry *ret_entry)
{
	(void)ctx;
	*ret_entry = (struct tree_entry){.ino = ino};
	return 0;
}

void watchers_note(struct watchers *w, pid_t tid)
{
	(void)w;
	(void)tid;
}

void fuse_pollhandle_destroy(struct fuse_pollhandle *ph)
{
	(void)ph;
}

/* ---- the operations below: note that they were called ---- */

static int passed;
static const struct fuse_lowlevel_ops *ops;

#define BELOW(name, ...)                                                                       \
	static void below_##name(__VA_ARGS__)                                                  \
	{                                                                                      \
		passed++;                                                                      \
	}

_Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wunused-parameter\"") BELOW(
	lookup, fuse_req_t req, fuse_ino_t dir,
	const char *name) BELOW(getattr, fuse_req_t req, fuse_ino_t ino,
				struct fuse_file_info *fi) BELOW(setattr, fuse_req_t req,
								 fuse_ino_t ino,
								 struct stat *st, int set,
								 struct fuse_file_info *fi)
	BELOW(mkdir, fuse_req_t req, fuse_ino_t dir, const char *name,
	      mode_t mode) BELOW(unlink, fuse_req_t req, fuse_ino_t dir,
				 const char *name) BELOW(rename, fuse_req_t req, fuse_ino_t dir,
							 const char *name, fuse_ino_t to,
							 const char *newname, unsigned flags)
		BELOW(file, fuse_req_t req, fuse_ino_t ino,
		      struct fuse_file_info *fi) BELOW(fsync, fuse_req_t req, fuse_ino_t ino,
						       int datasync, struct fuse_file_info *fi)
			BELOW(create, fuse_req_t req, fuse_ino_t dir, const char *name,
			      mode_t mode, struct fuse_file_info *fi)
				BELOW(write, fuse_req_t req, fuse_ino_t ino, const char *buf,
				      size_t size, off_t off, struct fuse_file_info *fi)
					BELOW(poll, fuse_req_t req, fuse_ino_t ino,
					      struct fuse_file_info *fi,
					      struct fuse_pollhandle *ph)
						_Pragma("GCC diagnostic pop")

							static const
	struct fuse_lowlevel_ops below = {
		.lookup = below_lookup,
		.getattr = below_getattr,
		.setattr = below_setattr,
		.mkdir = below_mkdir,
		.unlink = below_unlink,
		.rmdir = below_unlink,
		.rename = below_rename,
		.open = below_file,
		.create = below_create,
		.write = below_write,
		.flush = below_file,
		.fsync = below_fsync,
		.release = below_file,
		.poll = below_poll,
};

/* ---- requests ---- */

/* PASSED: it is not the helper's, and goes on to the tree. */
enum { PASSED = -1 };

struct kit {
	struct fs fs;
	struct mirror mirror;
	struct mirror_act act;
};

static int result(struct kit *k, void (*ask)(fuse_req_t req, enum mirror_what what, int where),
		  pid_t pid, enum mirror_what what, int where)
{
	struct fuse_req req = {.fs = &k->fs, .ctx = {.pid = pid}};

	passed = 0;
	ask(&req, what, where);
	/* Either, and once. */
	assert_int_equal(atomic_load(&req.replies) + passed, 1);
	return passed ? PASSED : atomic_load(&req.error);
}

/* `where`: 0 the expected thing, 1 the same name elsewhere, 2 another name there. */
static void ask_act(fuse_req_t req, enum mirror_what what, int where)
{
	const uint64_t dir = where == 1 ? OTHER_DIR : DIR, ino = where ? OTHER_INO : INO;
	const char *name = where == 2 ? "other" : "name";
	struct fuse_file_info fi = {.flags = O_WRONLY};

	switch (what) {
	case MIRROR_CREATE:
		ops->create(req, dir, name, 0600, &fi);
		break;
	case MIRROR_WRITE:
		ops->open(req, ino, &fi);
		break;
	case MIRROR_UNLINK:
		ops->unlink(req, dir, name);
		break;
	case MIRROR_RMDIR:
		ops->rmdir(req, dir, name);
		break;
	case MIRROR_MKDIR:
		ops->mkdir(req, dir, name, 0700);
		break;
	case MIRROR_RENAME:
		ops->rename(req, dir, name, dir, "new", RENAME_NOREPLACE);
		break;
	case MIRROR_TOUCH:
		ops->setattr(req, ino, NULL, FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME, NULL);
		break;
	}
}

/* Changes that are never expected. */
static void ask_never(fuse_req_t req, enum mirror_what what, int which)
{
	static const int sets[] = {FUSE_SET_ATTR_MODE, FUSE_SET_ATTR_UID, FUSE_SET_ATTR_GID,
				   FUSE_SET_ATTR_SIZE, FUSE_SET_ATTR_MTIME_NOW};
	static const int flags[] = {O_WRONLY | O_TRUNC, O_RDWR, O_RDWR | O_TRUNC,
				    O_RDONLY | O_TRUNC};
	struct fuse_file_info fi = {.flags = flags[which % 4]};

	(void)what;
	switch (which) {
	case 0 ... 4:
		ops->setattr(req, INO, NULL, sets[which] | FUSE_SET_ATTR_MTIME, NULL);
		break;
	case 5 ... 8:
		ops->open(req, INO, &fi);
		break;
	case 9:
		ops->rename(req, DIR, "name", DIR, "new", 0);
		break;
	case 10:
		ops->rename(req, DIR, "name", DIR, "new", RENAME_EXCHANGE);
		break;
	case 11:
		ops->rename(req, DIR, "name", OTHER_DIR, "new", RENAME_NOREPLACE);
		break;
	case 12:
		ops->rename(req, DIR, "name", DIR, "newer", RENAME_NOREPLACE);
		break;
	default:
		ops->write(req, INO, "x", 1, 0, &fi);
		break;
	}
}

#define NEVERS 14

static void expect_act(struct kit *k, enum mirror_what what)
{
	k->mirror.expected = what ? &k->act : NULL;
	k->mirror.expected_what = what;
	k->mirror.is_done = false;
}

static int set_up(void **state)
{
	struct kit *k = g_new0(struct kit, 1);

	k->act = (struct mirror_act){
		.dir = DIR, .ino = INO, .name = (char *)"name", .newname = (char *)"new"};
	pthread_mutex_init(&k->mirror.lock, NULL);
	k->fs.above = &k->mirror;
	ops = mirror_wrap(&below);
	k->mirror.fs = &k->fs;
	atomic_store(&k->mirror.pid, HELPER);
	*state = k;
	return 0;
}

static int tear_down(void **state)
{
	struct kit *k = *state;

	pthread_mutex_destroy(&k->mirror.lock);
	g_free(k);
	return 0;
}

/* Whatever is asked for while whatever is expected. */
static void test_only_what_is_expected_and_once(void **state)
{
	struct kit *k = *state;

	for (int expected = 0; expected <= MIRROR_TOUCH; expected++) {
		for (int asked = MIRROR_CREATE; asked <= MIRROR_TOUCH; asked++) {
			bool is_it = asked == expected;

			expect_act(k, (enum mirror_what)expected);
			assert_int_equal(result(k, ask_act, HELPER, (enum mirror_what)asked, 1),
					 EPERM);
			assert_int_equal(result(k, ask_act, HELPER, (enum mirror_what)asked, 2),
					 EPERM);
			/* The refused request has not used the act up. */
			assert_int_equal(result(k, ask_act, HELPER, (enum mirror_what)asked, 0),
					 is_it ? 0 : EPERM);
			assert_int_equal(result(k, ask_act, HELPER, (enum mirror_what)asked, 0),
					 EPERM);
		}
	}
}

static void test_what_is_no_act_is_refused(void **state)
{
	struct kit *k = *state;

	for (int expected = 0; expected <= MIRROR_TOUCH; expected++) {
		expect_act(k, (enum mirror_what)expected);
		for (int i = 0; i < NEVERS; i++)
			assert_int_equal(result(k, ask_never, HELPER, 0, i), EPERM);
		assert_false(k->mirror.is_done);
	}
}

static void test_others_are_left_alone(void **state)
{
	struct kit *k = *state;
	struct fuse_file_info reads = {.flags = O_RDONLY};
	struct fuse_req req = {.fs = &k->fs, .ctx = {.pid = HELPER}};

	expect_act(k, MIRROR_UNLINK);
	for (int asked = MIRROR_CREATE; asked <= MIRROR_TOUCH; asked++)
		assert_int_equal(result(k, ask_act, HELPER + 1, (enum mirror_what)asked, 0),
				 PASSED);
	for (int i = 0; i < NEVERS; i++)
		assert_int_equal(result(k, ask_never, HELPER + 1, 0, i), PASSED);
	assert_false(k->mirror.is_done);
	/* Requests that change nothing are answered for the helper as for anybody. */
	passed = 0;
	ops->open(&req, INO, &reads);
	assert_int_equal(passed, 1);
	/* No helper is running, and somebody has no number here. */
	atomic_store(&k->mirror.pid, 0);
	assert_int_equal(result(k, ask_act, HELPER, MIRROR_UNLINK, 0), PASSED);
	assert_int_equal(result(k, ask_act, 0, MIRROR_UNLINK, 0), PASSED);
	k->fs.above = NULL;
	assert_int_equal(result(k, ask_act, 0, MIRROR_UNLINK, 0), PASSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_only_what_is_expected_and_once, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_no_act_is_refused, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_others_are_left_alone, set_up, tear_down),
	};

	log_set_sink(LOG_SINK_NONE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
