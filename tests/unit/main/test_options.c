/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "main/options.h"

#define WORDS_MAX 16

/* "a b c" as an argument vector after the program's name; '|' stands for a blank inside a word.
 */
static int parse(const char *line, struct options *o, enum options_verdict *verdict,
		 char **reason)
{
	char **words = g_strsplit(line, " ", WORDS_MAX);
	const char *argv[WORDS_MAX + 1] = {"sparkfs"};
	int argc = 1, r;

	for (int i = 0; words[i]; i++) {
		if (*words[i])
			argv[argc++] = g_strdelimit(words[i], "|", ' ');
	}
	r = options_parse(argc, argv, o, verdict, reason);
	g_strfreev(words);
	return r;
}

static struct options accept(const char *line)
{
	enum options_verdict verdict = OPTIONS_HELP;
	struct options o = {0};
	char *reason = NULL;

	if (parse(line, &o, &verdict, &reason) < 0)
		fail_msg("%s: %s", line, reason);
	assert_int_equal(verdict, OPTIONS_MOUNT);
	return o;
}

static void refuse(const char *line, const char *expected)
{
	enum options_verdict verdict;
	struct options o;
	char *reason = NULL;

	assert_int_equal(parse(line, &o, &verdict, &reason), -EINVAL);
	assert_string_equal(reason, expected);
	g_free(reason);
}

static void test_defaults(void **state)
{
	struct options o = accept("/mnt");

	(void)state;
	assert_string_equal(o.mountpoint, "/mnt");
	assert_string_equal(o.url, "https://webexapis.com/v1");
	assert_null(o.source);
	assert_null(o.token_file);
	assert_null(o.token_command);
	assert_null(o.cache_dir);
	assert_null(o.account);
	assert_null(o.fsname);
	assert_int_equal(o.recent, 1000);
	assert_int_equal(o.cache_messages, 1000000);
	assert_int_equal(o.cache_size, INT64_C(2) << 30);
	assert_int_equal(o.scan_timeout_s, 60);
	assert_false(o.is_unscannable);
	assert_int_equal(o.rate_per_minute, 300);
	assert_int_equal(o.timeout_s, 30);
	assert_int_equal(o.poll_s, 30);
	assert_int_equal(o.idle_s, 600);
	assert_int_equal(o.linger_s, 600);
	assert_int_equal(o.uid, -1);
	assert_int_equal(o.gid, -1);
	assert_int_equal(o.umask, 022);
	assert_int_equal(o.max_threads, 0);
	assert_false(o.is_cache_memory || o.is_read_only || o.is_recursive_delete ||
		     o.is_inotify || o.is_foreground || o.is_debug);
	assert_int_equal(o.passed->len, 0);
	options_clear(&o);
}

static void test_all_values(void **state)
{
	struct options o = accept(
		"-f -o url=https://x.example/v1,ro,token_file=/t,token_command=pass|a "
		"/mnt -o recent=25,account=my/work,rate=60 -otimeout=7 -o "
		"uid=5,gid=6,umask=077 "
		"-o recursive_delete,max_threads=20,fsname=name,cache=/c,allow_other "
		"-o "
		"poll=5,idle=60,linger=3,cache_messages=77,cache_size=500M,scan_timeout=9,"
		"unscannable");

	(void)state;
	assert_string_equal(o.url, "https://x.example/v1");
	assert_true(o.is_read_only && o.is_foreground && o.is_recursive_delete);
	assert_false(o.is_debug || o.is_cache_memory);
	assert_string_equal(o.token_file, "/t");
	assert_string_equal(o.token_command, "pass a");
	assert_int_equal(o.recent, 25);
	assert_string_equal(o.account, "my-work"); /* of systemd: my-work */
	assert_int_equal(o.rate_per_minute, 60);
	assert_int_equal(o.timeout_s, 7);
	assert_int_equal(o.poll_s, 5);
	assert_int_equal(o.idle_s, 60);
	assert_int_equal(o.linger_s, 3);
	assert_int_equal(o.cache_messages, 77);
	assert_int_equal(o.cache_size, 500 << 20);
	assert_int_equal(o.scan_timeout_s, 9);
	assert_true(o.is_unscannable);
	assert_int_equal(o.uid, 5);
	assert_int_equal(o.gid, 6);
	assert_int_equal(o.umask, 077);
	assert_int_equal(o.max_threads, 20);
	assert_string_equal(o.fsname, "name");
	assert_string_equal(o.cache_dir, "/c");
	assert_int_equal(o.passed->len, 1);
	assert_string_equal(g_ptr_array_index(o.passed, 0), "allow_other");
	options_clear(&o);
}

static void test_words_for_numbers(void **state)
{
	struct options o =
		accept("-o recent=all,rate=off,poll=off,cache=memory,cache_messages=all /mnt");

	(void)state;
	assert_int_equal(o.recent, 0);
	assert_int_equal(o.rate_per_minute, 0);
	assert_int_equal(o.poll_s, 0);
	assert_int_equal(o.cache_messages, 0);
	assert_true(o.is_cache_memory);
	assert_null(o.cache_dir);
	options_clear(&o);
}

static void test_last_one_counts(void **state)
{
	struct options o = accept("-o cache=/a,cache=memory,recent=1,recent=2 /mnt");

	(void)state;
	assert_true(o.is_cache_memory);
	assert_null(o.cache_dir);
	assert_int_equal(o.recent, 2);
	options_clear(&o);
	o = accept("-o cache=memory,cache=/b /mnt");
	assert_false(o.is_cache_memory);
	assert_string_equal(o.cache_dir, "/b");
	options_clear(&o);
}

static void test_debug_implies_foreground(void **state)
{
	struct options o = accept("-d /mnt");

	(void)state;
	assert_true(o.is_debug && o.is_foreground);
	options_clear(&o);
}

static void test_escaped_comma(void **state)
{
	struct options o = accept("-o token_command=sh|-c|'a\\,b',ro /mnt");

	(void)state;
	assert_string_equal(o.token_command, "sh -c 'a,b'");
	assert_true(o.is_read_only);
	options_clear(&o);
}

static void test_paths_become_absolute(void **state)
{
	char *home = g_build_filename(g_get_home_dir(), "t/x", NULL);
	char *here = g_canonicalize_filename("c", NULL);
	struct options o = accept("-o token_file=~/t/x,cache=c m");

	(void)state;
	assert_string_equal(o.token_file, home);
	assert_string_equal(o.cache_dir, here);
	assert_string_equal(o.mountpoint, "m");
	options_clear(&o);
	g_free(home);
	g_free(here);
}

/* What mount.fuse hands on from fstab and mount(8). */
static void test_source(void **state)
{
	struct options o = accept(
		"sparkfs /mnt -o rw,noexec,nosuid,nodev,dev,suid,noatime,_netdev,noauto,user,"
		"nofail,x-systemd.automount,x-gvfs-show,defaults,user=alice,comment=x");

	(void)state;
	assert_string_equal(o.source, "sparkfs");
	assert_string_equal(o.mountpoint, "/mnt");
	assert_string_equal(o.url, OPTIONS_DEFAULT_URL);
	assert_int_equal(o.passed->len, 2);
	assert_string_equal(g_ptr_array_index(o.passed, 0), "noexec");
	assert_string_equal(g_ptr_array_index(o.passed, 1), "noatime");
	options_clear(&o);

	o = accept("https://x.example/v1 /mnt -o rw");
	assert_string_equal(o.source, "https://x.example/v1");
	assert_string_equal(o.url, "https://x.example/v1");
	options_clear(&o);

	o = accept(
		"none /mnt -o url=http://127.0.0.1:1/v1,subtype=sparkfs,default_permissions");
	assert_string_equal(o.url, "http://127.0.0.1:1/v1");
	options_clear(&o);
}

/* Who else might get in, or be let do less than the mounter, is for the kernel to check. */
static void test_need_kernel(void **state)
{
	static const struct {
		const char *line;
		uid_t mounter;
		bool needs;
	} rows[] = {
		{"/mnt", 1000, false},
		{"-o uid=1000,gid=5,umask=077,ro,auto_unmount /mnt", 1000, false},
		{"/mnt", 0, true},
		{"-o default_permissions /mnt", 1000, true},
		{"-o allow_other /mnt", 1000, true},
		{"-o noexec,allow_root /mnt", 1000, true},
		{"-o uid=1001 /mnt", 1000, true},
		{"-o uid=0 /mnt", 1000, true},
		{"-o umask=0222 /mnt", 1000, true},
		{"-o umask=0700 /mnt", 1000, true},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct options o = accept(rows[i].line);

		if (options_need_kernel(&o, rows[i].mounter) != rows[i].needs)
			fail_msg("%s for %u", rows[i].line, rows[i].mounter);
		options_clear(&o);
	}
}

static void test_minus_minus(void **state)
{
	struct options o = accept("-o ro -- -f");

	(void)state;
	assert_string_equal(o.mountpoint, "-f");
	assert_false(o.is_foreground);
	options_clear(&o);
}

static void test_refused(void **state)
{
	static const struct {
		const char *line, *reason;
	} rows[] = {
		{"", "no mount point given"},
		{"-f", "no mount point given"},
		{"a b c", "too many arguments: c"},
		{"-o", "-o needs an argument"},
		{"/mnt -o", "-o needs an argument"},
		{"-x /mnt", "unknown option -x"},
		{"-s /mnt", "unknown option -s"},
		{"--token=x /mnt", "unknown option --token=x"},
		{"-o nonsense /mnt", "unknown option -o nonsense"},
		{"-o ro,nonsense=1,worse /mnt", "unknown option -o nonsense=1"},
		{"-o URL=x /mnt", "unknown option -o URL=x"},
		{"-o url /mnt", "-o url needs a value"},
		{"-o url= /mnt", "-o url= needs a value"},
		{"-o token_file= /mnt", "-o token_file= needs a value"},
		{"-o ro=1 /mnt", "-o ro takes no value"},
		{"-o ro,inotify /mnt",
		 "-o inotify needs a mount that can be written to, not -o ro"},
		{"-o recent=0 /mnt", "-o recent=0: not a number from 1 to 1000000 or all"},
		{"-o recent=-1 /mnt", "-o recent=-1: not a number from 1 to 1000000 or all"},
		{"-o recent=1x /mnt", "-o recent=1x: not a number from 1 to 1000000 or all"},
		{"-o recent=99999999999999999999 /mnt",
		 "-o recent=99999999999999999999: not a number from 1 to 1000000 or all"},
		{"-o rate=on /mnt", "-o rate=on: not a number from 1 to 1000000 or off"},
		{"-o cache_messages=0 /mnt",
		 "-o cache_messages=0: not a number from 1 to 2147483647 or all"},
		{"-o cache_size= /mnt",
		 "-o cache_size=: not a number of bytes such as 500M or 2G"},
		{"-o cache_size=-1 /mnt",
		 "-o cache_size=-1: not a number of bytes such as 500M or 2G"},
		{"-o cache_size=2T /mnt",
		 "-o cache_size=2T: not a number of bytes such as 500M or 2G"},
		{"-o cache_size=99999999999G /mnt",
		 "-o cache_size=99999999999G: not a number of bytes such as 500M or 2G"},
		{"-o scan_timeout=0 /mnt", "-o scan_timeout=0: not a number from 1 to 86400"},
		{"-o poll=0 /mnt", "-o poll=0: not a number from 1 to 86400 or off"},
		{"-o poll=86401 /mnt", "-o poll=86401: not a number from 1 to 86400 or off"},
		{"-o linger=off /mnt", "-o linger=off: not a number from 1 to 86400"},
		{"-o timeout=off /mnt", "-o timeout=off: not a number from 1 to 3600"},
		{"-o timeout=3601 /mnt", "-o timeout=3601: not a number from 1 to 3600"},
		{"-o umask=888 /mnt", "-o umask=888: not a file mode such as 077"},
		{"-o umask=1000 /mnt", "-o umask=1000: not a file mode such as 077"},
		{"-o account=../x /mnt",
		 "-o account=../x: only letters, digits and @._+-, at most 64 of them"},
		{"-o account=tokens /mnt",
		 "-o account=tokens: only letters, digits and @._+-, at most 64 of them"},
		{"/some/where /mnt", "/some/where: a source is an https:// address, or any "
				     "word, such as \"sparkfs\""},
		{"https://a/v1 /mnt -o url=https://b/v1",
		 "the source https://a/v1 and -o url=https://b/v1 differ"},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		refuse(rows[i].line, rows[i].reason);
}

static void test_help_and_version(void **state)
{
	static const struct {
		const char *line;
		enum options_verdict verdict;
	} rows[] = {
		{"--help", OPTIONS_HELP},
		{"-h /mnt", OPTIONS_HELP},
		{"-o nonsense --help", OPTIONS_HELP},
		{"--version --help", OPTIONS_HELP},
		{"--help --version", OPTIONS_HELP},
		{"-V", OPTIONS_VERSION},
		{"--version", OPTIONS_VERSION},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		enum options_verdict verdict = OPTIONS_MOUNT;
		struct options o;
		char *reason = NULL;

		assert_int_equal(parse(rows[i].line, &o, &verdict, &reason), 0);
		assert_int_equal(verdict, rows[i].verdict);
		options_clear(&o);
	}
}

/* The help names what the parser knows, and fits a terminal. */
static void test_help_is_complete(void **state)
{
	static const char *const names[] = {
		"-f",
		"-d",
		"--help",
		"--version",
		"url=",
		"ro ",
		"token_file=",
		"token_command=",
		"cache=DIR",
		"cache=memory",
		"cache_messages=",
		"cache_size=",
		"scan_timeout=",
		"unscannable",
		"recent=",
		"account=",
		"rate=",
		"timeout=",
		"poll=",
		"idle=",
		"linger=",
		"uid=",
		"gid=",
		"umask=",
		"recursive_delete",
		"inotify",
		"allow_other",
		"allow_root",
		"auto_unmount",
		"fsname=",
		"max_threads=",
		"max_read=",
		"WEBEX_ACCESS_TOKEN",
		"CISCO_SPARK_ACCESS_TOKEN",
	};
	char **lines = g_strsplit(options_help(), "\n", -1);

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		assert_non_null(strstr(options_help(), names[i]));
	for (int i = 0; lines[i]; i++)
		assert_true(strlen(lines[i]) <= 90);
	g_strfreev(lines);
}

/* Parses the command line over [defaults] and [account], which may be NULL. */
static struct options over(const char *defaults, const char *account, const char *line)
{
	const struct options_preset presets[] = {
		{defaults, "FILE: [defaults] options", "/etc/xdg/sparkfs", true},
		{account, "FILE: [account a] options", "/home/ann/.config/sparkfs", false},
	};
	char **words = g_strsplit(line, " ", WORDS_MAX);
	const char *argv[WORDS_MAX + 1] = {"sparkfs"};
	enum options_verdict verdict;
	struct options o = {0};
	char *reason = NULL;
	int argc = 1;

	for (int i = 0; words[i]; i++)
		argv[argc++] = words[i];
	if (options_parse_over(presets, account ? 2 : 1, argc, argv, &o, &verdict, &reason) < 0)
		fail_msg("%s, %s, %s: %s", defaults, account, line, reason);
	g_strfreev(words);
	return o;
}

static void test_presets(void **state)
{
	_cleanup_gfree_ char *in_home = g_build_filename(g_get_home_dir(), "c", NULL);
	struct options o = over("recent=5,ro,noatime,allow_root,token_file=t",
				"recent=6,cache=x", "/mnt -o poll=7");

	(void)state;
	assert_int_equal(o.recent, 6);
	assert_int_equal(o.poll_s, 7);
	assert_string_equal(o.cache_dir, "/home/ann/.config/sparkfs/x");
	assert_true(o.is_read_only);
	assert_int_equal(o.passed->len, 2);
	/* The token of mounts without an account is none of an account's. */
	assert_null(o.token_file);
	options_clear(&o);

	o = over("token_file=t", NULL, "/mnt");
	assert_string_equal(o.token_file, "/etc/xdg/sparkfs/t");
	options_clear(&o);
	o = over("token_file=t", NULL, "/mnt -o account=a");
	assert_null(o.token_file);
	options_clear(&o);
	/* One token replaces the other one, whichever is stronger at one place. */
	o = over("token_command=x", "token_command=y", "/mnt -o token_file=/z");
	assert_null(o.token_command);
	assert_string_equal(o.token_file, "/z");
	options_clear(&o);
	o = over("ro", "rw", "sparkfs /mnt -o rw");
	assert_false(o.is_read_only);
	options_clear(&o);
	o = over("rw", "rw,ro", "sparkfs /mnt -o rw");
	assert_true(o.is_read_only);
	options_clear(&o);
	o = over("ro", "token_command=y,token_file=$HOME/z", "/mnt");
	assert_string_equal(o.token_command, "y");
	assert_true(g_str_has_suffix(o.token_file, "/z") && o.token_file[0] == '/');
	options_clear(&o);
	o = over("cacert=${HOME}/c", "cache=~", "/mnt -o token_file=$HOME/z");
	assert_string_equal(o.cacert, in_home);
	assert_string_equal(o.cache_dir, g_get_home_dir());
	/* A shell expands that. */
	assert_true(g_str_has_suffix(o.token_file, "/$HOME/z"));
	options_clear(&o);
}

static void test_what_takes_back(void **state)
{
	static const struct {
		const char *defaults, *line;
		bool is_read_only, is_inotify;
		guint n_passed;
	} rows[] = {
		{"ro", "/mnt", true, false, 0},
		{"ro", "/mnt -o rw", false, false, 0},
		{"ro", "/mnt -o noro", false, false, 0},
		{"rw", "/mnt -o ro", true, false, 0},
		{"ro", "/mnt -o ro,rw", true, false, 0},
		/* mount(8) says rw of itself. */
		{"ro", "sparkfs /mnt -o rw,dev,suid", true, false, 0},
		{"inotify", "/mnt", false, true, 0},
		{"inotify", "/mnt -o ro", true, false, 0},
		{"inotify", "/mnt -o noinotify", false, false, 0},
		{"noexec,sync,dirsync", "/mnt -o exec,async", false, false, 0},
		{"allow_other,auto_unmount", "/mnt -o noallow_other", false, false, 1},
		{"allow_other", "/mnt -o allow_root", false, false, 1},
		{"max_read=5000", "/mnt -o max_read=6000", false, false, 1},
		{"noatime", "/mnt -o atime", false, false, 1},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct options o = over(rows[i].defaults, NULL, rows[i].line);

		if (o.is_read_only != rows[i].is_read_only ||
		    o.is_inotify != rows[i].is_inotify || o.passed->len != rows[i].n_passed)
			fail_msg("%s, %s", rows[i].defaults, rows[i].line);
		options_clear(&o);
	}
	refuse("/mnt -o noturl=x", "unknown option -o noturl=x");
	refuse("/mnt -o norecent", "unknown option -o norecent");
	refuse("/mnt -o noro=1", "unknown option -o noro=1");
	refuse("/mnt -o inotify,ro",
	       "-o inotify needs a mount that can be written to, not -o ro");
}

static void test_faults_of_presets(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{"nonsense", "F: unknown option -o nonsense"},
		{"recent=x", "F: -o recent=x: not a number from 1 to 1000000 or all"},
		{"url=x", "F: -o url=x does not stand here: url= is a key of the group"},
		{"account=a", "F: -o account=a does not stand here: it is the name of a group"},
		{"ro,--help", "F: unknown option -o --help"},
		{"-V", "F: unknown option -o -V"},
		{"-f", "F: unknown option -o -f"},
		{"ro,ro,recent=5,x-y=z", NULL},
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct options_preset preset = {rows[i].text, "F", "/", true};
		char *reason = NULL;

		assert_int_equal(options_check_preset(&preset, &reason),
				 rows[i].says ? -EINVAL : 0);
		if (rows[i].says)
			assert_string_equal(reason, rows[i].says);
		g_free(reason);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_all_values),
		cmocka_unit_test(test_words_for_numbers),
		cmocka_unit_test(test_last_one_counts),
		cmocka_unit_test(test_debug_implies_foreground),
		cmocka_unit_test(test_escaped_comma),
		cmocka_unit_test(test_paths_become_absolute),
		cmocka_unit_test(test_source),
		cmocka_unit_test(test_need_kernel),
		cmocka_unit_test(test_minus_minus),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_help_and_version),
		cmocka_unit_test(test_help_is_complete),
		cmocka_unit_test(test_presets),
		cmocka_unit_test(test_what_takes_back),
		cmocka_unit_test(test_faults_of_presets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
