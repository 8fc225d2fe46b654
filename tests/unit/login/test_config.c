/* SPDX-License-Identifier: MIT */
/* Where the integration is, also one that was built in. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <glib.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/home.h"
#include "login/built_in.h"
#include "login/config.h"
#include "login/config_file.h"
#include "webex/variables.h"

/* In the place of what meson's options say: the library's own object is left out. */
const char login_built_in_id[] = "built-id";
const char login_built_in_secret[] = "built-secret";

static char *dir, *path;

static int set_up(void **state)
{
	_cleanup_gfree_ char *folder = NULL;

	(void)state;
	dir = g_dir_make_tmp("sparkfs-config-XXXXXX", NULL);
	folder = g_build_filename(dir, "sparkfs", NULL);
	path = g_build_filename(folder, "config", NULL);
	g_setenv("XDG_CONFIG_HOME", dir, TRUE);
	g_setenv("XDG_CONFIG_DIRS", "/nowhere", TRUE);
	g_setenv("HOME", "/home/ann", TRUE);
	return g_mkdir(folder, 0700);
}

static int tear_down(void **state)
{
	char *argv[] = {(char *)"rm", (char *)"-rf", dir, NULL};

	(void)state;
	g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
	g_free(path);
	g_free(dir);
	return 0;
}

/* "id secret scopes port", or the reason why there is none. */
static char *find(const char *text)
{
	struct login_integration i;
	char *said = NULL;

	if (text)
		assert_true(g_file_set_contents(path, text, -1, NULL));
	else
		(void)unlink(path);
	if (login_integration_find(&i, &said) == 0) {
		said = g_strdup_printf("%s %s %s %d", i.id, i.secret, i.scopes, i.port);
		login_integration_clear(&i);
	}
	return said;
}

static void check(const char *text, const char *wanted)
{
	_cleanup_gfree_ char *said = find(text);

	if (!strstr(said, wanted))
		fail_msg("%s\n%s", text, said);
}

static void test_the_first_that_is_there(void **state)
{
	(void)state;
	check(NULL, "built-id built-secret spark:all spark:kms 53682");
	check("", "built-id ");
	/* Beside what was built in, the details can be configured. */
	check("[integration]\nport=8080\nscopes=spark:all\n",
	      "built-id built-secret spark:all 8080");
	check("[integration]\nclient_id=c\nclient_secret_command=echo s\n", "c s spark:all");
	check("[integration]\r\nclient_id= c \r\nclient_secret_command=echo s\r\n",
	      "c s spark:all");
	check("[integration]\nclient_id=\nclient_secret_command=echo s\n", "built-id ");
	g_setenv("CISCO_SPARK_CLIENT_ID", "e", TRUE);
	g_setenv("CISCO_SPARK_CLIENT_SECRET", "es", TRUE);
	webex_variables_take();
	/* What is said beside another id is not about this one. */
	check("[integration]\nclient_id=c\nclient_secret_command=echo s\nport=8080\n",
	      "e es spark:all spark:kms 53682");
	check("[integration]\nclient_id=e\nport=8080\n", "e es spark:all spark:kms 8080");
	g_setenv("CISCO_SPARK_CLIENT_ID", "", TRUE);
	webex_variables_take();
}

static void test_values_stand_as_they_are(void **state)
{
	(void)state;
	check("[integration]\nclient_id=c\nclient_secret_command=printf 'a\\142c'\n", "c abc ");
	check("[integration]\nclient_id=c\nclient_secret_command=echo 'x y=z' | cut -c3-\n",
	      "c y=z ");
}

static void test_faults(void **state)
{
	static const char begins[] = "[integration]\nclient_id=c\n";
	static const struct {
		const char *more, *says;
	} rows[] = {
		{"", "client_id: neither client_secret_command nor client_secret_file"},
		{"client_secret_command=false", "client_secret_command failed"},
		{"client_secret_command=exit 77", "client_secret_command failed"},
		{"client_secret_file=missing", "missing: No such file"},
		{"client_secret_file=~/missing", "/home/ann/missing: No such file"},
		{"client_secret_file=a\nclient_secret_command=b", "one of them is enough"},
		{"client_secret_command=echo s\nport=0", "] port: not a number from 1"},
		{"client_secret_command=echo s\nport=65536", "] port: not a number from 1"},
		{"client_secret_command=echo s\nport=80 80", "] port: not a number from 1"},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		_cleanup_gfree_ char *text = g_strconcat(begins, rows[i].more, "\n", NULL);

		check(text, rows[i].says);
	}
	check("[integration\n", path);
}

static void test_paths(void **state)
{
	static const struct {
		const char *value, *home;
	} rows[] = {
		{"~", "/home/ann"},
		{"~/x", "/home/ann/x"},
		{"$HOME/x", "/home/ann/x"},
		{"${HOME}", "/home/ann"},
		{"~bob/x", NULL},
		{"$HOMES/x", NULL},
		{"/x", NULL},
		{"x", NULL},
	};
	struct config_file f = {.path = path};
	_cleanup_gfree_ char *beside = config_path(&f, "x");
	_cleanup_gfree_ char *wanted = g_build_filename(dir, "sparkfs/x", NULL);

	(void)state;
	assert_string_equal(beside, wanted);
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		_cleanup_gfree_ char *home = home_path(rows[i].value);

		assert_int_equal(home != NULL, rows[i].home != NULL);
		if (home)
			assert_string_equal(home, rows[i].home);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_first_that_is_there),
		cmocka_unit_test(test_values_stand_as_they_are),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_paths),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
