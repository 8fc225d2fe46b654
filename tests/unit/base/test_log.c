/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/timefmt.h"

static char *snapshot(void)
{
	GString *out = g_string_new(NULL);

	log_snapshot(out);
	return g_string_free(out, FALSE);
}

static char *last_line(void)
{
	_cleanup_gfree_ char *all = snapshot();
	char *line;

	all[strlen(all) - 1] = '\0';
	line = strrchr(all, '\n');
	return g_strdup(line ? line + 1 : all);
}

static void check_last(const char *expected)
{
	_cleanup_gfree_ char *line = last_line();
	int64_t ms;

	assert_true(strlen(line) > TIME_ISO_SIZE);
	line[TIME_ISO_SIZE - 1] = '\0';
	assert_int_equal(time_parse_iso(line, &ms), 0);
	assert_string_equal(line + TIME_ISO_SIZE, expected);
}

static void test_lines(void **state)
{
	(void)state;
	log_info("http", "GET %s: %d", "/v1", 200);
	check_last("info http: GET /v1: 200");
	log_error("main", "100%%\n");
	check_last("error main: 100%");
	log_warning("api", "a\nb\rc\x1b[31m\x7f\xc2\x9b \xff");
	check_last("warning api: a?b?c?[31m?? \xEF\xBF\xBD");
}

static void test_level(void **state)
{
	(void)state;
	log_error("main", "before");
	log_debug("main", "unseen");
	check_last("error main: before");
	log_set_level(LOG_LEVEL_DEBUG);
	assert_int_equal(log_get_level(), LOG_LEVEL_DEBUG);
	log_debug("main", "seen");
	check_last("debug main: seen");
	log_set_level(LOG_LEVEL_ERROR);
	log_warning("main", "unseen");
	check_last("debug main: seen");
	log_set_level(LOG_LEVEL_INFO);
}

static void test_long_line_is_cut(void **state)
{
	_cleanup_gfree_ char *body = g_strnfill(10000, 'x');
	_cleanup_gfree_ char *line = NULL;

	(void)state;
	log_error("main", "%s", body);
	line = last_line();
	assert_uint_in_range(strlen(line), LOG_LINE_MAX - 50, LOG_LINE_MAX + 50);
}

static void test_ring_drops_whole_lines(void **state)
{
	_cleanup_gfree_ char *all = NULL;
	char **lines;
	int64_t ms;

	(void)state;
	for (int i = 0; i < 5000; i++)
		log_info("main", "line %d of a log that is longer than the ring is large", i);
	all = snapshot();
	assert_true(strlen(all) <= LOG_RING_BYTES);
	assert_true(strlen(all) > LOG_RING_BYTES - 200);
	lines = g_strsplit(all, "\n", -1);
	for (char **line = lines; **line; line++) {
		(*line)[TIME_ISO_SIZE - 1] = '\0';
		assert_int_equal(time_parse_iso(*line, &ms), 0);
	}
	g_strfreev(lines);
	check_last("info main: line 4999 of a log that is longer than the ring is large");
}

static void test_last_error(void **state)
{
	GString *out = g_string_new(NULL);

	(void)state;
	log_last_error_snapshot(0, out);
	assert_string_equal(out->str, "");
	log_last_error("post: %s", "too\nlong");
	log_last_error("post: %s", "refused");
	check_last("warning error: post: refused");
	log_info("main", "something else");
	log_last_error_snapshot(0, out);
	assert_string_equal(out->str + TIME_ISO_SIZE, "post: refused\n");
	g_string_free(out, TRUE);
}

static void assert_reads(pid_t reader, const char *text)
{
	GString *out = g_string_new(NULL);

	log_last_error_snapshot(reader, out);
	assert_string_equal(out->str + TIME_ISO_SIZE, text);
	g_string_free(out, TRUE);
}

/* A process in a session of its own, which ends when *ret_end is closed. */
static pid_t another_session(int *ret_end)
{
	int ready[2], end[2];
	char byte = 0;
	pid_t pid;

	assert_int_equal(pipe(ready) | pipe(end), 0);
	pid = fork();
	if (pid == 0) {
		close(end[1]);
		setsid();
		byte = write(ready[1], &byte, 1) == 1 && read(end[0], &byte, 1) == 0 ? 0 : 1;
		_exit(byte);
	}
	assert_true(pid > 0);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	close(end[0]);
	*ret_end = end[1];
	return pid;
}

static void test_each_session_reads_its_own(void **state)
{
	unsigned before = log_last_error_count();
	int end, status;
	pid_t other = another_session(&end);

	(void)state;
	log_last_error_of(getpid(), "mine");
	log_last_error_of(other, "theirs");
	assert_reads(getpid(), "mine\n");
	assert_reads(other, "theirs\n");
	assert_reads(0, "theirs\n");
	log_last_error("everybody's");
	assert_reads(getpid(), "everybody's\n");
	assert_reads(other, "everybody's\n");
	log_last_error_of(getpid(), "mine again");
	assert_reads(other, "everybody's\n");
	assert_reads(0, "mine again\n");
	assert_int_equal(log_last_error_count() - before, 1);
	close(end);
	assert_int_equal(waitpid(other, &status, 0), other);
	assert_int_equal(status, 0);
}

static void test_what_is_said_again_is_logged_once(void **state)
{
	GString *out = g_string_new(NULL);

	(void)state;
	for (int i = 0; i < 3; i++)
		log_last_error_of(getpid(), "rm: refused again and again");
	log_snapshot(out);
	assert_ptr_equal(strstr(out->str, "again and again"),
			 g_strrstr(out->str, "again and again"));
	assert_reads(getpid(), "rm: refused again and again\n");
	g_string_free(out, TRUE);
}

#define SPEAKERS 4
#define WORDS 2000

static void *speak(void *arg)
{
	for (int i = 0; i < WORDS; i++)
		log_last_error("speaker %d: %d", *(int *)arg, i);
	return NULL;
}

/* What one says replaces what another one is just showing. */
static void test_many_speak_at_once(void **state)
{
	pthread_t threads[SPEAKERS];
	int numbers[SPEAKERS];
	unsigned before = log_last_error_count();

	(void)state;
	log_set_sink(LOG_SINK_NONE);
	for (int i = 0; i < SPEAKERS; i++) {
		numbers[i] = i;
		assert_int_equal(0, pthread_create(&threads[i], NULL, speak, &numbers[i]));
	}
	for (int i = 0; i < SPEAKERS; i++)
		pthread_join(threads[i], NULL);
	log_set_sink(LOG_SINK_STDERR);
	assert_int_equal(log_last_error_count() - before, SPEAKERS * WORDS);
}

static void test_stderr(void **state)
{
	char got[100] = "";
	int ends[2], saved = dup(STDERR_FILENO);

	(void)state;
	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	log_set_sink(LOG_SINK_STDERR);
	log_warning("fuse", "odd");
	log_set_sink(LOG_SINK_NONE);
	log_warning("fuse", "unseen");
	dup2(saved, STDERR_FILENO);
	close(ends[1]);
	assert_int_equal(read(ends[0], got, sizeof(got) - 1), 28);
	assert_string_equal(got, "sparkfs: warning: fuse: odd\n");
	close(ends[0]);
	close(saved);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_level),
		cmocka_unit_test(test_long_line_is_cut),
		cmocka_unit_test(test_ring_drops_whole_lines),
		cmocka_unit_test(test_last_error),
		cmocka_unit_test(test_each_session_reads_its_own),
		cmocka_unit_test(test_what_is_said_again_is_logged_once),
		cmocka_unit_test(test_many_speak_at_once),
		cmocka_unit_test(test_stderr),
	};

	log_set_sink(LOG_SINK_NONE);
	return cmocka_run_group_tests_name("base log", tests, NULL, NULL);
}
