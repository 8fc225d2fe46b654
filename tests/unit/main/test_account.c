/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <glib.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "main/account.h"

#define URL "https://webexapis.com/v1"
#define FINGERPRINT "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static char alice_id[] = "ID-ALICE", alice_email[] = "alice@example.com";
static char alice_new_email[] = "alice.smith@example.com";
static char bob_id[] = "ID-BOB", bob_email[] = "bob@example.com";

struct fixture {
	char *dir;
	struct account_roots roots;
	struct account_config config;
	struct account_owner alice, bob;
};

static int set_up(void **state)
{
	struct fixture *f = g_new0(struct fixture, 1);

	f->dir = g_dir_make_tmp("sparkfs-account-XXXXXX", NULL);
	f->roots.cache = g_build_filename(f->dir, "cache", "sparkfs", NULL);
	f->roots.state = g_build_filename(f->dir, "state", "sparkfs", NULL);
	f->config = (struct account_config){
		.roots = &f->roots,
		.base_url = URL,
		.fingerprint = FINGERPRINT,
	};
	f->alice = (struct account_owner){.id = alice_id, .email = alice_email};
	f->bob = (struct account_owner){.id = bob_id, .email = bob_email, .is_bot = true};
	*state = f;
	return 0;
}

static void remove_tree(const char *path)
{
	GDir *dir = g_dir_open(path, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		char *child = g_build_filename(path, name, NULL);

		if (g_file_test(child, G_FILE_TEST_IS_DIR) &&
		    !g_file_test(child, G_FILE_TEST_IS_SYMLINK))
			remove_tree(child);
		else
			unlink(child);
		g_free(child);
	}
	if (dir)
		g_dir_close(dir);
	rmdir(path);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	remove_tree(f->dir);
	g_free(f->dir);
	account_roots_clear(&f->roots);
	g_free(f);
	return 0;
}

static struct account open_account(struct fixture *f, const struct account_owner *owner)
{
	struct account a = {.lock_fd = -1};
	char *reason = NULL;

	if (account_open(&f->config, owner, &a, &reason) < 0)
		fail_msg("%s", reason);
	return a;
}

static void refuse(struct fixture *f, const struct account_owner *owner, int error,
		   const char *words)
{
	struct account a;
	char *reason = NULL;

	assert_int_equal(account_open(&f->config, owner, &a, &reason), error);
	assert_non_null(reason);
	if (!strstr(reason, words))
		fail_msg("%s: no \"%s\"", reason, words);
	assert_null(strchr(reason, '\n'));
	g_free(reason);
}

/* A mount of the account at `mountpoint` in another process, which ends after a moment or when it
 * is killed. */
static pid_t mount_elsewhere(struct fixture *f, const char *mountpoint)
{
	struct account_config config = f->config;
	struct account a;
	char *reason = NULL;
	int fds[2];
	char begun;
	pid_t pid;

	config.mountpoint = mountpoint;
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		if (account_open(&config, &f->alice, &a, &reason) == 0 &&
		    write(fds[1], "", 1) == 1)
			usleep(200 * 1000);
		_exit(0);
	}
	assert_int_equal(read(fds[0], &begun, 1), 1);
	close(fds[0]);
	close(fds[1]);
	return pid;
}

/* fusermount3 -u returns before sparkfs has put everything away. */
static void test_a_mount_that_ends_is_waited_for(void **state)
{
	struct fixture *f = *state;
	pid_t pid = mount_elsewhere(f, "/nothing is mounted here");
	struct account a = open_account(f, &f->alice);

	assert_int_equal(a.number, 1);
	account_close(&a);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_a_mount_that_is_there_is_not_waited_for(void **state)
{
	struct fixture *f = *state;
	pid_t pid = mount_elsewhere(f, "/");
	struct account a = open_account(f, &f->alice);

	assert_int_equal(a.number, 2);
	account_close(&a);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static unsigned mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 0777;
}

static void test_folders(void **state)
{
	struct fixture *f = *state;
	struct account a = open_account(f, &f->alice);
	char *cache = g_path_get_dirname(a.store_path);
	char *tokens = g_build_filename(f->roots.cache, "tokens", NULL);
	char *token = g_build_filename(tokens, FINGERPRINT, NULL);

	assert_true(g_str_has_prefix(a.key, "alice@example.com-"));
	assert_int_equal(strlen(a.key), strlen("alice@example.com-") + 12);
	assert_true(g_str_has_prefix(cache, f->roots.cache));
	assert_true(g_str_has_suffix(cache, a.key));
	assert_true(g_str_has_prefix(a.state_dir, f->roots.state));
	assert_int_equal(mode_of(f->roots.cache), 0700);
	assert_int_equal(mode_of(f->roots.state), 0700);
	assert_int_equal(mode_of(cache), 0700);
	assert_int_equal(mode_of(a.state_dir), 0700);
	assert_int_equal(mode_of(tokens), 0700);
	assert_int_equal(mode_of(token), 0600);
	g_free(cache);
	g_free(tokens);
	g_free(token);
	account_close(&a);
}

static void test_open_permissions_are_closed(void **state)
{
	struct fixture *f = *state;
	struct account a;

	assert_int_equal(g_mkdir_with_parents(f->roots.state, 0755), 0);
	assert_int_equal(chmod(f->roots.state, 0755), 0);
	a = open_account(f, &f->alice);
	assert_int_equal(mode_of(f->roots.state), 0700);
	account_close(&a);
}

static void test_recall(void **state)
{
	struct fixture *f = *state;
	struct account_owner who = {0};
	struct account a;

	assert_int_equal(account_recall(&f->config, &who), -ENOENT);
	a = open_account(f, &f->bob);
	account_close(&a);
	assert_int_equal(account_recall(&f->config, &who), 0);
	assert_string_equal(who.id, "ID-BOB");
	assert_string_equal(who.email, "bob@example.com");
	assert_true(who.is_bot);
	account_owner_clear(&who);

	/* Another token, another server: unknown. */
	f->config.fingerprint = "ff";
	assert_int_equal(account_recall(&f->config, &who), -ENOENT);
	f->config.fingerprint = FINGERPRINT;
	f->config.base_url = "https://other.example/v1";
	assert_int_equal(account_recall(&f->config, &who), -ENOENT);
}

static void test_recall_ignores_rubbish(void **state)
{
	struct fixture *f = *state;
	char *tokens = g_build_filename(f->roots.cache, "tokens", NULL);
	char *token = g_build_filename(tokens, FINGERPRINT, NULL);
	static const char *const texts[] = {"", "\xff\xfe\n", "[account]\n",
					    "[account]\nurl=" URL "\n",
					    "[account]\nurl=" URL "\nid=\nemail=x\n"};
	struct account_owner who;

	assert_int_equal(g_mkdir_with_parents(tokens, 0700), 0);
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		assert_true(g_file_set_contents(token, texts[i], -1, NULL));
		assert_int_equal(account_recall(&f->config, &who), -ENOENT);
	}
	g_free(tokens);
	g_free(token);
}

/* A renewed token is known by the name of the account. */
static void test_recall_by_name(void **state)
{
	struct fixture *f = *state;
	struct account_owner who;
	struct account a;

	f->config.name = "work";
	a = open_account(f, &f->alice);
	assert_string_equal(a.key, "work");
	account_close(&a);
	f->config.fingerprint = "ff";
	assert_int_equal(account_recall(&f->config, &who), 0);
	assert_string_equal(who.id, "ID-ALICE");
	account_owner_clear(&who);
}

static void test_name_of_another(void **state)
{
	struct fixture *f = *state;
	struct account a;

	f->config.name = "work";
	a = open_account(f, &f->alice);
	account_close(&a);
	refuse(f, &f->bob, -EEXIST, "in use for alice@example.com");
	f->config.base_url = "https://other.example/v1";
	refuse(f, &f->alice, -EEXIST, "another server");
}

static void test_changed_address_keeps_its_folder(void **state)
{
	struct fixture *f = *state;
	struct account a = open_account(f, &f->alice);
	char *key = g_strdup(a.key);

	account_close(&a);
	f->alice.email = alice_new_email;
	a = open_account(f, &f->alice);
	assert_string_equal(a.key, key);
	account_close(&a);
	g_free(key);
}

static void test_hostile_address(void **state)
{
	static const char *const emails[] = {"../../etc", ".",		 "-rf",
					     "",	  "a/b\n\x1b[m", "\xc3\xa4@x"};
	struct fixture *f = *state;

	for (size_t i = 0; i < G_N_ELEMENTS(emails); i++) {
		char id[] = {'I', 'D', (char)('0' + i), '\0'};
		struct account_owner o = {.id = id, .email = (char *)(uintptr_t)emails[i]};
		struct account a = open_account(f, &o);

		assert_null(strchr(a.key, '/'));
		assert_null(strchr(a.key, '\n'));
		assert_null(strchr(a.key, '\x1b'));
		assert_true(a.key[0] != '.' && a.key[0] != '-' && strlen(a.key) >= 13);
		account_close(&a);
	}
}

/* Two daemons never share an outbox. */
static void test_second_mount_has_its_own_outbox(void **state)
{
	struct fixture *f = *state;
	struct account first = open_account(f, &f->alice);
	struct account second = open_account(f, &f->alice);
	char *other = g_strconcat(first.state_dir, "~2", NULL);

	assert_string_equal(second.state_dir, other);
	account_close(&second);
	assert_false(g_file_test(other, G_FILE_TEST_EXISTS));

	second = open_account(f, &f->alice);
	assert_string_equal(second.state_dir, other);
	account_close(&first);
	first = open_account(f, &f->alice);
	assert_int_equal(first.number, 1);
	account_close(&first);
	account_close(&second);
	g_free(other);
}

static void test_memory(void **state)
{
	struct fixture *f = *state;
	struct account_owner who;
	struct account a;

	g_clear_pointer(&f->roots.cache, g_free);
	a = open_account(f, &f->alice);
	assert_null(a.store_path);
	assert_null(a.reserve_path);
	assert_non_null(a.state_dir);
	account_close(&a);
	assert_int_equal(account_recall(&f->config, &who), -ENOENT);
}

static void test_unusable_folder(void **state)
{
	struct fixture *f = *state;
	char *parent = g_path_get_dirname(f->roots.cache);

	/* A file is in the way. */
	assert_true(g_file_set_contents(parent, "x", -1, NULL));
	refuse(f, &f->alice, -ENOTDIR, "-o cache=DIR");
	g_free(parent);
}

/* ---- what is in our folders and is not ours ---- */

static char *put_old(const char *folder, const char *name)
{
	const struct timespec old[2] = {{.tv_sec = 1600000000}, {.tv_sec = 1600000000}};
	char *path = g_build_filename(folder, name, NULL);

	assert_true(g_file_set_contents(path, "years of work", -1, NULL));
	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
	return path;
}

/* Somebody's own folder that is called as ours; only old tokens go. */
static void test_tokens_that_are_none(void **state)
{
	struct fixture *f = *state;
	char *tokens = g_build_filename(f->roots.cache, "tokens", NULL);
	char hash[] = FINGERPRINT;
	char *thesis, *token, *half, *link;
	struct account a;

	hash[0] = 'f';
	assert_int_equal(g_mkdir_with_parents(tokens, 0755), 0);
	assert_int_equal(chmod(tokens, 0755), 0);
	thesis = put_old(tokens, "thesis.tex");
	token = put_old(tokens, hash);
	hash[1] = 'f';
	half = g_strconcat(hash, ".A1b2C3", NULL);
	g_free(put_old(tokens, half));
	hash[2] = 'f';
	link = g_build_filename(tokens, hash, NULL);
	assert_int_equal(symlink(thesis, link), 0);
	a = open_account(f, &f->alice);
	account_close(&a);
	assert_true(g_file_test(thesis, G_FILE_TEST_EXISTS));
	assert_true(g_file_test(link, G_FILE_TEST_IS_SYMLINK));
	assert_false(g_file_test(token, G_FILE_TEST_EXISTS));
	g_free(token);
	token = g_build_filename(tokens, half, NULL);
	assert_false(g_file_test(token, G_FILE_TEST_EXISTS));
	assert_int_equal(mode_of(tokens), 0755);
	g_free(thesis);
	g_free(token);
	g_free(half);
	g_free(link);
	g_free(tokens);
}

/* Links, where folders and files of ours would be, lead to what is not. */
static void test_links_are_not_followed(void **state)
{
	struct fixture *f = *state;
	char *tokens = g_build_filename(f->roots.cache, "tokens", NULL);
	char *home = g_build_filename(f->dir, "home", NULL);
	char *token, *tax;
	struct account a;

	assert_int_equal(g_mkdir_with_parents(f->roots.cache, 0700), 0);
	assert_int_equal(g_mkdir(home, 0755), 0);
	assert_int_equal(chmod(home, 0755), 0);
	tax = put_old(home, "tax.pdf");
	assert_int_equal(symlink(home, tokens), 0);
	refuse(f, &f->alice, -ELOOP, "symbolic link");
	assert_int_equal(mode_of(home), 0755);
	assert_true(g_file_test(tax, G_FILE_TEST_EXISTS));

	/* The file of the token itself is replaced, not followed. */
	assert_int_equal(unlink(tokens), 0);
	assert_int_equal(g_mkdir(tokens, 0700), 0);
	token = g_build_filename(tokens, FINGERPRINT, NULL);
	assert_int_equal(symlink(tax, token), 0);
	a = open_account(f, &f->alice);
	account_close(&a);
	assert_false(g_file_test(token, G_FILE_TEST_IS_SYMLINK));
	assert_int_equal(unlink(token), 0);
	/* Nobody waits for a FIFO's other end. */
	assert_int_equal(mkfifo(token, 0600), 0);
	a = open_account(f, &f->alice);
	account_close(&a);
	assert_true(g_file_test(token, G_FILE_TEST_IS_REGULAR));
	g_free(token);
	g_free(tax);
	g_free(home);
	g_free(tokens);
}

static void assert_mounted_at(struct fixture *f, const char *where)
{
	char *found = account_mounted_at(&f->roots, URL, alice_id);

	if (!found || !where)
		assert_ptr_equal(found, where);
	else
		assert_string_equal(found, where);
	g_free(found);
}

/* Of the account, under whatever name its folders are. */
static void test_beside_a_mount(void **state)
{
	static const char *const names[] = {NULL, "work"};
	struct fixture *f = *state;

	/* Something is mounted there, so that the second does not wait for the end of the first. */
	f->config.mountpoint = "/";
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		struct account first, second;
		char *store;

		f->config.name = names[i];
		first = open_account(f, &f->alice);
		second = open_account(f, &f->alice);
		assert_mounted_at(f, "/");
		account_close(&first);
		assert_mounted_at(f, "/");
		/* The disk was full. */
		assert_int_equal(ftruncate(second.lock_fd, 0), 0);
		assert_mounted_at(f, "");
		store = g_path_get_dirname(second.store_path);
		account_close(&second);
		assert_mounted_at(f, NULL);

		assert_int_equal(account_purge(&f->roots, URL, bob_id), 0);
		assert_true(g_file_test(store, G_FILE_TEST_IS_DIR));
		assert_int_equal(account_purge(&f->roots, URL, alice_id), 0);
		assert_false(g_file_test(store, G_FILE_TEST_EXISTS));
		g_free(store);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_folders, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_open_permissions_are_closed, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_recall, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_recall_ignores_rubbish, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_recall_by_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_name_of_another, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_changed_address_keeps_its_folder, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_hostile_address, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_second_mount_has_its_own_outbox, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_memory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unusable_folder, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_tokens_that_are_none, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_links_are_not_followed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_mount_that_ends_is_waited_for, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_a_mount_that_is_there_is_not_waited_for,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_beside_a_mount, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
