/* SPDX-License-Identifier: MIT */
/* Token sources: their order, their refusals, their reloads. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "webex/command.h"
#include "webex/token.h"
#include "webex/variables.h"

static const char *const variables[] = {"WEBEX_ACCESS_TOKEN", "WEBEX_TEAMS_ACCESS_TOKEN",
					"SPARK_ACCESS_TOKEN", "CISCO_SPARK_ACCESS_TOKEN"};

static char *dir;

static int set_up(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(variables); i++)
		unsetenv(variables[i]);
	dir = g_dir_make_tmp("sparkfs-token-XXXXXX", NULL);
	return dir ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	_cleanup_gfree_ char *command = g_strdup_printf("rm -rf '%s'", dir);
	int r = system(command); /* NOLINT(cert-env33-c): a name of ours */
	g_free(steal_ptr(&dir));
	return r;
}

static char *path_of(const char *name)
{
	return g_build_filename(dir, name, NULL);
}

static char *put_file(const char *name, const char *text, mode_t mode)
{
	char *path = path_of(name);

	assert_true(g_file_set_contents(path, text, -1, NULL));
	assert_int_equal(chmod(path, mode), 0);
	return path;
}

static struct webex_token *load(const char *command, const char *file)
{
	struct webex_token_source source = {.command = command, .file = file};
	struct webex_token *t = NULL;
	char *reason = NULL;

	webex_variables_take();
	assert_int_equal(webex_token_load(&source, &t, &reason), 0);
	assert_null(reason);
	return t;
}

static void refuse(const char *command, const char *file, int error, const char *word)
{
	struct webex_token_source source = {.command = command, .file = file};
	struct webex_token *t = NULL;
	_cleanup_gfree_ char *reason = NULL;

	webex_variables_take();
	assert_int_equal(webex_token_load(&source, &t, &reason), error);
	assert_null(t);
	assert_non_null(strstr(reason, word));
	assert_null(strstr(reason, "SECRET"));
	assert_null(strchr(reason, '\n'));
}

/* What it says now is used at once. 1: it is another one, else what webex_token_ask says. */
static int reload_token(struct webex_token *t)
{
	char *value = NULL;
	int r = webex_token_ask(t, WEBEX_TOKEN_REFUSED, &value);

	if (!value)
		return r;
	assert_int_equal(r, 0);
	webex_token_adopt(t, value);
	return 1;
}

static void check(struct webex_token *t, const char *wanted)
{
	_cleanup_gfree_ char *value = webex_token_get(t);

	assert_string_equal(value, wanted);
}

static void test_order(void **state)
{
	_cleanup_gfree_ char *path = put_file("order", "from-file\n", 0600);
	struct webex_token *t;

	(void)state;
	refuse(NULL, NULL, -ENOKEY, "WEBEX_ACCESS_TOKEN");
	for (size_t i = G_N_ELEMENTS(variables); i-- > 0;) {
		setenv(variables[i], variables[i], 1);
		t = load(NULL, NULL);
		check(t, variables[i]);
		assert_false(webex_token_can_reload(t));
		assert_int_equal(reload_token(t), 0);
		webex_token_free(t);
	}
	setenv(variables[0], "", 1);
	t = load(NULL, NULL);
	check(t, variables[1]);
	webex_token_free(t);
	t = load(NULL, path);
	check(t, "from-file");
	webex_token_free(t);
	t = load("echo from-command", path);
	check(t, "from-command");
	assert_true(webex_token_can_reload(t));
	webex_token_free(t);
	/* A configured source that is broken is not skipped. */
	refuse("exit 3", path, -EACCES, "token_command");
	_cleanup_gfree_ char *missing = path_of("missing");
	refuse(NULL, missing, -ENOENT, "/missing");
	setenv(variables[0], "two words SECRET", 1);
	refuse(NULL, NULL, -EINVAL, "WEBEX_ACCESS_TOKEN");
	webex_variables_drop_tokens();
	refuse(NULL, NULL, -ENOKEY, "WEBEX_ACCESS_TOKEN");
}

/* Of all that is taken, a child finds nothing in its environment; only the integration is told it. */
static void test_variables(void **state)
{
	static const char *const names[] = {
		"CISCO_SPARK_CLIENT_ID", "CISCO_SPARK_CLIENT_SECRET",
		"CISCO_SPARK_REFRESH_TOKEN", "CISCO_SPARK_ACCESS_TOKEN", "WEBEX_ACCESS_TOKEN"};
	_cleanup_gfree_ char *text = NULL;
	struct webex_token *t;
	int fds[2];

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		setenv(names[i], names[i], 1);
	t = load("env | grep -c CISCO_SPARK_ ; env | grep -c WEBEX_; :", NULL);
	check(t, "0");
	webex_token_free(t);
	assert_string_equal(webex_variable(WEBEX_VARIABLE_REFRESH), names[2]);
	t = load(NULL, NULL);
	check(t, "WEBEX_ACCESS_TOKEN");
	text = webex_token_advice(t);
	assert_non_null(strstr(text, "(WEBEX_ACCESS_TOKEN)"));
	webex_token_free(t);
	webex_variables_drop_tokens();
	assert_null(webex_variable(WEBEX_VARIABLE_REFRESH));
	g_free(text);
	text = webex_variables_print();
	assert_null(strstr(text, "TOKEN"));

	setenv(names[0], "", 1);
	setenv(names[1], "", 1);
	webex_variables_take();
	assert_null(webex_variable(WEBEX_VARIABLE_CLIENT_ID));
	assert_null(webex_variables_print());
	/* Nobody waits for what is not there yet. */
	assert_int_equal(pipe(fds), 0);
	webex_variables_read(fds[0]);
	assert_int_equal(write(fds[1], text, strlen(text)), strlen(text));
	webex_variables_read(fds[0]);
	assert_string_equal(webex_variable(WEBEX_VARIABLE_CLIENT_ID), names[0]);
	assert_string_equal(webex_variable(WEBEX_VARIABLE_CLIENT_SECRET), names[1]);
	close(fds[0]);
	close(fds[1]);
}

static void test_file_permissions(void **state)
{
	static const mode_t bad[] = {0640, 0604, 0660, 0606, 0620, 0602, 0644, 0777};
	static const mode_t good[] = {0600, 0400, 0700, 0711};
	_cleanup_gfree_ char *path = put_file("mode", "SECRET", 0600);
	_cleanup_gfree_ char *fifo = path_of("fifo");

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		assert_int_equal(chmod(path, bad[i]), 0);
		refuse(NULL, path, -EPERM, "chmod 600");
	}
	for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
		assert_int_equal(chmod(path, good[i]), 0);
		struct webex_token *t = load(NULL, path);
		check(t, "SECRET");
		webex_token_free(t);
	}
	assert_int_equal(mkfifo(fifo, 0600), 0);
	refuse(NULL, fifo, -EPERM, "regular");
	refuse(NULL, dir, -EPERM, "regular");
	if (geteuid() == 0) {
		assert_int_equal(chown(path, 12345, 0), 0);
		refuse(NULL, path, -EPERM, "another user");
	}
}

static void test_file_contents(void **state)
{
	_cleanup_gfree_ char *longest = g_strnfill(4096, 'x');
	_cleanup_gfree_ char *longer = g_strnfill(4097, 'x');
	_cleanup_gfree_ char *huge = g_strnfill(100000, 'x');
	const char *const good[] = {"tok", " tok\n", "\r\n\ttok\r\n\n", longest};
	const char *const bad[] = {
		"",	" \n", "two words SECRET", "SECRET\nSECRET", "t\xc3\xa4", "t\x01",
		longer, huge};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
		_cleanup_gfree_ char *path = put_file("contents", good[i], 0600);
		_cleanup_gfree_ char *wanted = g_strstrip(g_strdup(good[i]));
		struct webex_token *t = load(NULL, path);
		check(t, wanted);
		webex_token_free(t);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		_cleanup_gfree_ char *path = put_file("contents", bad[i], 0600);
		refuse(NULL, path, -EINVAL, "token_file");
	}
}

static void test_file_reload(void **state)
{
	_cleanup_gfree_ char *path = put_file("reload", "one", 0600);
	_cleanup_gfree_ char *cwd = g_get_current_dir();

	(void)state;
	assert_int_equal(chdir(dir), 0);
	struct webex_token *t = load(NULL, "reload");
	/* As a daemon does. */
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(reload_token(t), 0);
	g_free(put_file("reload", "two\n", 0600));
	assert_int_equal(reload_token(t), 1);
	check(t, "two");
	assert_int_equal(reload_token(t), 0);
	g_free(put_file("reload", "three\n", 0644));
	assert_int_equal(reload_token(t), -EPERM);
	check(t, "two");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(reload_token(t), -ENOENT);
	check(t, "two");
	webex_token_free(t);
	assert_int_equal(chdir(cwd), 0);
}

static void test_command(void **state)
{
	struct webex_token *t;

	(void)state;
	t = load("printf 'first\\nsecond\\n'; cat", NULL); /* stdin is empty, not ours */
	check(t, "first");
	webex_token_free(t);
	t = load("yes SECRET | head -c 200000", NULL);
	check(t, "SECRET");
	webex_token_free(t);
	/* What it leaves behind holds the pipe open and is not waited for. */
	t = load("sleep 60 & echo tok; echo noise >&2; kill -0 $! && exec true", NULL);
	check(t, "tok");
	webex_token_free(t);
	refuse("true", NULL, -EINVAL, "empty");
	refuse("echo SECRET; echo 'bad login' >&2; exit 1", NULL, -EACCES, "bad login");
	refuse("echo SECRET; echo 'token SECRET expired' >&2; exit 1", NULL, -EACCES, "failed");
	refuse("kill -9 $$", NULL, -EACCES, "failed");
	refuse("exit 77", NULL, -EACCES, "failed");
	refuse("echo SECRET SECRET", NULL, -EINVAL, "more than one word");
	refuse("/nonexistent/program", NULL, -EACCES, "nonexistent");
}

/* It gets none of our files, and signals as a shell expects them. */
static void test_command_surroundings(void **state)
{
	int fd = open("/dev/null", O_RDONLY); /* not close-on-exec, as a library's might be */
	sigset_t all, old;

	(void)state;
	assert_true(fd > 2);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	struct webex_token *t = load("test -e /dev/fd/3 || grep -q 'SigBlk:.*[1-9a-f]' "
				     "/proc/self/status || echo clean",
				     NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	check(t, "clean");
	webex_token_free(t);
	close(fd);
}

static void test_command_time_out(void **state)
{
	GString *out = g_string_new(NULL), *err = g_string_new(NULL);
	_cleanup_gfree_ char *pid_file = path_of("pid");
	_cleanup_gfree_ char *command =
		g_strdup_printf("sleep 60 & echo $! >'%s'; echo x; wait", pid_file);
	atomic_bool stop = false;
	char *text = NULL;
	int64_t start = clock_mono(clock_system());

	(void)state;
	assert_int_equal(command_run(command, 300, &stop, out, err), -ETIMEDOUT);
	assert_true(clock_mono(clock_system()) - start < 10000);
	/* The whole group is gone, not the shell alone; its child may be a zombie of init's. */
	assert_true(g_file_get_contents(pid_file, &text, NULL, NULL));
	_cleanup_gfree_ char *probe = g_strdup_printf(
		"for i in $(seq 500); do grep -qs 'State:.[^ZX]' /proc/%d/status || exit 0; "
		"sleep 0.01; done; exit 1",
		atoi(text));		    /* NOLINT(cert-err34-c) */
	assert_int_equal(system(probe), 0); /* NOLINT(cert-env33-c) */
	g_free(text);
	atomic_store(&stop, true);
	assert_int_equal(command_run("sleep 60", 30000, &stop, out, err), -ECANCELED);
	g_string_free(out, TRUE);
	g_string_free(err, TRUE);
}

/* The limit of open files that a person chose, not the one that this process has taken. */
static void test_command_limit(void **state)
{
	GString *out = g_string_new(NULL), *err = g_string_new(NULL);
	struct rlimit before, low;
	atomic_bool stop = false;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	low = before;
	low.rlim_cur = 100;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	fd_limit_raise();
	assert_int_equal(command_run("ulimit -S -n", 30000, &stop, out, err), 0);
	assert_string_equal(out->str, "100\n");
	assert_string_equal(err->str, "");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	g_string_free(out, TRUE);
	g_string_free(err, TRUE);
}

static void *reload(void *arg)
{
	return GINT_TO_POINTER(reload_token(arg));
}

static void test_interrupt(void **state)
{
	_cleanup_gfree_ char *flag = path_of("flag");
	_cleanup_gfree_ char *command = g_strdup_printf(
		"if [ -e '%s.second' ]; then >'%s'; sleep 60; fi; >'%s.second'; echo tok", flag,
		flag, flag);
	struct webex_token *t = load(command, NULL);
	int64_t start = clock_mono(clock_system());
	pthread_t thread;
	void *result;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, reload, t), 0);
	while (access(flag, F_OK) < 0 && clock_mono(clock_system()) - start < 10000)
		g_usleep(1000);
	webex_token_interrupt(t, true);
	pthread_join(thread, &result);
	assert_int_equal(GPOINTER_TO_INT(result), -ECANCELED);
	assert_int_equal(reload_token(t), -ECANCELED);
	assert_true(clock_mono(clock_system()) - start < 20000);
	check(t, "tok");
	webex_token_free(t);
}

static void test_fingerprint(void **state)
{
	struct webex_token *t = load("echo tok", NULL);
	_cleanup_gfree_ char *one = webex_token_fingerprint(t, "https://webexapis.com/v1");
	_cleanup_gfree_ char *two = webex_token_fingerprint(t, "https://webexapis.com/v2");
	static const char salted[] = "sparkfs-account\0https://webexapis.com/v1\0tok";
	_cleanup_gfree_ char *wanted = g_compute_checksum_for_data(
		G_CHECKSUM_SHA256, (const guchar *)salted, sizeof(salted) - 1);

	(void)state;
	assert_string_equal(one, wanted);
	assert_string_not_equal(one, two);
	webex_token_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_variables),
		cmocka_unit_test(test_file_permissions),
		cmocka_unit_test(test_file_contents),
		cmocka_unit_test(test_file_reload),
		cmocka_unit_test(test_command),
		cmocka_unit_test(test_command_surroundings),
		cmocka_unit_test(test_command_time_out),
		cmocka_unit_test(test_interrupt),
		cmocka_unit_test(test_command_limit),
		cmocka_unit_test(test_fingerprint),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
