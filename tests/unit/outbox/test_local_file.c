/* SPDX-License-Identifier: MIT */
/*
 * Files of this machine that go with a message. This program is its own child (/proc/self/exe); the last part of the path that
 * it is told to read says when it is to hang or to die.
 */
#include "outbox/local_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "outbox/draft.h"
#include "outbox/local_child.h"

#define NOBODY 65534
#define OWN_GROUP 4242

static char *dir;
static struct work_queue *queue;
static struct local_files *files;
static int idle; /* of the next reads */

/* ---- one read ---- */

struct result {
	struct outbox_letter *letter;
	uint64_t id;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool is_done; /* lock, as the rest */
	int error;
	char *why;
};

static void on_done(void *arg, int error, const char *why)
{
	struct result *r = arg;

	assert_true(work_on_thread(queue));
	pthread_mutex_lock(&r->lock);
	assert_false(r->is_done);
	r->is_done = true;
	r->error = error;
	r->why = g_strdup(why);
	pthread_cond_signal(&r->cond);
	pthread_mutex_unlock(&r->lock);
}

static void begin(struct result *r, const char *path, const struct local_caller *caller)
{
	struct outbox_letter *l = outbox_letter_new(LETTER_JSON);

	*r = (struct result){.letter = l};
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->cond, NULL);
	l->body = g_strdup("{}");
	l->body_len = 2;
	l->local = g_new0(struct letter_local, 1);
	l->local->path = g_strdup(path);
	l->local->text = g_strdup("hello");
	l->local->parent_id = g_strdup("parent");
	l->local->caller = local_caller_copy(caller);
	l->local->idle_ms = idle;
	r->id = local_files_read(files, l, on_done, r);
}

static int await(struct result *r)
{
	pthread_mutex_lock(&r->lock);
	while (!r->is_done)
		pthread_cond_wait(&r->cond, &r->lock);
	pthread_mutex_unlock(&r->lock);
	return r->error;
}

static void forget(struct result *r)
{
	/* A letter whose read failed is unchanged, and there is a reason. */
	assert_int_equal(r->error != 0, r->letter->local != NULL);
	assert_int_equal(r->error != 0, r->letter->form == LETTER_JSON);
	assert_int_equal(r->error != 0, r->letter->fd < 0);
	assert_int_equal(r->error != 0, r->why && strstr(r->why, r->letter->local->path));
	outbox_letter_free(r->letter);
	g_free(r->why);
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->cond);
}

static int read_one(const char *path, const struct local_caller *caller)
{
	struct result r;
	int error;

	begin(&r, path, caller);
	error = await(&r);
	forget(&r);
	return error;
}

static struct local_caller self(void)
{
	return (struct local_caller){.uid = geteuid(), .gid = getegid()};
}

/* ---- the kit ---- */

static void start(int idle_ms)
{
	char *spool = g_build_filename(dir, "spool", NULL);
	struct local_files_config config = {
		.spool_dir = spool, .queue = queue, .idle_ms = idle_ms};

	files = local_files_new(&config);
	g_free(spool);
}

static int set_up(void **state)
{
	char template[] = "/tmp/sparkfs-local-XXXXXX";
	char *spool;

	(void)state;
	assert_non_null(mkdtemp(template));
	dir = g_strdup(template);
	chmod(dir, 0755);
	spool = g_build_filename(dir, "spool", NULL);
	assert_int_equal(mkdir(spool, 0700), 0);
	g_free(spool);
	assert_int_equal(work_queue_start("cache", &queue), 0);
	start(0);
	return 0;
}

static int tear_down(void **state)
{
	char *spool = g_build_filename(dir, "spool", NULL);
	char *command = g_strdup_printf("rm -rf '%s'", dir);

	(void)state;
	local_files_stop(files);
	work_queue_stop(&queue);
	local_files_free(&files);
	/* No copy has a name. */
	assert_int_equal(rmdir(spool), 0);
	assert_int_equal(system(command), 0);
	g_free(spool);
	g_free(command);
	g_free(dir);
	return 0;
}

static char *make(const char *name, const char *bytes, mode_t mode)
{
	char *path = g_build_filename(dir, name, NULL);

	assert_true(g_file_set_contents(path, bytes, -1, NULL));
	assert_int_equal(chmod(path, mode), 0);
	return path;
}

/* ---- files that are read ---- */

static void test_the_letter_becomes_one_of_the_file(void **state)
{
	_cleanup_gfree_ char *path = make("plan.txt", "the plan", 0644);
	struct local_caller me = self();
	char bytes[16] = "";
	struct result r;

	(void)state;
	begin(&r, path, &me);
	assert_int_equal(await(&r), 0);
	assert_int_equal(r.letter->form, LETTER_FILE);
	assert_int_equal(r.letter->size, 8);
	assert_int_equal(pread(r.letter->fd, bytes, sizeof(bytes), 0), 8);
	assert_string_equal(bytes, "the plan");
	assert_string_equal(r.letter->filename, "plan.txt");
	assert_string_equal(r.letter->content_type, "text/plain");
	assert_string_equal(r.letter->text, "hello");
	assert_string_equal(r.letter->to.parent_id, "parent");
	assert_null(r.letter->body);
	forget(&r);
}

static void bind_socket(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	g_strlcpy(a.sun_path, path, sizeof(a.sun_path));
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
}

static void test_what_is_no_file_is_refused(void **state)
{
	static const struct {
		const char *path; /* below the folder, if relative */
		int error;
	} rows[] = {
		{"none", -ENOENT},
		{"", -EISDIR},
		{"pipe", -EINVAL},
		{"socket", -EINVAL},
		{"empty", -ENODATA},
		{"circle", -ELOOP},
		{"large", -EFBIG},
		{"file/x", -ENOTDIR},
		{"to-proc", -EINVAL},
		{"to-fd", -EINVAL},
		{"/dev/null", -EINVAL},
		{"/dev/stdin", -EINVAL},
		{"/proc/version", -EINVAL},
		{"/proc/self/environ", -EINVAL},
		{"/proc/self/fd/4", -EINVAL},
		{"/proc/self/exe", -EINVAL},
		{"/proc/self/root/etc/passwd", -EINVAL},
		{"/sys/kernel/mm/transparent_hugepage/enabled", -EINVAL},
	};
	struct local_caller me = self();

	(void)state;
	g_free(make("file", "x", 0644));
	g_free(make("empty", "", 0644));
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		_cleanup_gfree_ char *path =
			rows[i].path[0] == '/' ? g_strdup(rows[i].path)
					       : g_build_filename(dir, rows[i].path, NULL);

		if (strcmp(rows[i].path, "pipe") == 0)
			assert_int_equal(mkfifo(path, 0600), 0);
		if (strcmp(rows[i].path, "socket") == 0)
			bind_socket(path);
		if (strcmp(rows[i].path, "circle") == 0)
			assert_int_equal(symlink("circle", path), 0);
		if (strcmp(rows[i].path, "to-proc") == 0)
			assert_int_equal(symlink("/proc/self/environ", path), 0);
		if (strcmp(rows[i].path, "to-fd") == 0)
			assert_int_equal(symlink("/proc/self/fd/4", path), 0);
		if (strcmp(rows[i].path, "large") == 0) {
			g_free(make("large", "", 0644));
			assert_int_equal(truncate(path, DRAFT_FILE_MAX + 1), 0);
		}
		if (g_str_has_prefix(path, "/sys/") && access(path, R_OK) < 0)
			continue;
		assert_int_equal(read_one(path, &me), rows[i].error);
	}
	assert_int_equal(read_one("file", &me), -EINVAL);
	assert_int_equal(read_one("../file", &me), -EINVAL);
}

static void test_a_file_that_changes_is_not_sent(void **state)
{
	_cleanup_gfree_ char *path = make("log", "one line\n", 0644);
	struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	_cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC);
	struct local_answer a;

	(void)state;
	assert_int_equal(futimens(fd, old), 0);
	/* The copy is written over what is read. */
	local_copy(-1, path, fd, &a);
	assert_int_equal(a.error, -EBUSY);
	assert_int_equal(a.why, LOCAL_WHY_CHANGED);
}

/* ---- with whose rights ---- */

static void test_it_is_read_as_who_named_it(void **state)
{
	_cleanup_gfree_ char *own = make("own", "x", 0600), *theirs = make("theirs", "x", 0600),
			     *shared = make("shared", "x", 0640), *all = make("all", "x", 0644),
			     *denied = make("denied", "x", 0604);
	gid_t group = OWN_GROUP;
	struct local_caller nobody = {.uid = NOBODY, .gid = NOBODY};
	struct local_caller member = {
		.uid = NOBODY, .gid = NOBODY, .n_groups = 1, .groups = &group};
	struct local_caller unknown = {.uid = NOBODY, .gid = NOBODY, .n_groups = -ESRCH};

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(theirs, NOBODY, NOBODY), 0);
	assert_int_equal(chown(shared, 0, OWN_GROUP), 0);
	assert_int_equal(chown(denied, 0, OWN_GROUP), 0);
	assert_int_equal(read_one(own, &nobody), -EACCES);
	assert_int_equal(read_one(theirs, &nobody), 0);
	assert_int_equal(read_one(all, &nobody), 0);
	assert_int_equal(read_one(shared, &nobody), -EACCES);
	assert_int_equal(read_one(shared, &member), 0);
	/* A group can deny, too: whose groups are not known, gets nothing. */
	assert_int_equal(read_one(denied, &member), -EACCES);
	assert_int_equal(read_one(all, &unknown), -EACCES);
	assert_int_equal(read_one(all, NULL), -EACCES);
}

/* As in a container, or for a service with a /tmp of its own. */
static void test_the_path_begins_at_its_root(void **state)
{
	_cleanup_gfree_ char *jail = g_build_filename(dir, "jail", NULL),
			     *inside = g_build_filename(dir, "jail/file", NULL),
			     *up = g_build_filename(dir, "jail/up", NULL),
			     *outside = make("file", "longer", 0644);
	struct local_caller c = self();
	struct result r;

	(void)state;
	assert_int_equal(mkdir(jail, 0755), 0);
	assert_true(g_file_set_contents(inside, "in", -1, NULL));
	assert_int_equal(symlink("../../file", up), 0);
	c.has_root = true;
	c.root = open(jail, O_PATH | O_CLOEXEC);
	begin(&r, "/up", &c);
	assert_int_equal(await(&r), 0);
	assert_int_equal(r.letter->size, 2);
	forget(&r);
	assert_int_equal(read_one(outside, &c), -ENOENT);
	close(c.root);
	/* A root that was lost does not become ours. */
	c.root = -1;
	assert_int_equal(read_one(outside, &c), -EACCES);
	c.has_root = false;
	assert_int_equal(read_one(outside, &c), 0);
}

/* A daemon that is not root's has its own rights alone. */
static void test_its_own_rights_are_lent_to_few(void **state)
{
	_cleanup_gfree_ char *theirs = make("theirs", "x", 0600), *own = make("own", "x", 0600),
			     *spool = g_build_filename(dir, "spool", NULL);
	struct local_caller nobody = {.uid = NOBODY, .gid = NOBODY}, root = {0},
			    other = {.uid = NOBODY - 1, .gid = NOBODY};

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(theirs, NOBODY, NOBODY), 0);
	assert_int_equal(chmod(spool, 0777), 0);
	/* Changes the user of all threads, and so of the children. */
	assert_int_equal(setresuid(NOBODY, NOBODY, 0), 0);
	assert_int_equal(read_one(theirs, &nobody), 0);
	assert_int_equal(read_one(theirs, &root), 0);
	assert_int_equal(read_one(theirs, &other), -EACCES);
	assert_int_equal(read_one(own, &nobody), -EACCES);
	assert_int_equal(read_one(own, &root), -EACCES);
	local_files_stop(files);
	assert_int_equal(setresuid(0, 0, 0), 0);
}

/* ---- timeouts ---- */

/* So many processes have this one as parent. */
static int children(void)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *e;
	int n = 0;

	while ((e = readdir(tasks))) {
		_cleanup_gfree_ char *text = NULL;
		_cleanup_gfree_ char *of =
			g_strdup_printf("/proc/self/task/%s/children", e->d_name);

		if (e->d_name[0] == '.' || !g_file_get_contents(of, &text, NULL, NULL))
			continue;
		for (const char *c = text; *c; c++)
			n += *c == ' ';
	}
	closedir(tasks);
	return n;
}

static void await_children(int n)
{
	for (int i = 0; children() != n; i++) {
		assert_uint_in_range(i, 0, 2000);
		usleep(10000);
	}
}

static void cancel(void *arg)
{
	local_files_cancel(files, ((struct result *)arg)->id, -EINTR);
}

static void end_mount(void *arg)
{
	local_files_cancel(files, ((struct result *)arg)->id, -ESHUTDOWN);
}

static void test_one_that_hangs_is_cancelled(void **state)
{
	struct local_caller me = self();
	struct result r;

	(void)state;
	begin(&r, "/hang", &me);
	await_children(1);
	work_post(queue, cancel, &r);
	assert_int_equal(await(&r), -EINTR);
	assert_non_null(strstr(r.why, "interrupted"));
	forget(&r);
	begin(&r, "/hang", &me);
	await_children(1);
	work_post(queue, end_mount, &r);
	assert_int_equal(await(&r), -ESHUTDOWN);
	assert_non_null(strstr(r.why, "unmounted"));
	forget(&r);
	await_children(0);
}

static void test_one_that_makes_no_progress_ends(void **state)
{
	struct local_caller me = self();

	(void)state;
	/* Its own time, and all reads' time. */
	idle = 150;
	assert_int_equal(read_one("/hang", &me), -ETIMEDOUT);
	idle = 0;
	local_files_free(&files);
	start(150);
	assert_int_equal(read_one("/hang", &me), -ETIMEDOUT);
	await_children(0);
}

static void test_one_that_dies_is_an_error(void **state)
{
	struct local_caller me = self();

	(void)state;
	assert_int_equal(read_one("/die", &me), -EIO);
	await_children(0);
}

static void test_only_so_many_at_once(void **state)
{
	_cleanup_gfree_ char *path = make("file", "x", 0644);
	struct local_caller me = self(), nobody = {.uid = NOBODY, .gid = NOBODY};
	struct result r[LOCAL_USER_READS_MAX];

	(void)state;
	for (int i = 0; i < LOCAL_USER_CHILDREN_MAX; i++)
		begin(&r[i], "/hang", &me);
	await_children(LOCAL_USER_CHILDREN_MAX);
	for (int i = LOCAL_USER_CHILDREN_MAX; i < LOCAL_USER_READS_MAX; i++)
		begin(&r[i], path, &me);
	assert_int_equal(read_one(path, &me), -EBUSY);
	assert_int_equal(children(), LOCAL_USER_CHILDREN_MAX);
	/* Another user's are not held up. */
	if (geteuid() == 0)
		assert_int_equal(read_one("/etc/passwd", &nobody), 0);
	/* One place is enough for the others. */
	work_post(queue, cancel, &r[0]);
	assert_int_equal(await(&r[0]), -EINTR);
	assert_int_equal(await(&r[LOCAL_USER_CHILDREN_MAX]), 0);
	/* The end of the mount ends them all. */
	local_files_stop(files);
	for (int i = 0; i < LOCAL_USER_READS_MAX; i++) {
		int error = await(&r[i]);

		if (i > 0 && i < LOCAL_USER_CHILDREN_MAX)
			assert_int_equal(error, -ESHUTDOWN);
		forget(&r[i]);
	}
	await_children(0);
	assert_int_equal(read_one(path, &me), -ESHUTDOWN);
}

/* ---- the child ---- */

static int be_child(int argc, char **argv)
{
	static char packet[LOCAL_PACKET_MAX];
	ssize_t n = recv(LOCAL_SOCKET_FD, packet, sizeof(packet), MSG_PEEK);

	while (n > 5 && strcmp(packet + n - 6, "/hang") == 0)
		pause();
	if (n > 4 && strcmp(packet + n - 5, "/die") == 0)
		_exit(1);
	return local_helper_main(argc, argv);
}

int main(int argc, char **argv)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(test_the_letter_becomes_one_of_the_file),
		CASE(test_what_is_no_file_is_refused),
		CASE(test_a_file_that_changes_is_not_sent),
		CASE(test_it_is_read_as_who_named_it),
		CASE(test_the_path_begins_at_its_root),
		CASE(test_its_own_rights_are_lent_to_few),
		CASE(test_one_that_hangs_is_cancelled),
		CASE(test_one_that_makes_no_progress_ends),
		CASE(test_one_that_dies_is_an_error),
		CASE(test_only_so_many_at_once),
	};

	if (argc > 1 && strcmp(argv[1], LOCAL_HELPER_ARG) == 0)
		return be_child(argc, argv);
	log_set_sink(LOG_SINK_NONE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
